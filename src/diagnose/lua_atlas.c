// What rules may ask of the atlas (know/atlas_ask.h). Every function gives nil where the atlas does not know who is
// asked about.
#include "diagnose/lua_atlas.h"

#include "diagnose/rule.h"
#include "diagnose/sandbox.h"
#include "fix/fix.h"
#include "know/atlas_ask.h"
#include "know/atlas_wheel.h"

#include <lauxlib.h>

enum { LACKS_MAX = 32 };

static void set_text(lua_State *L, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static int push_answer(lua_State *L, bool known, const struct ff_atlas_answer *answer)
{
	static const char *const states[] = {"unknown", "here", "changed", "never"};
	if (!known)
		return 0;
	lua_newtable(L);
	set_text(L, "state", states[answer->state]);
	set_text(L, "package", answer->package);
	set_text(L, "first", answer->first);
	set_text(L, "last", answer->last);
	set_text(L, "newer", answer->newer);
	set_text(L, "older", answer->older);
	set_text(L, "moved", answer->moved);
	set_text(L, "nearest", answer->nearest);
	lua_pushboolean(L, answer->sometimes);
	lua_setfield(L, -2, "sometimes");
	lua_pushinteger(L, answer->newer_by);
	lua_setfield(L, -2, "newer_by");
	lua_pushinteger(L, answer->older_by);
	lua_setfield(L, -2, "older_by");
	return 1;
}

// A version, or nil or false for one that is not known.
static const char *version_at(lua_State *L, int index)
{
	return lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : NULL;
}

// atlas.name("transformers.cache_utils", "HybridCache" or nil for the module itself, version or nil)
static int atlas_name(lua_State *L)
{
	struct ff_atlas_answer answer;
	const char *module = luaL_checkstring(L, 1), *name = luaL_optstring(L, 2, NULL);
	const struct ff_atlas *a = ff_atlas();
	return push_answer(L, a && ff_atlas_ask_name(a, module, name, version_at(L, 3), &answer), &answer);
}

// atlas.attribute("transformers", "Qwen2Tokenizer", "all_special_tokens_extended", version or nil)
static int atlas_attribute(lua_State *L)
{
	struct ff_atlas_answer answer;
	const char *package = luaL_checkstring(L, 1), *class = luaL_checkstring(L, 2),
		   *attribute = luaL_checkstring(L, 3);
	const struct ff_atlas *a = ff_atlas();
	bool known = a && ff_atlas_ask_attribute(a, package, class, attribute, version_at(L, 4), &answer);
	return push_answer(L, known, &answer);
}

// atlas.parameter("trl", "SFTTrainer.__init__", "tokenizer", version or nil, true for one that must be given)
static int atlas_parameter(lua_State *L)
{
	struct ff_atlas_answer answer;
	const char *package = luaL_checkstring(L, 1), *function = luaL_checkstring(L, 2),
		   *parameter = luaL_checkstring(L, 3);
	const struct ff_atlas *a = ff_atlas();
	bool known = a &&
		ff_atlas_ask_parameter(a, package, function, parameter, lua_toboolean(L, 5), version_at(L, 4), &answer);
	return push_answer(L, known, &answer);
}

// atlas.beside("peft", its version or nil, "transformers", "4.45.2"): the releases of peft that can be imported there
static int atlas_beside(lua_State *L)
{
	struct ff_atlas_answer answer;
	const char *package = luaL_checkstring(L, 1), *other = luaL_checkstring(L, 3), *have = luaL_checkstring(L, 4);
	const struct ff_atlas *a = ff_atlas();
	return push_answer(L, a && ff_atlas_ask_beside(a, package, version_at(L, 2), other, have, &answer), &answer);
}

// atlas.owners("Qwen2Tokenizer") -> {"transformers", "vllm"}: who has a class or function of that name
static int atlas_owners(lua_State *L)
{
	const struct ff_atlas *a = ff_atlas();
	const char *name = luaL_checkstring(L, 1);
	struct ff_span rest = ff_span_of(a ? ff_atlas_text(a, "O", name, NULL) : NULL), one;
	lua_newtable(L);
	for (lua_Integer i = 1; rest.n && ff_span_next(&rest, ' ', &one); i++) {
		lua_pushlstring(L, one.p, one.n);
		lua_rawseti(L, -2, i);
	}
	return 1;
}

static void set_span(lua_State *L, const char *name, struct ff_span text)
{
	if (!text.n)
		return;
	lua_pushlstring(L, text.p, text.n);
	lua_setfield(L, -2, name);
}

// atlas.message("sglang" or nil, text) -> {package, kind = "q", name = "moe_runner_backend", first, last}: what it asks
// for; with nil, one that some package prints and does not raise, and its level
static int atlas_message(lua_State *L)
{
	struct ff_atlas_message m;
	size_t n;
	const char *package = luaL_optstring(L, 1, NULL), *p = luaL_checklstring(L, 2, &n);
	const struct ff_atlas *a = ff_atlas();
	struct ff_span text = {p, n};
	if (!a || !(package ? ff_atlas_ask_message(a, package, text, &m) : ff_atlas_ask_printed(a, text, &m)))
		return 0;
	lua_newtable(L);
	set_span(L, "package", m.package);
	set_span(L, "kind", (struct ff_span){&m.kind, 1});
	set_span(L, "level", (struct ff_span){&m.level, m.level ? 1 : 0});
	set_span(L, "name", m.name);
	set_span(L, "more", m.more);
	set_text(L, "first", m.first);
	set_text(L, "last", m.last);
	return 1;
}

// atlas.symbol("_ZN3c10...", version or nil) -> as atlas.name, and the library that had it
static int atlas_symbol(lua_State *L)
{
	struct ff_atlas_answer answer;
	struct ff_span library = {0};
	const struct ff_atlas *a = ff_atlas();
	bool known = a && ff_atlas_ask_symbol(a, luaL_checkstring(L, 1), version_at(L, 2), &answer, &library);
	if (push_answer(L, known, &answer))
		set_span(L, "library", library);
	return known;
}

// atlas.flag("vllm", "--swap-space", version or nil, value or nil) -> {state, sure, first, last, newer, older, became,
// nearest, usual, choices, without_value}; of a value that it would refuse also refuses, and like: which was meant
static int atlas_flag(lua_State *L)
{
	static const char *const states[] = {"unknown", "here", "changed", "never"};
	struct ff_atlas_flag f;
	const char *engine = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
	const struct ff_atlas *a = ff_atlas();
	if (!a || !ff_atlas_ask_flag(a, engine, name, version_at(L, 3), &f))
		return 0;
	lua_newtable(L);
	set_text(L, "state", states[f.state]);
	set_text(L, "first", f.first);
	set_text(L, "last", f.last);
	set_text(L, "newer", f.newer);
	set_text(L, "older", f.older);
	set_text(L, "became", f.became);
	set_text(L, "nearest", f.nearest);
	set_span(L, "usual", f.usual);
	set_span(L, "choices", f.choices);
	lua_pushboolean(L, f.sure);
	lua_setfield(L, -2, "sure");
	lua_pushboolean(L, f.without_value);
	lua_setfield(L, -2, "without_value");
	char like[FF_ATLAS_WORD_MAX];
	const char *value = version_at(L, 4);
	if (value && ff_atlas_flag_refuses(&f, ff_span_of(value), like) && (f.exact || *like)) {
		lua_pushboolean(L, true);
		lua_setfield(L, -2, "refuses");
		set_text(L, "like", like);
	}
	return 1;
}

struct lacks {
	lua_State *L;
	lua_Integer n;
};

// The version that the table at 1 gives a package, by its name in the facts (normal form).
static const char *version_of(void *arg, const char *package)
{
	lua_State *L = ((struct lacks *)arg)->L;
	lua_getfield(L, 1, package);
	const char *version = version_at(L, -1);
	lua_pop(L, 1); // the table keeps it
	return version;
}

static bool add_lack(void *arg, const struct ff_atlas_lack *lack)
{
	struct lacks *all = arg;
	lua_newtable(all->L);
	set_text(all->L, "package", lack->package);
	set_text(all->L, "have", lack->have);
	set_text(all->L, "other", lack->other);
	set_text(all->L, "other_have", lack->other_have);
	set_text(all->L, "module", lack->module);
	set_text(all->L, "name", lack->name);
	lua_rawseti(all->L, 2, ++all->n);
	return all->n < LACKS_MAX;
}

// atlas.lacks({peft = "0.18.1", transformers = "4.45.2"}) -> what an import there does not find
static int atlas_lacks(lua_State *L)
{
	const struct ff_atlas *a = ff_atlas();
	struct lacks all = {.L = L};
	struct ff_atlas_package p;
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_newtable(L);
	for (size_t i = 0; a && all.n < LACKS_MAX && ff_atlas_package_at(a, i, &p); i++) {
		const char *have = version_of(&all, p.name);
		if (have)
			ff_atlas_lacks(a, p.name, have, version_of, add_lack, &all);
	}
	return 1;
}

// atlas.cost({python = ..., system = ...}, "peft", bounds, importer or nil): what it costs to move that package there,
// with all that must move along, so that the importer finds what it imports; nil where no set is known to fit
static int atlas_cost(lua_State *L)
{
	const char *package = luaL_checkstring(L, 2);
	json_t *facts = ff_sandbox_json(L, 1);
	int cost = ff_fix_cost(facts, package, version_at(L, 3), version_at(L, 4));
	json_decref(facts);
	if (cost < 0)
		return 0;
	lua_pushinteger(L, cost);
	return 1;
}

// atlas.wheels("torch", bounds or nil, python or nil, glibc or nil): newest and first, the releases within the bounds
// that have a wheel for these (first: only where older ones have none); where none has: release, lacks and asks of the
// newest
static int atlas_wheels(lua_State *L)
{
	const struct ff_atlas *a = ff_atlas();
	const char *package = luaL_checkstring(L, 1), *what, *asks;
	struct ff_atlas_host host = {.python = version_at(L, 3), .glibc = version_at(L, 4)};
	struct ff_atlas_wheels found;
	if (!ff_atlas_wheels_within(a, package, version_at(L, 2), &host, &found))
		return 0;
	const uint32_t *releases = found.package.releases;
	lua_newtable(L);
	if (found.newest_fit >= 0)
		set_text(L, "newest", ff_atlas_string(a, releases[found.newest_fit]));
	if (found.oldest_fit > 0)
		set_text(L, "first", ff_atlas_string(a, releases[found.oldest_fit]));
	if (found.newest_fit < 0 && !ff_atlas_wheel_fits(a, &found.package, found.newest, &host, &what, &asks)) {
		set_text(L, "release", ff_atlas_string(a, releases[found.newest]));
		set_text(L, "lacks", what);
		set_text(L, "asks", asks);
	}
	return 1;
}

void ff_lua_atlas_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"attribute", atlas_attribute},
		{"beside", atlas_beside},
		{"cost", atlas_cost},
		{"flag", atlas_flag},
		{"lacks", atlas_lacks},
		{"message", atlas_message},
		{"name", atlas_name},
		{"owners", atlas_owners},
		{"parameter", atlas_parameter},
		{"symbol", atlas_symbol},
		{"wheels", atlas_wheels},
		{NULL, NULL},
	};
	luaL_newlib(L, functions);
}
