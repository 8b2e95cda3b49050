// The `atlas` library of rules: which releases have a name, an attribute, a parameter (src/know/atlas_ask.h).
#pragma once

#include <lua.h>

/** Push the library. name(module, name or nil, version), attribute(package, class, name, version), parameter(package,
    "Class.method", name, version, must) and beside(package, version, other, version of that) give {state = "here",
    "changed", "never" or "unknown", package, first, last, newer and older (bounds), newer_by, older_by, moved,
    nearest}, or nil for a package that is not in the atlas; owners(class) a list of packages; lacks({package =
    version}) a list of {package, have, other, other_have, module, name}. */
void ff_lua_atlas_open(lua_State *L);
