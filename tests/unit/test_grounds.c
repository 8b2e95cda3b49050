// What a sentence of `why` rests on, and what it claims that nothing holds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/grounds.h"
#include "diagnose/holds.h"

static json_t *source(const char *kind, const char *name, const char *text)
{
	return json_pack("{s:{s:s}, s:s}", "on", kind, name, "text", text);
}

static json_t *machine(void)
{
	json_t *sources = json_array();
	json_array_append_new(sources, source("fact", "driver.version", "driver.version\n470.82.01\n"));
	json_array_append_new(sources, source("fact", "gpus.0.memory.total", "16979886080\n"));
	json_array_append_new(
		sources, source("log", "12", "CUDA out of memory. Tried to allocate 2.00 GiB (found version 12040)"));
	json_array_append_new(sources, source("fact", "torch.archs", "sm_80\nsm_90\n2\n"));
	json_t *rule = source("rule", "torch.driver-too-old",
		"why = \"CUDA 12 wants at least 525 there\", row = {\"0.6.3\"}, (\"of %d GPUs\")");
	json_object_set_new(rule, "literal", json_true());
	json_array_append_new(sources, rule);
	return sources;
}

// The claims of the one sentence that nothing holds, joined by blanks.
static void unsupported(const char *sentence, const json_t *computed, const char *want)
{
	json_t *sources = machine(), *grounds = NULL, *claim;
	char got[200] = "";
	size_t i;
	assert_null(ff_grounds(sentence, sources, computed, &grounds));
	assert_int_equal(json_array_size(grounds), 1);
	json_array_foreach (json_object_get(json_array_get(grounds, 0), "unsupported"), i, claim)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "", json_string_value(claim));
	assert_string_equal(got, want);
	json_decref(sources);
	json_decref(grounds);
}

static void test_held(void **state)
{
	(void)state;
	unsupported("The driver is 470.82.01.", NULL, "");
	unsupported("The card has 15.81 GiB.", NULL, "");
	unsupported("It was built for 9.0, that is sm_90.", NULL, "");
	unsupported("It found CUDA 12.4.", NULL, "");
	unsupported("CUDA 12 wants at least 525 here.", NULL, "");
	unsupported("Release 0.6.3 is known.", NULL, "");
	unsupported("torch covers 2 of them.", NULL, "");
	unsupported("The log says 'Tried to allocate'.", NULL, "");
	unsupported("Only words are said here.", NULL, "");
}

static void test_not_held(void **state)
{
	(void)state;
	unsupported("The driver is 470.82.", NULL, "");
	unsupported("The driver is 470.", NULL, "470");
	unsupported("The driver is 570.86.10.", NULL, "570.86.10");
	unsupported("The card has 16 GB, of which 15.47 GiB are free.", NULL, "16 15.47");
	unsupported("It is one of 8 GPUs.", NULL, "8");
	unsupported("Look at /etc/hosts and 'no such words'.", NULL, "/etc/hosts no such words");
	unsupported("The compute capability is 12.0.", NULL, "12.0");
	unsupported("LD_LIBRARY_PATH=/opt/old is set.", NULL, "LD_LIBRARY_PATH=/opt/old");
}

static void test_computed(void **state)
{
	(void)state;
	json_t *right = json_pack(
		"[{s:f, s:[f, f]}]", "value", 16979886080.0 - 2147483648.0, "of", 16979886080.0, 2147483648.0);
	json_t *wrong = json_pack("[{s:f, s:[f, f]}]", "value", 5e9, "of", 16979886080.0, 2147483648.0);
	json_t *invented = json_pack("[{s:f, s:[f, f]}]", "value", 3e9, "of", 4e9, 1e9);
	unsupported("13.81 GiB are left.", right, "");
	unsupported("4.66 GiB are left.", wrong, "4.66");
	unsupported("2.79 GiB are left.", invented, "2.79");
	json_decref(right);
	json_decref(wrong);
	json_decref(invented);
}

static void test_every_sentence(void **state)
{
	(void)state;
	json_t *sources = machine(), *grounds = NULL;
	assert_null(ff_grounds(
		"The driver is 470.82.01. transformers is 4.45.0, e.g. by pip. Why?", sources, NULL, &grounds));
	assert_int_equal(json_array_size(grounds), 3);
	assert_string_equal(ff_json_text(grounds, "0.on.0.fact"), "driver.version");
	assert_string_equal(ff_json_text(grounds, "1.unsupported.0"), "4.45.0");
	assert_string_equal(ff_json_text(grounds, "2.sentence"), "Why?");
	assert_non_null(ff_json_at(grounds, "2.on.0"));
	json_decref(sources);
	json_decref(grounds);
}

static void test_texts(void **state)
{
	(void)state;
	assert_true(ff_holds(FF_SPAN("torch 2.5.1+cu124"), FF_SPAN("2.5.1")));
	assert_false(ff_holds(FF_SPAN("driver 12.4"), FF_SPAN("12")));
	assert_false(ff_holds(FF_SPAN("1.12"), FF_SPAN("12")));
	assert_true(ff_holds(FF_SPAN("x-cp312-linux.whl"), FF_SPAN("3.12")));
	assert_false(ff_holds(FF_SPAN(""), FF_SPAN("x")));
	assert_false(ff_holds(FF_SPAN("x"), FF_SPAN("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_not_held),
		cmocka_unit_test(test_computed),
		cmocka_unit_test(test_every_sentence),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
