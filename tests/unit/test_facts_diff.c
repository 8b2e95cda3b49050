// know/facts_diff: what counts as a change, and in which order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "know/facts_diff.h"

static json_t *diff(const char *before, const char *after, const char *matters)
{
	_cleanup_json_ json_t *a = json_loads(before, 0, NULL), *b = json_loads(after, 0, NULL);
	_cleanup_json_ json_t *m = matters ? json_loads(matters, 0, NULL) : NULL;
	assert_true(a && b);
	json_t *changes = NULL;
	assert_null(ff_facts_diff(a, b, m, &changes));
	return changes;
}

static void what_moves_by_itself_is_no_change(void **state)
{
	(void)state;
	_cleanup_json_ json_t *changes = diff("{\"taken_at\":\"1\",\"took_ms\":1.5,\"gpus\":[{\"uuid\":\"G\","
					      "\"temperature_c\":40,\"memory\":{\"total\":8,\"free\":7}}]}",
		"{\"taken_at\":\"2\",\"took_ms\":2.5,\"gpus\":[{\"uuid\":\"G\",\"temperature_c\":60,\"memory\":{"
		"\"total\":8,\"free\":1}}]}",
		NULL);
	assert_int_equal(json_array_size(changes), 0);
}

static void the_telling_change_comes_first(void **state)
{
	(void)state;
	const char *before =
		"{\"python\":{\"version\":\"3.10\"},\"torch\":{\"version\":\"2.3\"},\"driver\":{\"version\":\"550\"}}";
	const char *after =
		"{\"python\":{\"version\":\"3.11\"},\"torch\":{\"version\":\"2.6\"},\"driver\":{\"version\":\"570\"}}";
	_cleanup_json_ json_t *changes = diff(before, after, NULL);
	assert_int_equal(json_array_size(changes), 3);
	assert_string_equal(ff_json_text(changes, "0.path"), "driver.version");
	assert_string_equal(ff_json_text(changes, "0.before"), "550");
	_cleanup_json_ json_t *focused = diff(before, after, "[\"python\"]");
	assert_string_equal(ff_json_text(focused, "0.path"), "python.version");
}

static void entries_are_compared_by_name(void **state)
{
	(void)state;
	_cleanup_json_ json_t *changes = diff(
		"{\"cuda\":{\"libraries\":[{\"path\":\"/a\",\"version\":\"1\"},{\"path\":\"/b\",\"version\":\"1\"}]}}",
		"{\"cuda\":{\"libraries\":[{\"path\":\"/new\",\"version\":\"9\"},{\"path\":\"/"
		"a\",\"version\":\"1\"},{\"path\":\"/b\",\"version\":\"2\"}]}}",
		NULL);
	assert_int_equal(json_array_size(changes), 2);
	assert_string_equal(ff_json_text(changes, "0.path"), "cuda.libraries./b.version");
	assert_null(ff_json_at(changes, "1.before"));
}

// A captured worker that never looked at the driver has not lost its driver.
static void an_unknown_branch_is_no_change(void **state)
{
	(void)state;
	_cleanup_json_ json_t *changes =
		diff("{\"env\":{\"A\":\"1\"}}", "{\"env\":{},\"driver\":{\"version\":\"570\"}}", NULL);
	assert_int_equal(json_array_size(changes), 1);
	assert_string_equal(ff_json_text(changes, "0.path"), "env.A");
}

// Two variables may mean one disk.
static void a_name_that_two_share_is_none(void **state)
{
	(void)state;
	_cleanup_json_ json_t *changes = diff(
		"{\"system\":{\"disks\":[{\"path\":\"/a\",\"for\":\"HOME\"},{\"path\":\"/b\",\"for\":\"TMPDIR\"}]}}",
		"{\"system\":{\"disks\":[{\"path\":\"/a\",\"for\":\"HOME\"},{\"path\":\"/a\",\"for\":\"TMPDIR\"}]}}",
		NULL);
	assert_int_equal(json_array_size(changes), 1);
	assert_string_equal(ff_json_text(changes, "0.before"), "/b");
}

static void what_a_supervisor_brings_in_is_no_change(void **state)
{
	(void)state;
	_cleanup_json_ json_t *none = diff("{\"env\":{\"PYTHONPATH\":\"/app\"},\"python\":{\"site\":[\"/app\"]}}",
		"{\"env\":{\"PYTHONPATH\":\"/x/firstfix/hooks:/app\"},"
		"\"python\":{\"site\":[\"/x/firstfix/hooks\",\"/app\"]}}",
		NULL);
	assert_int_equal(json_array_size(none), 0);
	_cleanup_json_ json_t *alone =
		diff("{\"env\":{\"A\":\"1\"}}", "{\"env\":{\"A\":\"1\",\"PYTHONPATH\":\"/x/firstfix/hooks\"}}", NULL);
	assert_int_equal(json_array_size(alone), 0);
	_cleanup_json_ json_t *other = diff("{\"env\":{\"PYTHONPATH\":\"/x/firstfix/hooks:/app\"}}",
		"{\"env\":{\"PYTHONPATH\":\"/x/firstfix/hooks:/lib\"}}", NULL);
	assert_int_equal(json_array_size(other), 1);
	assert_string_equal(ff_json_text(other, "0.after"), "/lib");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_moves_by_itself_is_no_change),
		cmocka_unit_test(the_telling_change_comes_first),
		cmocka_unit_test(entries_are_compared_by_name),
		cmocka_unit_test(an_unknown_branch_is_no_change),
		cmocka_unit_test(a_name_that_two_share_is_none),
		cmocka_unit_test(what_a_supervisor_brings_in_is_no_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
