// The state folder: $FIRSTFIX_DIR, else /var/lib/firstfix for root, else $XDG_STATE_HOME/firstfix or
// ~/.local/state/firstfix. It holds lanes/, tails/ and firstfix.db.
#pragma once

#include "base/error.h"

/** Its path, absolute; `given` wins over the environment when not NULL. Nothing is touched. Caller frees. */
struct ff_error *ff_statedir_path(const char *given, char **ret);

/** The same after making it (mode 0700, with its parents) and its folder `sub` (NULL: none), which is what is returned.
    Refuses, with a clear reason: read-only, not a folder, of a later version, or one that others can put files into or
    replace (base/safedir.h), on the way to it too. */
struct ff_error *ff_statedir_make(const char *given, const char *sub, char **ret);

/** A folder that somebody names must be there: an empty answer for a misspelt one would read as "nothing happened".
    NULL is fine. */
struct ff_error *ff_statedir_check(const char *given);

/** How many bytes it may hold: $FIRSTFIX_MAX_MIB, else 512 MiB. The database gets half, lanes an eighth, all else a
    quarter. */
uint64_t ff_statedir_max_bytes(void);

/** True when the folder lies on a network file system, where a shared mapping can fail at any later time. */
bool ff_statedir_is_network(const char *path);
