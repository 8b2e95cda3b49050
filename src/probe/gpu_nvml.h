// Reading one GPU through NVML into an object of `gpus`.
#pragma once

#include "host/cuda_driver.h"
#include "host/nvml.h"
#include "probe/probe.h"

/** Who asks what; `gpu` is filled. */
struct ff_gpu_reader {
	struct ff_probe_ctx *ctx;
	const struct ff_nvml *nvml;
	const struct ff_cuda *cuda; /**< initialised, when NVML is too old to count cores; else NULL */
	ff_nvml_device device;
	unsigned index;
	json_t *gpu;
	const char *call; /**< being made */
	bool lost;	  /**< the GPU is gone: nothing more is asked */
};

/** Announce a call; false when it should not be made: the driver has no such function, or the GPU is lost. */
bool ff_gpu_begin(struct ff_gpu_reader *r, const char *call, bool exists);

/** True when the call went well. What a GPU does not support is no miss; any other code is one, and a lost GPU is
    remembered in its `error`. */
bool ff_gpu_ok(struct ff_gpu_reader *r, int code);

/** Put a value at a dotted path of the GPU; stolen. */
void ff_gpu_put(struct ff_gpu_reader *r, const char *path, json_t *value);

/** Everything about one GPU but what concerns its neighbours. */
void ff_gpu_read(struct ff_gpu_reader *r);

/** ecc, mig, nvlink and fabric (gpu_nvml_health.c). */
void ff_gpu_read_health(struct ff_gpu_reader *r);
