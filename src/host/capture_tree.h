// Files, folders and links made below one descriptor, by paths of the machine that is captured. For capture.c only.
#pragma once

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

/** Make a folder and those above it. */
struct ff_error *ff_tree_dir(int dir_fd, const char *path);

/** Make a link as it stood there; one that is there already stays. */
struct ff_error *ff_tree_link(int dir_fd, const char *path, const char *target);

/** Open a file for writing, making it and the folders above. *ret_made is true when it was not there before. */
struct ff_error *ff_tree_file(int dir_fd, const char *path, int *ret_fd, bool *ret_made);
