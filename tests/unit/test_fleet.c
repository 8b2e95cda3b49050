// fleet: facts made flat.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/sha256.h"
#include "emit/hashed.h"
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

static void assert_hex(const unsigned char *hash, const char *wanted)
{
	char text[2 * FF_SHA256 + 1];
	for (size_t i = 0; i < FF_SHA256; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	assert_string_equal(text, wanted);
}

// FIPS 180-4's examples, the lengths around a block's end, and RFC 4231's second case.
static void test_sha256(void **state)
{
	(void)state;
	unsigned char hash[FF_SHA256];
	char many[200];
	memset(many, 'a', sizeof(many));
	ff_sha256(FF_SPAN(""), hash);
	assert_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	ff_sha256(FF_SPAN("abc"), hash);
	assert_hex(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ff_sha256((struct ff_span){many, 55}, hash);
	assert_hex(hash, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	ff_sha256((struct ff_span){many, 56}, hash);
	assert_hex(hash, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
	ff_sha256((struct ff_span){many, 64}, hash);
	assert_hex(hash, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
	ff_hmac_sha256(FF_SPAN("Jefe"), FF_SPAN("what do ya want for nothing?"), hash);
	assert_hex(hash, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static char *hashed(const char *text)
{
	struct ff_buf out = {0};
	ff_hash_names(ff_span_of(text), FF_SPAN("key"), "gpu-17", &out);
	return out.p ? out.p : strdup("");
}

static void test_names_are_hashed(void **state)
{
	(void)state;
	static const char *const whole[] = {
		"https://example.org/a/b is no path", "a/b 1/2 and/or", "GET of gpu-170", "/"};
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		_cleanup_free_ char *same = hashed(whole[i]);
		assert_string_equal(same, whole[i]);
	}
	_cleanup_free_ char *one = hashed("No such file: '/home/ada/x.gguf' on gpu-17."),
			    *other = hashed("/home/ada/x.gguf");
	assert_null(strstr(one, "ada"));
	assert_null(strstr(one, "gpu-17"));
	assert_non_null(strstr(one, other));
	assert_memory_equal(one, "No such file: 'hashed:", 22);
	_cleanup_json_ json_t *doc = json_pack("{s:s, s:[{s:s, s:{s:s}}, {s:s, s:{s:s}}]}", "name", "/a/b",
		"attributes", "key", "http.route", "value", "stringValue", "/v1/chat", "key", "code.file.path", "value",
		"stringValue", "/srv/x.py");
	assert_null(ff_hash_names_of(doc, FF_SPAN("key"), NULL));
	assert_string_equal(ff_json_text(doc, "attributes.0.value.stringValue"), "/v1/chat");
	assert_true(ff_starts(ff_json_text(doc, "attributes.1.value.stringValue"), "hashed:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_names_are_hashed),
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_long_values_keep_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
