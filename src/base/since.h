// A moment in the past, as people write one on a command line.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** What to say of a text that is none: the format of ff_usage_error(). */
#define FF_SINCE_WRONG "'%s' is no time: use 90s, 10m, 2h, 1d, @SECONDS or 2026-11-23T03:14:03Z"

/** "90s", "10m", "2h", "1d" before now; "@SECONDS" since the epoch; "2026-11-23T03:14:03[.5][Z]" in UTC: nanoseconds
    since the epoch. */
bool ff_since_parse(const char *text, uint64_t *ret);
