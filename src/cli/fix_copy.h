// A throwaway copy of a virtual environment: the same packages, none of the user's files touched.
#pragma once

#include "base/error.h"

struct ff_env_copy {
	char *from;   /**< the environment's folder */
	char *folder; /**< the copy's, below $TMPDIR; removed by ff_env_copy_deinit() */
	char *python; /**< the copy's interpreter */
};

/** Copy the environment of this interpreter by reflinks or hard links where the file system has them. An interpreter
    that is in no virtual environment gets an empty one over it that sees its packages. FF_EOS with ENOSPC when there is
    no room. */
struct ff_error *ff_env_copy_make(const char *python, unsigned deadline_ms, struct ff_env_copy *ret);
void ff_env_copy_deinit(struct ff_env_copy *copy);
