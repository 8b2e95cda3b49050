// Text functions that rules see, on PCRE2 with its limits. Compiled patterns are kept in the Lua registry.
//
//	("driver 570.86"):match[[driver (\d+)]]   -> "570"
//	text:gmatch[[sm_(\d+)]], text:gsub([[\s+]], " "), text:has("literal"), text:split(",")
#include "diagnose/lua_text.h"

#include "base/regex.h"
#include "diagnose/sandbox.h"

#include <lauxlib.h>

enum { SUBJECT_MAX = 65536, PIECES_MAX = 10000 };

static int regex_gc(lua_State *L)
{
	struct ff_regex **box = lua_touserdata(L, 1);
	ff_regex_destroy(*box);
	*box = NULL;
	return 0;
}

// The compiled pattern at this argument, made once a pattern.
static struct ff_regex *regex_at(lua_State *L, int argument)
{
	luaL_checkstring(L, argument);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "ff.regex");
	lua_pushvalue(L, argument);
	if (lua_rawget(L, -2) == LUA_TUSERDATA) {
		struct ff_regex **box = lua_touserdata(L, -1);
		lua_pop(L, 2);
		return *box;
	}
	lua_pop(L, 1);
	struct ff_regex **box = lua_newuserdatauv(L, sizeof(*box), 0);
	*box = NULL;
	if (luaL_newmetatable(L, "ff.regex.box")) { // not the name of the cache: both live in the registry
		lua_pushcfunction(L, regex_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	struct ff_error *err = ff_regex_create(lua_tostring(L, argument), false, false, box);
	if (err) {
		lua_pushstring(L, err->message);
		ff_error_destroy(err);
		luaL_argerror(L, argument, lua_tostring(L, -1));
	}
	lua_pushvalue(L, argument);
	lua_pushvalue(L, -2);
	lua_rawset(L, -4);
	lua_pop(L, 2);
	return *box;
}

// A match; one that is given up at PCRE2's limits ends the rule, which would only try again.
static bool find(lua_State *L, struct ff_regex *regex, struct ff_span subject, size_t from, struct ff_match *ret)
{
	ff_sandbox_charge(L, 10 + (long)((subject.n - from) / 64));
	if (ff_regex_match(regex, subject, from, ret))
		return true;
	if (ff_regex_limited(regex))
		luaL_error(L, "a pattern takes too many steps");
	return false;
}

static struct ff_span subject_at(lua_State *L, int argument)
{
	struct ff_span s;
	s.p = luaL_checklstring(L, argument, &s.n);
	if (s.n > SUBJECT_MAX)
		s.n = SUBJECT_MAX;
	return s;
}

static int push_groups(lua_State *L, const struct ff_match *m)
{
	unsigned from = m->n > 1 ? 1 : 0;
	for (unsigned i = from; i < m->n; i++) {
		if (m->group[i].p)
			lua_pushlstring(L, m->group[i].p, m->group[i].n);
		else
			lua_pushboolean(L, 0);
	}
	return (int)(m->n - from);
}

static int text_match(lua_State *L)
{
	struct ff_match m;
	struct ff_span s = subject_at(L, 1);
	if (!find(L, regex_at(L, 2), s, 0, &m))
		return 0;
	return push_groups(L, &m);
}

static int text_find(lua_State *L)
{
	struct ff_match m;
	struct ff_span s = subject_at(L, 1);
	if (!find(L, regex_at(L, 2), s, 0, &m))
		return 0;
	lua_pushinteger(L, m.group[0].p - s.p + 1);
	lua_pushinteger(L, m.group[0].p - s.p + (lua_Integer)m.group[0].n);
	return 2;
}

static int gmatch_next(lua_State *L)
{
	struct ff_match m;
	struct ff_span s = subject_at(L, lua_upvalueindex(1));
	size_t from = (size_t)lua_tointeger(L, lua_upvalueindex(3));
	if (from > s.n || !find(L, regex_at(L, lua_upvalueindex(2)), s, from, &m))
		return 0;
	size_t end = (size_t)(m.group[0].p - s.p) + m.group[0].n;
	lua_pushinteger(L, (lua_Integer)(m.group[0].n ? end : end + 1));
	lua_replace(L, lua_upvalueindex(3));
	return push_groups(L, &m);
}

static int text_gmatch(lua_State *L)
{
	subject_at(L, 1);
	luaL_checkstring(L, 2);
	lua_settop(L, 2);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, gmatch_next, 3);
	return 1;
}

static int text_gsub(lua_State *L)
{
	struct ff_match m;
	luaL_Buffer b;
	size_t n, from = 0;
	struct ff_span s = subject_at(L, 1);
	struct ff_regex *regex = regex_at(L, 2);
	const char *by = luaL_checklstring(L, 3, &n);
	luaL_buffinit(L, &b);
	for (int i = 0; i < PIECES_MAX && from <= s.n && find(L, regex, s, from, &m); i++) {
		size_t at = (size_t)(m.group[0].p - s.p), end = at + m.group[0].n;
		luaL_addlstring(&b, s.p + from, at - from);
		luaL_addlstring(&b, by, n);
		if (end == at && at < s.n)
			luaL_addchar(&b, s.p[end++]);
		else if (end == at)
			end++;
		from = end;
	}
	if (from < s.n)
		luaL_addlstring(&b, s.p + from, s.n - from);
	luaL_pushresult(&b);
	return 1;
}

static int text_has(lua_State *L)
{
	struct ff_span s = subject_at(L, 1);
	size_t n;
	const char *literal = luaL_checklstring(L, 2, &n);
	lua_pushboolean(L, n <= s.n && memmem(s.p, s.n, literal, n) != NULL);
	return 1;
}

static int text_split(lua_State *L)
{
	struct ff_span rest = subject_at(L, 1), piece;
	const char *separator = luaL_checkstring(L, 2);
	luaL_argcheck(L, separator[0] && !separator[1], 2, "one character expected");
	lua_newtable(L);
	for (lua_Integer i = 1; i <= PIECES_MAX && ff_span_next(&rest, separator[0], &piece); i++) {
		piece = ff_span_trim(piece);
		lua_pushlstring(L, piece.n ? piece.p : "", piece.n);
		lua_rawseti(L, -2, i);
	}
	return 1;
}

int ff_lua_any(lua_State *L)
{
	luaL_Buffer b;
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
	luaL_argcheck(L, n > 0, 1, "a list of patterns expected");
	luaL_buffinit(L, &b);
	luaL_addstring(&b, "(?:");
	for (lua_Integer i = 1; i <= n; i++) {
		if (lua_rawgeti(L, 1, i) != LUA_TSTRING)
			return luaL_error(L, "any: pattern %d is not a text", (int)i);
		luaL_addvalue(&b);
		luaL_addchar(&b, i < n ? '|' : ')');
	}
	luaL_pushresult(&b);
	return 1;
}

void ff_lua_text_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"match", text_match},
		{"find", text_find},
		{"gmatch", text_gmatch},
		{"gsub", text_gsub},
		{"has", text_has},
		{"split", text_split},
		{NULL, NULL},
	};
	luaL_setfuncs(L, functions, 0);
}
