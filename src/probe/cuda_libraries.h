// Every CUDA library on the machine's search paths, for the probe `cuda`.
#pragma once

#include "probe/native_world.h"

/** A folder that may hold CUDA libraries. */
struct ff_cuda_place {
	const char *folder;
	const char *from; /**< "LD_LIBRARY_PATH", "toolkit", "pip", "torch", "conda" */
};

/** The libraries found so far: one entry a file, however many names and places lead to it. */
struct ff_cuda_libraries {
	struct ff_probe_ctx *ctx;
	json_t *list; /**< cuda.libraries */
	struct {
		dev_t dev;
		ino_t ino;
	} ids[512];	  /**< of the entries of list */
	const char *site; /**< where pip's nvidia/ folder is; NULL for none */
};

/** Add what one folder holds. Absence is fine. */
void ff_cuda_look_in(struct ff_cuda_libraries *libraries, const struct ff_cuda_place *place);

/** Add what /etc/ld.so.cache names. */
void ff_cuda_look_in_cache(struct ff_cuda_libraries *libraries);

/** The entry of a file, borrowed; it is made when it was on no path. NULL when the file is no CUDA library. */
json_t *ff_cuda_entry(struct ff_cuda_libraries *libraries, const char *path, const char *from);

/** The table's row of a file name: "libcudart.so.12" is libcudart; NULL span for none. */
struct ff_span ff_cuda_library_name(const char *file_name);
