// parse: the order of PEP 440 and its specifiers. tests/wheels/test_versions.py compares with Python's `packaging`.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parse/version.h"

static void versions_stand_in_order(void **state)
{
	(void)state;
	// PEP 440's own examples and what wheels of GPU packages look like; each is less than the next.
	static const char *const order[] = {"garbage-2", "garbage-10", "1.dev0", "1.0.dev456", "1.0a1", "1.0a2.dev456",
		"1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2", "1.0b2.post345.dev456", "1.0b2.post345",
		"1.0rc1.dev456", "1.0rc1", "1.0", "1.0+abc.5", "1.0+abc.7", "1.0+5", "1.0.post456.dev34", "1.0.post456",
		"1.0.15", "1.1.dev1", "2.3.0", "2.3.1", "2.3.1+cpu", "2.3.1+cu118", "2.3.1+cu121", "2.10.0",
		"20240101000000000000000000", "1!0.1"};
	for (size_t i = 0; i + 1 < sizeof(order) / sizeof(order[0]); i++) {
		assert_true(ff_version_compare(order[i], order[i + 1]) < 0);
		assert_true(ff_version_compare(order[i + 1], order[i]) > 0);
		assert_int_equal(ff_version_compare(order[i], order[i]), 0);
	}
}

static void spellings_of_one_version_are_equal(void **state)
{
	(void)state;
	static const char *const same[][2] = {{"1.0", "1"}, {"v1.0.0", "1.0"}, {"1.0-RC.1", "1.0rc1"},
		{"1.0-1", "1.0.post1"}, {"1.0c1", "1.0pre1"}, {"1.0+CU121", "1.0+cu121"}, {"0!1", "1"},
		{" 1.0\n", "1.0"}, {"1.0a", "1.0alpha-0"}};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_int_equal(ff_version_compare(same[i][0], same[i][1]), 0);
}

static void malformed_versions_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "v", "1.0.", "1..0", "1.0+", "1.0+a..b", "1.0 rc1", "1!", "!1", "1!2!3",
		"1.0-", "1.0+a_", "1.0x", "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ff_version v = {.n_release = 77};
		assert_false(ff_version_parse(ff_span_of(bad[i]), &v));
		assert_int_equal(v.n_release, 77);
	}
}

static void normal_form(void **state)
{
	(void)state;
	struct ff_version v;
	_cleanup_buf_ struct ff_buf b = {0};
	assert_true(ff_version_parse(FF_SPAN("V01!02.0-RC_1.post.dev3+Ubuntu_01"), &v));
	ff_version_format(&v, &b);
	assert_string_equal(b.p, "1!2.0rc1.post0.dev3+ubuntu.1");
}

struct question {
	const char *version, *specifiers;
	enum ff_satisfies answer;
};

static void specifiers_are_answered(void **state)
{
	(void)state;
	static const struct question questions[] = {
		{"2.3.1+cu121", "==2.3.1", FF_SATISFIES_YES},
		{"2.3.1+cu121", "==2.3.1+cu118", FF_SATISFIES_NO},
		{"2.3.1+cu121", ">2.3.1", FF_SATISFIES_NO},
		{"2.3.1+cu121", ">=2.3.1,<=2.3.1", FF_SATISFIES_YES},
		{"2.0rc1", "<2.0", FF_SATISFIES_NO},
		{"2.0rc1", "<2.0rc2", FF_SATISFIES_YES},
		{"2.0.post1", ">2.0", FF_SATISFIES_NO},
		{"1.26.4", "~=1.26.0", FF_SATISFIES_YES},
		{"1.27.0", "~=1.26.0", FF_SATISFIES_NO},
		{"1.27.0", "~=1.26", FF_SATISFIES_YES},
		{"2.3.1", "==2.3.*", FF_SATISFIES_YES},
		{"2", "==2.0.*", FF_SATISFIES_YES},
		{"2.4", "!=2.3.*", FF_SATISFIES_YES},
		{"0.23.1", " >= 0.20 , < 1.0 , ", FF_SATISFIES_YES},
		{"anything", "", FF_SATISFIES_YES},
		{"anything", ">=1", FF_SATISFIES_UNKNOWN},
		{"Anything", "===anything", FF_SATISFIES_YES},
		{"1.0", "=1.0", FF_SATISFIES_UNKNOWN},
		{"1.0", "~=1", FF_SATISFIES_UNKNOWN},
		{"1.0", ">=1.0+local", FF_SATISFIES_UNKNOWN},
		{"1.0", ">=1.*", FF_SATISFIES_UNKNOWN},
		{"1.0", "<0.5,>=x", FF_SATISFIES_UNKNOWN},
	};
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		assert_int_equal(
			ff_version_satisfies(questions[i].version, questions[i].specifiers), questions[i].answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_stand_in_order),
		cmocka_unit_test(spellings_of_one_version_are_equal),
		cmocka_unit_test(malformed_versions_are_refused),
		cmocka_unit_test(normal_form),
		cmocka_unit_test(specifiers_are_answered),
	};
	return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
