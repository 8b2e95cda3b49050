// What a number or a name means that CUDA, cuDNN, NCCL, NVML, HIP or the system answers with:
// rules/data/error_codes.tsv.
#pragma once

#include "base/str.h"

/** One code; spans into the embedded table, empty where it says nothing. */
struct ff_error_code {
	struct ff_span library; /**< cuda, hip, nvml, cudnn, cublas, cusolver, cufft, nccl, errno */
	struct ff_span number;
	struct ff_span name;  /**< CUDA_ERROR_SYSTEM_NOT_READY */
	struct ff_span words; /**< "system not yet initialized" */
	struct ff_span cause; /**< of rules/causes.tsv, or a family of them: "oom.*" */
};

/** A code by its number ("802") or its name in any library's spelling; of `library` only, unless that is NULL. */
bool ff_know_error_code(const char *library, struct ff_span key, struct ff_error_code *ret);

/** The codes that name this cause, at most `max`; how many there are of them. */
size_t ff_know_error_codes(const char *cause, struct ff_error_code *codes, size_t max);
