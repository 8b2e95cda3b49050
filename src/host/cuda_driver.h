// The CUDA driver library (libcuda), opened at run time: initialisation and attributes only, never a context.
#pragma once

#include "host/cuda_abi.h"
#include "host/dl.h"

#include <stddef.h>

/** Every member may be NULL. */
struct ff_cuda {
	int (*init)(unsigned);
	int (*driver_version)(int *);
	int (*count)(int *);
	int (*device)(ff_cuda_device *, int);
	int (*device_by_bus_id)(ff_cuda_device *, const char *);
	int (*name)(char *, int, ff_cuda_device);
	int (*uuid)(struct cuda_uuid *, ff_cuda_device);
	int (*total_memory)(size_t *, ff_cuda_device);
	int (*attribute)(int *, int, ff_cuda_device);
	int (*bus_id)(char *, int, ff_cuda_device);
	int (*error_name)(int, const char **);
	int (*error_string)(int, const char **);
	struct ff_dl lib;
};

/** Open the library; nothing is initialised. In a fork of a process that uses CUDA every answer will be error 3. */
struct ff_error *ff_cuda_open(struct ff_cuda *ret);
void ff_cuda_deinit(struct ff_cuda *cuda);

/** "CUDA_ERROR_UNKNOWN" for 999; from the library, else from our own short list, else "CUDA_ERROR". Never NULL. */
const char *ff_cuda_error_name(const struct ff_cuda *cuda, int code);

/** What the code says in words; NULL when neither the library nor we know. */
const char *ff_cuda_error_text(const struct ff_cuda *cuda, int code);
