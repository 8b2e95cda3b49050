// Folders and files that nobody else can have filled: what a privileged process may read back.
#pragma once

#include "base/error.h"

#include <sys/stat.h>

/** Walk to a folder, making what is missing (mode 0700). *ret_path is its path without links (caller frees). It must be
    ours, or root's and writable to us, and nobody else may be able to put files into it; links on the way must be
    root's or ours. */
struct ff_error *ff_safedir_open(const char *path, char **ret_path);

/** Why a folder is not to be trusted, NULL: it is. */
const char *ff_safedir_doubt(const struct stat *st);

/** Open a file that only we can have written: a regular one, ours, with one name, writable by nobody else. Files in
    memory (/proc/PID/fd/N, as the supervisor names them) count. `path` may not end in a link. *ret is a descriptor. */
struct ff_error *ff_safe_file_open(const char *path, int *ret);
