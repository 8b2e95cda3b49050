// The `version` library of rules: PEP 440 from parse/version.h. A version that cannot be read gives nil, "not known".
#include "diagnose/lua_text.h"

#include "parse/version.h"

#include <lauxlib.h>

static int version_cmp(lua_State *L)
{
	struct ff_version a, b;
	if (!ff_version_parse(ff_span_of(luaL_checkstring(L, 1)), &a) ||
		!ff_version_parse(ff_span_of(luaL_checkstring(L, 2)), &b))
		return 0;
	// "2.6.0+cu124" is not newer than "2.6.0": the local part says how it was built, not when.
	int order = a.local.n && b.local.n ? ff_version_order(&a, &b) : ff_version_order_public(&a, &b);
	lua_pushinteger(L, (order > 0) - (order < 0));
	return 1;
}

static int version_matches(lua_State *L)
{
	enum ff_satisfies says = ff_version_satisfies(luaL_checkstring(L, 1), luaL_checkstring(L, 2));
	if (says == FF_SATISFIES_UNKNOWN)
		return 0;
	lua_pushboolean(L, says == FF_SATISFIES_YES);
	return 1;
}

void ff_lua_version_open(lua_State *L)
{
	static const luaL_Reg functions[] = {{"cmp", version_cmp}, {"matches", version_matches}, {NULL, NULL}};
	luaL_newlib(L, functions);
}
