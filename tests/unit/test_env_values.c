// parse: CUDA_VISIBLE_DEVICES and the allocator's settings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parse/alloc_conf.h"
#include "parse/visible_devices.h"

static void the_first_bad_entry_ends_the_list(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		size_t devices;
		const char *bad;
	} cases[] = {
		{"0,1", 2, NULL},
		{" 0 , 1 ", 2, NULL},
		{"0,-1,1", 1, "-1"},
		{"-1", 0, "-1"},
		{"", 0, NULL},
		{"0,0", 1, "0"},
		{"GPU-8f2d,GPU-77aa", 2, NULL},
		{"GPU-8f2d,1", 1, "1"},
		{"MIG-a1", 1, NULL},
		{"\"0\"", 0, "\"0\""},
		{"all", 0, "all"},
		{"0,,1", 1, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_json_ json_t *doc = NULL;
		assert_null(ff_visible_devices_parse(ff_span_of(cases[i].value), &doc));
		assert_int_equal(json_array_size(ff_json_at(doc, "devices")), cases[i].devices);
		const char *bad = ff_json_text(doc, "bad");
		assert_int_equal(!bad, !cases[i].bad);
		if (bad)
			assert_string_equal(bad, cases[i].bad);
	}
}

static void settings_are_cut_at_commas_outside_brackets(void **state)
{
	(void)state;
	struct ff_span rest =
		FF_SPAN("expandable_segments:True, roundup_power2_divisions:[256:1,>:8],max_split_size_mb=5,x:,");
	struct ff_alloc_setting s;
	assert_true(
		ff_alloc_next(&rest, &s) && ff_span_eq(s.key, "expandable_segments") && ff_span_eq(s.value, "True"));
	assert_null(s.bad);
	assert_true(ff_alloc_next(&rest, &s) && ff_span_eq(s.value, "[256:1,>:8]"));
	assert_true(ff_alloc_next(&rest, &s) && s.bad);
	assert_true(ff_alloc_next(&rest, &s) && s.bad);
	assert_false(ff_alloc_next(&rest, &s));
}

static void values_must_have_their_form(void **state)
{
	(void)state;
	static const struct {
		const char *kind, *limit, *value;
		bool good;
	} cases[] = {
		{"bool", "", "True", true},
		{"bool", "", "true", false},
		{"bool", "", "1", false},
		{"int", "20", "20", true},
		{"int", "20", "19", false},
		{"int", "20", "1e3", false},
		{"power2", "1..128", "64", true},
		{"power2", "1..128", "256", false},
		{"power2", "1..128", "3", false},
		{"fraction", "", "0.8", true},
		{"fraction", "", ".8", true},
		{"fraction", "", "1.0", false},
		{"fraction", "", "0", false},
		{"fraction", "", "0,8", false},
		{"share", "", "1.0", true},
		{"choice", "native,cudaMallocAsync", "native", true},
		{"choice", "native,cudaMallocAsync", "CudaMallocAsync", false},
		{"divisions", "", "4", true},
		{"divisions", "", "3", false},
		{"divisions", "", "[256:1,512:2,>:8]", true},
		{"divisions", "", "[256:1,500:2]", false},
		{"divisions", "", "[256:1", false},
		{"divisions", "", "[", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *bad = ff_alloc_value_bad(
			ff_span_of(cases[i].kind), ff_span_of(cases[i].limit), ff_span_of(cases[i].value));
		if (!bad != cases[i].good)
			fail_msg("%s %s: %s", cases[i].kind, cases[i].value, bad ? bad : "good");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_bad_entry_ends_the_list),
		cmocka_unit_test(settings_are_cut_at_commas_outside_brackets),
		cmocka_unit_test(values_must_have_their_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
