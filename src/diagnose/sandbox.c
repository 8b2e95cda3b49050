// The sandbox: which names a rule sees, how much memory and how many steps it may use.
// Lua's own string patterns run in C where no step is counted and some are exponential, so string.match and its kin are
// replaced by functions on PCRE2 (match, find, gmatch, gsub with PCRE2 syntax). Functions of the library that do much
// in one step (table.sort, string.rep) are charged for it, no single value may be large, and a clock ends what slips
// through.
#include "diagnose/sandbox.h"

#include "base/str.h"
#include "diagnose/lua_text.h"

#include <lauxlib.h>
#include <lualib.h>
#include <time.h>

enum {
	MEMORY_MAX = 48 << 20,
	VALUE_MAX = 256 << 10, // a comparison of two texts is one step, however long they are
	STEPS_PER_CALL = 5000000,
	STEPS_PER_TICK = 500,
	SECONDS_MAX = 1, // of this thread's own time: a loaded machine changes no answer
	BYTES_PER_STEP = 64,
	JSON_DEPTH_MAX = 32,
	JSON_ITEMS_MAX = 100000,
	COLLECTED_FROM = 6 << 20, // most diagnoses end before that much is in use: nothing is collected until then
	SMALL_MAX = 256,
	GRAIN = 16,
	PIECE = 32 << 10,
};

// A start makes and forgets some ten thousand small objects: they are cut from pieces and go back to a list of their
// size.
union block {
	union block *next;
	_Alignas(GRAIN) char bytes[GRAIN];
};

struct ff_sandbox {
	lua_State *L;
	size_t used;
	long steps;
	time_t deadline;
	bool collects;
	union block *free[SMALL_MAX / GRAIN + 1], *pieces, *cut; // `cut` up to `end` is left of the newest piece
	union block *end;
};

static size_t grains(size_t size)
{
	return (size + GRAIN - 1) / GRAIN;
}

static void *take_small(struct ff_sandbox *s, size_t n)
{
	union block *b = s->free[n];
	if (b) {
		s->free[n] = b->next;
		return b;
	}
	if ((size_t)(s->end - s->cut) < n) { // what is left is not worth a list
		union block *piece = malloc(PIECE);
		if (!piece)
			return NULL;
		piece->next = s->pieces;
		s->pieces = piece;
		s->cut = piece + 1;
		s->end = piece + PIECE / GRAIN;
	}
	b = s->cut;
	s->cut += n;
	return b;
}

static void *take(struct ff_sandbox *s, size_t size)
{
	return size <= SMALL_MAX ? take_small(s, grains(size)) : malloc(size);
}

static void give(struct ff_sandbox *s, void *p, size_t size)
{
	if (!p || size > SMALL_MAX) {
		free(p);
		return;
	}
	union block *b = p;
	b->next = s->free[grains(size)];
	s->free[grains(size)] = b;
}

static void *move(struct ff_sandbox *s, void *p, size_t old, size_t size)
{
	if (p && old > SMALL_MAX && size > SMALL_MAX)
		return realloc(p, size);
	if (p && old <= SMALL_MAX && grains(old) == grains(size))
		return p;
	void *q = take(s, size);
	if (p && q) {
		memcpy(q, p, old < size ? old : size);
		give(s, p, old);
	}
	return q;
}

static void *limited_alloc(void *context, void *p, size_t old, size_t size)
{
	struct ff_sandbox *s = context;
	size_t before = p ? old : 0;
	if (size == 0) {
		give(s, p, before);
		s->used -= before;
		return NULL;
	}
	if (size > before && (size > VALUE_MAX || s->used + (size - before) > MEMORY_MAX))
		return NULL;
	s->steps -= (long)(size / BYTES_PER_STEP); // making a long text is one step for Lua, and work all the same
	void *q = move(s, p, before, size);
	if (q)
		s->used += size - before;
	return q;
}

static struct ff_sandbox *sandbox_of(lua_State *L)
{
	return *(struct ff_sandbox **)lua_getextraspace(L);
}

void ff_sandbox_charge(lua_State *L, long steps)
{
	struct ff_sandbox *s = sandbox_of(L);
	s->steps -= steps;
	if (s->steps <= 0)
		luaL_error(L, "the rule takes too many steps");
}

static time_t seconds_used(void)
{
	struct timespec now;
	return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) ? 0 : now.tv_sec;
}

static void collect_if_much(struct ff_sandbox *s)
{
	if (s->collects || s->used < COLLECTED_FROM)
		return;
	s->collects = true;
	lua_gc(s->L, LUA_GCRESTART);
}

static void tick(lua_State *L, lua_Debug *ar)
{
	struct ff_sandbox *s = sandbox_of(L);
	collect_if_much(s);
	s->steps -= STEPS_PER_TICK;
	bool late = seconds_used() > s->deadline;
	if (s->steps > 0 && !late)
		return;
	lua_getinfo(L, "Sl", ar);
	luaL_error(
		L, "%s:%d: the rule takes too %s", ar->short_src, ar->currentline, late ? "much time" : "many steps");
}

// Functions whose work in one step grows with what they are given: from how many arguments on, and steps for eight
// elements.
static const struct {
	const char *name;
	int arguments, weight;
} prices[] = {
	{"sort", 1, 64},
	{"concat", 1, 16},
	{"unpack", 1, 8},
	{"insert", 3, 1},
	{"remove", 2, 1},
	{"rep", 2, 8},
};

// Calls the function that it stands for. Its messages name the line of the rule all the same.
static int priced(lua_State *L)
{
	int price = (int)lua_tointeger(L, lua_upvalueindex(2)), arguments = lua_gettop(L);
	bool rep = strcmp(prices[price].name, "rep") == 0;
	lua_Integer elements = rep ? lua_tointeger(L, 2) : (lua_Integer)lua_rawlen(L, 1);
	if (arguments >= prices[price].arguments && elements > 0)
		ff_sandbox_charge(
			L, elements / 8 > STEPS_PER_CALL ? STEPS_PER_CALL : (long)elements / 8 * prices[price].weight);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	int rc = lua_pcall(L, arguments, LUA_MULTRET, 0);
	if (rc == LUA_OK)
		return lua_gettop(L);
	const char *text = lua_tostring(L, -1);
	if (rc == LUA_ERRMEM)
		return luaL_error(L, "the rule takes too much memory");
	return text && !strchr(text, ':') ? luaL_error(L, "%s", text) : lua_error(L);
}

// Puts the function on top behind its price.
static void put_price(lua_State *L, const char *name)
{
	for (size_t i = 0; i < sizeof(prices) / sizeof(*prices); i++) {
		if (strcmp(prices[i].name, name) != 0)
			continue;
		lua_pushinteger(L, (lua_Integer)i);
		lua_pushcclosure(L, priced, 2);
	}
}

// What remains visible of the standard library.
static const struct {
	const char *library; // "" is the globals
	const char *names[24];
} allowed[] = {
	{"", {"assert", "error", "ipairs", "next", "pairs", "select", "tonumber", "tostring", "type"}},
	{"math",
		{"abs", "ceil", "floor", "fmod", "huge", "max", "maxinteger", "min", "mininteger", "modf", "pi", "sqrt",
			"tointeger", "type"}},
	{"table", {"concat", "insert", "remove", "sort", "unpack"}},
	{"string", {"byte", "char", "format", "len", "lower", "rep", "reverse", "sub", "upper"}},
};

static int undefined_name(lua_State *L)
{
	return luaL_error(L, "'%s' is not defined", lua_tostring(L, 2));
}

static int forbidden_global(lua_State *L)
{
	return luaL_error(L, "global '%s' is not allowed: write 'local %s'", lua_tostring(L, 2), lua_tostring(L, 2));
}

static void copy_names(lua_State *L, int from, int to, const char *const *names)
{
	for (size_t i = 0; i < 24 && names[i]; i++) {
		lua_getfield(L, from, names[i]);
		put_price(L, names[i]);
		lua_setfield(L, to, names[i]);
	}
}

// Builds the table that every chunk sees as its globals and leaves it in the registry.
static int open_sandbox(lua_State *L)
{
	luaL_requiref(L, "_G", luaopen_base, 1);
	luaL_requiref(L, "math", luaopen_math, 1);
	luaL_requiref(L, "table", luaopen_table, 1);
	luaL_requiref(L, "string", luaopen_string, 1);
	lua_settop(L, 0);
	lua_newtable(L); // 1: visible
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
		lua_settop(L, 1);
		if (!*allowed[i].library) {
			lua_pushglobaltable(L);
			copy_names(L, 2, 1, allowed[i].names);
			continue;
		}
		lua_getglobal(L, allowed[i].library);
		lua_newtable(L);
		copy_names(L, 2, 3, allowed[i].names);
		lua_setfield(L, 1, allowed[i].library);
	}
	lua_settop(L, 1);
	lua_getfield(L, 1, "string");
	ff_lua_text_open(L); // adds to the table on top
	lua_pushliteral(L, "");
	lua_newtable(L); // ("x"):match() finds the visible string table, not the library's
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "locked");
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_settop(L, 1);
	lua_newtable(L);
	lua_pushcfunction(L, undefined_name);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, forbidden_global);
	lua_setfield(L, -2, "__newindex");
	lua_pushliteral(L, "locked");
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, "ff.visible");
	return 0;
}

struct ff_error *ff_sandbox_create(struct ff_sandbox **ret)
{
	struct ff_sandbox *s = calloc(1, sizeof(*s));
	if (!s)
		return &ff_enomem;
	s->L = lua_newstate(limited_alloc, s);
	if (!s->L) {
		ff_sandbox_destroy(s);
		return &ff_enomem;
	}
	*(struct ff_sandbox **)lua_getextraspace(s->L) = s;
	lua_gc(s->L, LUA_GCGEN, 0, 0);
	lua_gc(s->L, LUA_GCSTOP);
	lua_pushcfunction(s->L, open_sandbox);
	if (lua_pcall(s->L, 0, 0, 0) != LUA_OK) {
		struct ff_error *err = ff_error_create(FF_ENOMEM, "rules: %s", lua_tostring(s->L, -1));
		ff_sandbox_destroy(s);
		return err;
	}
	*ret = s;
	return NULL;
}

void ff_sandbox_destroy(struct ff_sandbox *sandbox)
{
	if (!sandbox)
		return;
	if (sandbox->L)
		lua_close(sandbox->L);
	for (union block *piece = sandbox->pieces, *next; piece; piece = next) {
		next = piece->next;
		free(piece);
	}
	free(sandbox);
}

lua_State *ff_sandbox_lua(struct ff_sandbox *sandbox)
{
	return sandbox->L;
}

struct ff_error *ff_sandbox_call(struct ff_sandbox *sandbox, int arguments, int results)
{
	lua_State *L = sandbox->L;
	sandbox->steps = STEPS_PER_CALL;
	sandbox->deadline = seconds_used() + SECONDS_MAX;
	collect_if_much(sandbox);
	lua_sethook(L, tick, LUA_MASKCOUNT, STEPS_PER_TICK);
	int rc = lua_pcall(L, arguments, results, 0);
	lua_sethook(L, NULL, 0, 0);
	if (rc == LUA_OK)
		return NULL;
	const char *text = lua_tostring(L, -1);
	struct ff_error *err = rc == LUA_ERRMEM
		? ff_error_create(FF_ELIMIT, "the rule takes too much memory")
		: ff_error_create(FF_EUSAGE, "%s", text ? text : "error without a text");
	lua_pop(L, 1);
	return err;
}

struct ff_error *ff_sandbox_run(struct ff_sandbox *sandbox, const char *name, const char *text, size_t n)
{
	lua_State *L = sandbox->L;
	_cleanup_buf_ struct ff_buf chunk = {0};
	ff_buf_printf(&chunk, "@%s", name);
	if (chunk.failed)
		return &ff_enomem;
	if (luaL_loadbufferx(L, text, n, chunk.p, "t") != LUA_OK) {
		bool binary = n && text[0] == LUA_SIGNATURE[0];
		struct ff_error *err = binary ? ff_error_create(FF_EUSAGE, "%s:1: compiled Lua is not taken", name)
					      : ff_error_create(FF_EUSAGE, "%s", lua_tostring(L, -1));
		lua_pop(L, 1);
		return err;
	}
	return ff_sandbox_start(sandbox);
}

struct ff_error *ff_sandbox_start(struct ff_sandbox *sandbox)
{
	lua_getfield(sandbox->L, LUA_REGISTRYINDEX, "ff.visible");
	lua_setupvalue(sandbox->L, -2, 1); // _ENV
	return ff_sandbox_call(sandbox, 0, 0);
}

void ff_sandbox_set(struct ff_sandbox *sandbox, const char *name)
{
	lua_State *L = sandbox->L;
	lua_getfield(L, LUA_REGISTRYINDEX, "ff.visible");
	lua_pushstring(L, name);
	lua_pushvalue(L, -3);
	lua_rawset(L, -3);
	lua_pop(L, 2);
}

// ---- JSON ----

static void push_json(lua_State *L, const json_t *value, int depth)
{
	const char *key;
	json_t *item;
	size_t i;
	luaL_checkstack(L, 4, "value too deep");
	switch (json_typeof(value)) {
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(value), json_string_length(value));
		return;
	case JSON_INTEGER:
		lua_pushinteger(L, json_integer_value(value));
		return;
	case JSON_REAL:
		lua_pushnumber(L, json_real_value(value));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		lua_pushboolean(L, json_is_true(value));
		return;
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
	lua_newtable(L);
	if (depth >= JSON_DEPTH_MAX)
		return;
	json_object_foreach ((json_t *)value, key, item) {
		push_json(L, item, depth + 1);
		lua_setfield(L, -2, key);
	}
	json_array_foreach (value, i, item) {
		push_json(L, item, depth + 1);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

void ff_sandbox_push_json(lua_State *L, const json_t *value)
{
	if (value)
		push_json(L, value, 0);
	else
		lua_pushnil(L);
}

static json_t *json_of(lua_State *L, int index, int depth, int *items);

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Lua walks a table in an order that changes from run to run; an answer must not.
static json_t *sorted(const json_t *object)
{
	size_t n = json_object_size(object), i = 0;
	_cleanup_free_ const char **keys = calloc(n + 1, sizeof(*keys));
	json_t *out = json_object(), *value;
	const char *key;
	if (!keys || !out) {
		json_decref(out);
		return NULL;
	}
	json_object_foreach ((json_t *)object, key, value)
		keys[i++] = key;
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (i = 0; i < n; i++)
		json_object_set(out, keys[i], json_object_get(object, keys[i]));
	return out;
}

static json_t *json_of_table(lua_State *L, int index, int depth, int *items)
{
	lua_Unsigned n = lua_rawlen(L, index);
	if (n > 0) {
		json_t *array = json_array();
		for (lua_Unsigned i = 1; array && i <= n && *items > 0; i++) {
			lua_rawgeti(L, index, (lua_Integer)i);
			json_array_append_new(array, json_of(L, lua_gettop(L), depth + 1, items));
			lua_pop(L, 1);
		}
		return array;
	}
	_cleanup_json_ json_t *object = json_object();
	lua_pushnil(L);
	while (lua_next(L, index) != 0) {
		json_t *value = lua_type(L, -2) == LUA_TSTRING ? json_of(L, lua_gettop(L), depth + 1, items) : NULL;
		if (value)
			json_object_set_new(object, lua_tostring(L, -2), value);
		lua_pop(L, 1);
	}
	return sorted(object);
}

static json_t *json_of(lua_State *L, int index, int depth, int *items)
{
	size_t n;
	if (depth >= JSON_DEPTH_MAX || --*items < 0 || !lua_checkstack(L, 4))
		return NULL;
	switch (lua_type(L, index)) {
	case LUA_TSTRING: {
		const char *text = lua_tolstring(L, index, &n);
		return ff_json_string(text, n);
	}
	case LUA_TNUMBER:
		return lua_isinteger(L, index) ? json_integer(lua_tointeger(L, index))
					       : json_real(lua_tonumber(L, index));
	case LUA_TBOOLEAN:
		return json_boolean(lua_toboolean(L, index));
	case LUA_TTABLE:
		return json_of_table(L, index, depth, items);
	default:
		return NULL;
	}
}

json_t *ff_sandbox_json(lua_State *L, int index)
{
	int items = JSON_ITEMS_MAX;
	return json_of(L, lua_absindex(L, index), 0, &items);
}
