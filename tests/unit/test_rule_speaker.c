// Which patterns are plain words, and what a rule must say of who says them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/rule_speaker.h"

#include <lauxlib.h>
#include <string.h>

static void plain_words_are_no_name(void **state)
{
	(void)state;
	static const char *const plain[] = {
		"out of memory",
		"PyTorch was built without cuDNN",
		"(?:ncclInternalError|an internal error)", // one way without a name is enough
		"(?:max_len)? is too large",
		"(?!max_len)too large",
		"\\w+_\\w+ missing",
		"[a-z_]+",
	};
	static const char *const names[] = {
		"ncclInternalError",
		"(?:max_model_len|gpu_memory_utilization) is",
		"name 'str2optimizer' is not defined",
		"--mem-fraction-static",
		"torchvision::nms",
		"config\\.json",
		"(?<lib>libcuda)\\.so: cannot open",
		"(?i)sm_90",
	};
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (ff_pattern_names(plain[i]))
			fail_msg("no name: %s", plain[i]);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!ff_pattern_names(names[i]))
			fail_msg("a name: %s", names[i]);
}

// The message about a block, NULL when nothing is wrong.
static const char *faults(const char *block, bool complete)
{
	static char text[512];
	lua_State *L = luaL_newstate();
	assert_int_equal(luaL_dostring(L, block), LUA_OK);
	struct ff_error *err = ff_rule_speakers_check(L, lua_gettop(L), complete);
	if (err)
		strncpy(text, err->message, sizeof(text) - 1);
	bool wrong = err;
	ff_error_destroy(err);
	lua_close(L);
	return wrong ? text : NULL;
}

static void plain_words_need_a_speaker_or_a_reason(void **state)
{
	(void)state;
	assert_non_null(strstr(faults("return {signatures = {a = 'disk is full'}}", true), "'a' is plain words"));
	assert_null(faults("return {signatures = {a = 'disk is full'}}", false));
	assert_null(faults("return {signatures = {a = 'disk is full'}, from = {'torch'}}", true));
	assert_null(faults("return {signatures = {a = 'disk is full'}, from = {a = {'torch'}}}", true));
	assert_non_null(
		faults("return {signatures = {a = 'disk is full', b = 'more words'}, from = {a = {'torch'}}}", true));
	assert_null(faults("return {signatures = {a = 'No space left'}, anyone = 'system'}", true));
	assert_null(faults("return {signatures = {a = 'No space left'}, anyone = {a = 'system'}}", true));
	assert_null(faults("return {signatures = {a = 'words'}, anyone = 'request', when = function() end}", true));
}

static void what_is_said_of_speakers_is_checked(void **state)
{
	(void)state;
	static const struct {
		const char *block, *part;
	} rows[] = {
		{"return {signatures = {a = 'x y'}, from = {'nobody'}}", "'nobody'"},
		{"return {signatures = {a = 'x y'}, from = {b = {'torch'}}}", "no signature"},
		{"return {signatures = {a = 'x y'}, from = 'torch'}", "a list"},
		{"return {signatures = {a = 'x y'}, from = {a = 'torch'}}", "a list"},
		{"return {signatures = {a = 'x y'}, anyone = {b = 'system'}}", "no signature"},
		{"return {signatures = {a = 'x y'}, anyone = 'whim'}", "none of"},
		{"return {signatures = {a = 'x y'}, anyone = 'interpreter'}", "nothing for which"},
		{"return {signatures = {a = 'x y'}, anyone = 'request'}", "nothing for which"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *said = faults(rows[i].block, true);
		if (!said || !strstr(said, rows[i].part))
			fail_msg("%s: %s", rows[i].block, said ? said : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_words_are_no_name),
		cmocka_unit_test(plain_words_need_a_speaker_or_a_reason),
		cmocka_unit_test(what_is_said_of_speakers_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
