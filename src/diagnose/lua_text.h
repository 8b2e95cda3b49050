// Text functions of rules: PCRE2 matching, splitting, and versions.
#pragma once

#include <lua.h>

/** Add match, find, gmatch, gsub, has, split to the table on top of the stack. */
void ff_lua_text_open(lua_State *L);

/** `any` of rules: any{[[a]], [[b]]} is the pattern that matches one of them, "(?:a|b)". */
int ff_lua_any(lua_State *L);

/** Push the `version` library: cmp(a, b) -> -1, 0, 1; matches(v, ">=2.1,<2.4") -> boolean. */
void ff_lua_version_open(lua_State *L);
