// Words without a speaker are noise: what a rule must say of who says its signatures.
#pragma once

#include "base/error.h"

#include <lua.h>
#include <stdbool.h>

/** True when each text that the pattern matches holds a name: an identifier, a file, a flag, a number behind letters.
    What has none is plain words, which anybody can say. */
bool ff_pattern_names(const char *pattern);

/** Check `from` and `anyone` of the block at this index. With `complete` each signature of plain words must be in one
    of them. */
struct ff_error *ff_rule_speakers_check(lua_State *L, int block, bool complete);
