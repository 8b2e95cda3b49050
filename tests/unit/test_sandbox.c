// What a rule may not do: reach out of its sandbox, loop, eat memory, hang the matcher.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/rule.h"
#include "diagnose/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// What running this chunk says, "" when it runs well; caller frees.
static char *said(const char *text, size_t n)
{
	struct ff_sandbox *sandbox;
	assert_null(ff_sandbox_create(&sandbox));
	struct ff_error *err = ff_sandbox_run(sandbox, "test.lua", text, n);
	char *message = strdup(err ? err->message : "");
	ff_error_destroy(err);
	// A refused chunk leaves a sandbox that works.
	assert_null(ff_sandbox_run(sandbox, "after.lua", "local x = 1", 11));
	ff_sandbox_destroy(sandbox);
	return message;
}

static void assert_says(const char *text, const char *part)
{
	char *message = said(text, strlen(text));
	if (!strstr(message, part) || (!*part && *message))
		fail_msg("'%s' said '%s', not '%s'", text, message, part);
	free(message);
}

static void ordinary_lua_works(void **state)
{
	(void)state;
	assert_says("local t = {3, 1, 2} table.sort(t) assert(table.concat(t, ',') == '1,2,3')", "");
	assert_says(
		"local t = {} for i = 1, 1000 do table.insert(t, i) end assert(#t == 1000 and table.remove(t) == 1000)",
		"");
	assert_says("local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) assert(t[1] == 3)", "");
	assert_says("assert(('ab'):rep(3, '-') == 'ab-ab-ab' and ('AB'):lower() == 'ab')", "");
	assert_says("assert(('driver 570.86'):match[[(\\d+)]] == '570')", "");
	assert_says("local a, b, c = table.unpack({1, 2, 3}) assert(c == 3)", "");
}

static void nothing_reaches_out(void **state)
{
	(void)state;
	static const char *const names[] = {"io", "os", "require", "package", "debug", "load", "loadstring", "loadfile",
		"dofile", "print", "collectgarbage", "setmetatable", "getmetatable", "rawget", "rawset", "coroutine",
		"pcall", "xpcall", "_G", "utf8"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char chunk[64], message[64];
		snprintf(chunk, sizeof(chunk), "local x = %s", names[i]);
		snprintf(message, sizeof(message), "test.lua:1: '%s' is not defined", names[i]);
		assert_says(chunk, message);
	}
	assert_says("x = 1", "test.lua:1: global 'x' is not allowed");
	assert_says("math.random()", "random");
	assert_says("string.dump(function() end)", "dump");
	assert_says("local s = ('').__index", "");
	assert_says("string.format('%s', {}):gsub('.', io)", "'io' is not defined");
}

static void compiled_lua_is_refused(void **state)
{
	(void)state;
	char *message = said("\x1bLua\x54\x00\x19\x93", 8);
	assert_string_equal(message, "test.lua:1: compiled Lua is not taken");
	free(message);
	message = said("local a = '\0' x =", 17);
	assert_non_null(strstr(message, "test.lua:1:"));
	free(message);
}

// Each would take for ever, or all memory.
static const char *const greedy[] = {
	"while true do end",
	"local function f() return f() end f()",
	"local function f() f() end f()",
	"for i = 1, 1e9 do local s = ('x'):rep(250000) end",
	"local t = {} for i = 1, 1e9 do t[i] = {i} end",
	"local s = 'x' while true do s = s .. s end",
	"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100000) .. i end",
	"local t = {} for i = 1, 10000 do t[i] = i end for i = 1, 1e9 do table.sort(t) end",
	"local t = {} for i = 1, 10000 do t[i] = '' end for i = 1, 1e9 do table.concat(t) end",
	"local t = {} for i = 1, 10000 do t[i] = i end for i = 1, 1e9 do table.insert(t, 1, table.remove(t)) end",
	"local t = {} for i = 1, 10000 do t[i] = i end for i = 1, 1e9 do table.remove(t, 1) table.insert(t, i) end",
	"local a, b = ('x'):rep(250000), ('x'):rep(250000) for i = 1, 1e9 do local c = a == b end",
	"local s = ('x'):rep(250000) for i = 1, 1e9 do local c = s:upper() end",
	"for i = 1, 1e9 do local m = ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'):match[[^(a+)+$]] end",
	"local s = ('x'):rep(60000) for i = 1, 1e9 do local m = s:match[[x*y]] end",
	"local s = ('x,'):rep(30000) for i = 1, 1e9 do local t = s:split(',') end",
	"local s = ('x'):rep(60000) for i = 1, 1e9 do local t = s:gsub([[x]], 'yy') end",
};

static void greed_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(greedy) / sizeof(*greedy); i++) {
		struct timespec from, to;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		char *message = said(greedy[i], strlen(greedy[i]));
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		if (!strstr(message, "too m") && !strstr(message, "overflow") && !strstr(message, "costs"))
			fail_msg("'%s' said '%s'", greedy[i], message);
		assert_true(to.tv_sec - from.tv_sec <= 30); // a sanitized build is slow
		free(message);
	}
}

// More than all memory of the sandbox, of which little is in use at a time.
static void what_is_done_with_makes_room(void **state)
{
	(void)state;
	static const char chunk[] = "local t for i = 1, 600000 do t = {i, i} end";
	char *message = said(chunk, sizeof(chunk) - 1);
	assert_string_equal(message, "");
	free(message);
}

static void messages_name_the_line(void **state)
{
	(void)state;
	assert_says("local x\nwhile true do end", "test.lua:2: the rule takes too many steps");
	assert_says("\n\ntable.concat(nil)", "test.lua:3: bad argument #1");
	assert_says("\ntable.concat({{}})", "test.lua:2: invalid value");
	assert_says("table.sort({3, 1, 2}, function(a, b)\nerror('mine') end)", "test.lua:2: mine");
}

static void json_goes_in_and_out(void **state)
{
	(void)state;
	static const char text[] = "{\"a\":[1,2.5,\"x\",true],\"b\":{\"c\":\"d\"}}";
	struct ff_sandbox *sandbox;
	json_t *in = json_loads(text, 0, NULL);
	assert_null(ff_sandbox_create(&sandbox));
	lua_State *L = ff_sandbox_lua(sandbox);
	ff_sandbox_push_json(L, in);
	json_t *out = ff_sandbox_json(L, -1);
	assert_true(json_equal(in, out));
	json_decref(out);
	json_decref(in);
	// A table in itself has no end, a function no form.
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, "self");
	out = ff_sandbox_json(L, -1);
	assert_non_null(out);
	json_decref(out);
	lua_getfield(L, LUA_REGISTRYINDEX, "ff.visible");
	lua_getfield(L, -1, "type");
	assert_null(ff_sandbox_json(L, -1));
	ff_sandbox_destroy(sandbox);
	in = json_array();
	for (int i = 0; i < 200; i++) { // [[[[...]]]]
		json_t *outer = json_array();
		json_array_append_new(outer, in);
		in = outer;
	}
	assert_null(ff_sandbox_create(&sandbox));
	ff_sandbox_push_json(ff_sandbox_lua(sandbox), in); // cut, not refused
	assert_true(lua_istable(ff_sandbox_lua(sandbox), -1));
	json_decref(in);
	ff_sandbox_destroy(sandbox);
}

// A file of rules is taken whole or not at all, and says where it is wrong.
static void bad_rules_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *part;
	} samples[] = {
		{"rule {", "bad.lua:1:"},
		{"\nrule {id = 'no.such.cause', why = '', when = function() end}", "bad.lua:2:"},
		{"rule {id = 'oom.shm', signatures = {a = '('}}", "bad.lua:1:"},
		{"rule {id = 'oom.shm', signatures = {a = 'x{1,60000}{1,60000}'}, why = ''}", "bad.lua:1:"},
		{"rule {id = 'oom.shm', signatures = {a = ''}, why = ''}", "bad.lua:1:"},
		{"while true do end", "too many steps"},
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct ff_rules *rules;
		assert_null(ff_rules_create(&rules));
		struct ff_error *err = ff_rules_add_text(rules, "bad.lua", samples[i].text, strlen(samples[i].text));
		assert_non_null(err);
		if (!strstr(err->message, samples[i].part))
			fail_msg("'%s' said '%s'", samples[i].text, err->message);
		ff_error_destroy(err);
		assert_int_equal(ff_rules_count(rules), 0);
		ff_rules_destroy(rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_lua_works),
		cmocka_unit_test(nothing_reaches_out),
		cmocka_unit_test(compiled_lua_is_refused),
		cmocka_unit_test(greed_ends),
		cmocka_unit_test(what_is_done_with_makes_room),
		cmocka_unit_test(messages_name_the_line),
		cmocka_unit_test(json_goes_in_and_out),
		cmocka_unit_test(bad_rules_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
