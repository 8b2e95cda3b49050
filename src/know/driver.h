// What an NVIDIA driver can run: rules/data/driver_cuda.tsv and the rule over it.
#pragma once

#include "base/json.h"
#include "base/str.h"

enum ff_driver_verdict {
	FF_DRIVER_OK,	     /**< as new as the toolkit's own driver: everything works */
	FF_DRIVER_NO_PTX,    /**< runs by minor-version compatibility; PTX of this toolkit does not (error 222) */
	FF_DRIVER_TOO_OLD,   /**< "CUDA driver version is insufficient" */
	FF_DRIVER_NOT_KNOWN, /**< the table does not know this toolkit, or a version could not be read */
};

/** What a toolkit asks for; spans into the embedded table, empty where it says nothing. */
struct ff_driver_needs {
	struct ff_span own;   /**< the toolkit's own driver, "530.30.02" */
	struct ff_span floor; /**< the oldest that minor-version compatibility allows, "525.60.13" */
};

/** Does this driver ("570.86.10") run programs of this CUDA runtime ("12.8", "12.8.57")? *ret may be NULL; it is set
    as far as the table knows, also when the driver is not. */
enum ff_driver_verdict ff_know_driver_runs(const char *driver, const char *cuda, struct ff_driver_needs *ret);

/** The newest CUDA whose own driver is not newer than this one ("570.86.10" -> "12.8"); empty when it is older than
    all. */
struct ff_span ff_know_driver_cuda(const char *driver);

/** Compare two versions of dotted numbers: <0, 0, >0. A missing part counts as 0; parsing stops at the first other
    character. */
int ff_know_version_compare(struct ff_span a, struct ff_span b);

/** "ok", "no-ptx", "too-old", "not-known". */
const char *ff_driver_verdict_name(enum ff_driver_verdict verdict);

/** True when libcuda was looked for and is not on this machine: whatever needs it finds no GPU. */
bool ff_know_no_cuda_driver(const json_t *facts);
