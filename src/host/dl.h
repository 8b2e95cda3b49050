// Opening a vendor's library at run time. Nothing of it is needed to build or to test: our own declarations of its
// ABI, and every symbol optional, because a driver can be ten years old or newer than us.
//
// For tests a stand-in is named by an environment variable: FIRSTFIX_NVML=/path/libnvidia-ml.so.1, FIRSTFIX_CUDA=... An
// empty value means "there is none".
#pragma once

#include "base/error.h"

/** Where a symbol goes: `offset` of a function pointer in the caller's struct. Of several rows for one slot the
    first that the library has wins, so list the newest name first; only rows of the same signature may share a slot. */
struct ff_dl_symbol {
	const char *name;
	size_t offset;
};

struct ff_dl_spec {
	const char *soname;   /**< "libnvidia-ml.so.1" */
	const char *override; /**< "FIRSTFIX_NVML" */
	const struct ff_dl_symbol *symbols;
	size_t symbol_count;
};

/** Where drivers are mounted without the loader being told; NULL-terminated. Searched after the loader's own places. */
extern const char *const ff_dl_driver_folders[];

/** An opened library. */
struct ff_dl {
	void *handle;
	char *path;	/**< what was loaded, links resolved; NULL when the loader does not say */
	bool inherited; /**< it was mapped before: by the process that we were forked from */
};

/** Open the library and fill the slots of `table`; those it lacks are NULL. FF_EABSENT when it is nowhere;
    FF_EFORMAT with the loader's words when a file is there that cannot be loaded (an empty stub left by an image
    build). */
struct ff_error *ff_dl_open(const struct ff_dl_spec *spec, void *table, struct ff_dl *ret);

/** The same for a library of which every symbol is needed: FF_EABSENT names one that it lacks. */
struct ff_error *ff_dl_open_whole(const struct ff_dl_spec *spec, void *table, struct ff_dl *ret);

/** Frees the names; the library itself stays loaded: vendor libraries start threads and do not survive dlclose(). */
void ff_dl_deinit(struct ff_dl *dl);
