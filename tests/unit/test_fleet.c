// fleet: facts made flat.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "know/facts_flat.h"

#include <string.h>

static json_t *flat_of(const char *text)
{
	json_t *facts = json_loads(text, 0, NULL), *flat = NULL;
	assert_non_null(facts);
	assert_null(ff_facts_flat(facts, &flat));
	json_decref(facts);
	return flat;
}

static void test_flat(void **state)
{
	(void)state;
	_cleanup_json_ json_t *flat = flat_of(
		"{\"schema\": \"firstfix.facts/1\", \"taken_at\": \"now\", \"torch\": {\"version\": \"2.6.0\", "
		"\"archs\":"
		" [\"sm_80\", \"sm_90\"]}, \"gpus\": [{\"name\": \"H100\", \"index\": 0, \"temperature_c\": 40},"
		" {\"name\": \"H100\", \"index\": 1}], \"env\": {\"HF_TOKEN\": {\"masked\": true, \"length\": 3}},"
		" \"system\": {\"memory\": {\"total\": 5, \"available\": 3}, \"libc\": {\"version\": null}},"
		" \"python\": {\"required_by\": {\"a\": {\"b\": \">1\"}}, \"packages\": {\"a.b\": {\"version\": \"1\","
		" \"location\": \"/x\"}}}}");
	_cleanup_json_ json_t *wanted = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "torch.version", "2.6.0",
		"torch.archs", "[\"sm_80\",\"sm_90\"]", "gpus.*.name", "H100", "gpus.*.index", "0, 1", "gpus.count",
		"2", "env.HF_TOKEN", "set, masked", "system.memory.total", "5", "python.packages.a.b.version", "1");
	if (!json_equal(flat, wanted))
		print_error("%s\n", json_dumps(flat, JSON_INDENT(1)));
	assert_true(json_equal(flat, wanted));
}

static void test_long_values_keep_apart(void **state)
{
	(void)state;
	char text[700], one[FF_FLAT_HASH], other[FF_FLAT_HASH];
	snprintf(text, sizeof(text), "{\"env\": {\"A\": \"%0400d\", \"B\": \"x\"}}", 1);
	_cleanup_json_ json_t *a = flat_of(text);
	snprintf(text, sizeof(text), "{\"env\": {\"B\": \"x\", \"A\": \"%0400d\"}}", 2);
	_cleanup_json_ json_t *b = flat_of(text);
	snprintf(text, sizeof(text), "{\"env\": {\"B\": \"x\", \"A\": \"%0400d\"}}", 1);
	_cleanup_json_ json_t *c = flat_of(text);
	assert_true(json_string_length(json_object_get(a, "env.A")) <= FF_FLAT_VALUE);
	ff_facts_flat_hash(a, one);
	ff_facts_flat_hash(b, other);
	assert_string_not_equal(one, other);
	ff_facts_flat_hash(c, other); // in another order
	assert_string_equal(one, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_long_values_keep_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
