// Folders where lanes are looked for when the state folder refuses them.
#pragma once

#include "base/error.h"

#include <stddef.h>

/** "/dev/shm/firstfix-<uid>-<hash>", where <hash> stands for the path of the state folder that refused (an absolute
    path; "" where there is none): survives the process, not the machine. False when it does not fit. */
bool ff_record_shm_dir(const char *state_dir, size_t n, char *ret);

/** That folder is there and was not made by somebody else. */
bool ff_record_shm_is_ours(const char *path);

/** True when the start of recording found lanes of processes that ended without a word (ring/left.h). */
bool ff_record_left(void);
