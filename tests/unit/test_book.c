// A program whose book does not fit: made by another release of liblua, or from other rules.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/book.h"
#include "diagnose/finding.h"

#include <lauxlib.h>

static const struct ff_book_file files[] = {{"rules/gpu.lua", {"\x1bLua", 4}}};
static const struct ff_signature signatures[] = {
	{.rule = 1, .name = "seen", .pattern = "never seen", .built_in = true, .in_book = true}};
#define RULE(the_id, the_file, ...)                                                                   \
	{                                                                                             \
		.id = (the_id), .cause = (the_id), .title = "", .file = (the_file), .ref = LUA_NOREF, \
		.built_in = true, .in_book = true, __VA_ARGS__                                        \
	}
static const struct ff_rule rules[] = {RULE("gpu.app-fault", "rules/gpu.lua", .has_check = true,
					       .reads = "xids\0"
							"gpus.0.name\0"),
	RULE("hf.gated", "rules/none.lua")};

const struct ff_book ff_book = {.lua = "another release",
	.files = files,
	.file_count = 1,
	.rules = rules,
	.rule_count = 2,
	.signatures = signatures,
	.signature_count = 1};

static struct ff_rules *built_in(void)
{
	struct ff_rules *r;
	assert_null(ff_rules_create(&r));
	assert_null(ff_rules_add_built_in(r));
	assert_int_equal(ff_rules_count(r), 2);
	return r;
}

// Its bytecode is not taken: the text is read.
static void other_lua(void **state)
{
	(void)state;
	lua_State *L = luaL_newstate();
	assert_null(ff_book_load(L, "rules/gpu.lua"));
	assert_true(lua_isfunction(L, -1));
	lua_close(L);
}

// The text holds rules that the book does not list: no rule of that file is asked.
static void other_rules(void **state)
{
	(void)state;
	struct ff_rules *r = built_in();
	struct ff_error *err = ff_rules_push(r, 0);
	assert_non_null(err);
	assert_non_null(strstr(err->message, "rules/gpu.lua: not the rules"));
	ff_error_destroy(err);
	assert_false(ff_rules_lists(r, 0, "explains", "nccl.init"));
	ff_rules_destroy(r);
}

// How many checks could not be asked: their file is read, and is not what the book says, where one is asked.
static size_t asked_about(const char *text)
{
	struct ff_rules *r = built_in();
	struct ff_findings findings = {0};
	json_t *facts = json_loads(text, 0, NULL), *broken = json_array();
	assert_non_null(facts);
	assert_null(ff_judge_facts(r, facts));
	assert_null(ff_judge_checks(r, facts, &findings, broken));
	size_t n = json_array_size(broken);
	json_decref(broken);
	json_decref(facts);
	ff_findings_deinit(&findings);
	ff_rules_destroy(r);
	return n;
}

// A check is asked where something that it reads is known.
static void asked_where_known(void **state)
{
	(void)state;
	assert_int_equal(asked_about("{}"), 0);
	assert_int_equal(asked_about("{\"gpus\": [{}]}"), 0);
	assert_int_equal(asked_about("{\"gpus\": [{\"name\": null}]}"), 1);
	assert_int_equal(asked_about("{\"xids\": []}"), 1);
}

// Nothing is read before a rule is asked for, and a user's rule takes the place of one that never was.
static void read_when_asked(void **state)
{
	(void)state;
	struct ff_rules *r = built_in();
	static const char mine[] =
		"rule {id = 'hf.gated', signatures = {seen = 'mine'}, why = 'so', explains = {'hf.offline'}}";
	assert_null(ff_rules_add_text(r, "mine.lua", mine, sizeof(mine) - 1));
	assert_null(ff_rules_at(r, 1)->id);
	assert_string_equal(ff_rules_at(r, 2)->id, "hf.gated");
	assert_true(ff_rules_lists(r, 2, "explains", "hf.offline"));
	ff_rules_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_lua),
		cmocka_unit_test(other_rules),
		cmocka_unit_test(asked_where_known),
		cmocka_unit_test(read_when_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
