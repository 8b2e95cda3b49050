// Folders where lanes are looked for when the state folder refuses them.
#pragma once

#include "base/error.h"

#include <stddef.h>

/** "/dev/shm/firstfix-<uid>": survives the process, not the machine. False when it does not fit. */
bool ff_record_shm_dir(size_t n, char *ret);
