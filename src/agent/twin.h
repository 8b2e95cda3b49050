// A mapped file that holds something plain twice: a batch of changes is made in the copy that is not in use, then one
// store makes that copy the one in use. So whatever kills us, and whenever, a batch counts whole or not at all.
//
// It is ours alone (0600 in a folder of 0700) and read by programs of the same build only: a file of another size or
// layout is made anew. Whoever cuts it under us costs us our life, not the worker.
#pragma once

#include "base/error.h"

struct ff_twin;

/** Open the file, or make it (zeros) where it is missing or of another version. FF_EDENIED when another process holds
    it, with `held` as the reason; FF_EABSENT when it is not there and `make` is false. */
struct ff_error *ff_twin_open(
	const char *path, const char magic[8], size_t size, bool make, const char *held, struct ff_twin **ret);
void ff_twin_close(struct ff_twin *twin);

/** The copy in use. */
const void *ff_twin_now(const struct ff_twin *twin);

/** Begin a batch: the other copy, the same as the one in use so far. */
void *ff_twin_begin(struct ff_twin *twin);
/** Make it the one in use. */
void ff_twin_commit(struct ff_twin *twin);
