// A throwaway copy of a virtual environment: the same packages, none of the user's files touched.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <time.h>

struct ff_env_copy {
	char *from;   /**< the environment's folder, NULL for an interpreter that is in none */
	char *of;     /**< the interpreter that it is a copy for */
	char *folder; /**< the copy's; removed by ff_env_copy_deinit() */
	char *env;    /**< the copied environment in it */
	char *python; /**< the copy's interpreter */
	char *mark;   /**< a file that is there once an interpreter of the copy was started with FIRSTFIX_TRY=PATH */
	int lock;     /**< held on the folder: who finds it free removes it */
	struct timespec changed; /**< when a package of the environment last came or went */
};

/** Copy the environment of this interpreter by reflinks or hard links where the file system has them: below $TMPDIR, or
    beside the environment where that is another file system. An interpreter that is in no virtual environment gets an
    empty one over it that sees its packages. FF_EOS where there is no room. What killed calls left is removed. */
struct ff_error *ff_env_copy_make(const char *python, unsigned deadline_ms, struct ff_env_copy *ret);
void ff_env_copy_deinit(struct ff_env_copy *copy);

/** Did packages of the original come or go since the copy was made? */
bool ff_env_copy_is_stale(const struct ff_env_copy *copy);
