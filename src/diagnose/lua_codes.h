// `codes` of rules: a pattern out of rules/data/error_codes.tsv.
#pragma once

#include <lua.h>

/** codes"driver.fabric-manager" -> the pattern that matches each code that names this cause (or one of several), by
    number, name or words, and takes {code} or {code_name}. */
int ff_lua_codes(lua_State *L);
