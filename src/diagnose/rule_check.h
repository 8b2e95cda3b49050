// The fields of a rule block and their types, checked when a rule is loaded.
#pragma once

#include "base/error.h"

#include <lua.h>

/** Check the block on top of the stack. The message is "<file>:<line>: rule '<id>': <what>". `built_in` rules must name
    a cause of causes.tsv; others must do so or have a title. */
struct ff_error *ff_rule_check(lua_State *L, const char *file, bool built_in);
