// know: bitsandbytes' choice of a library, torch's partners. tests/wheels/test_bitsandbytes.py runs bitsandbytes' real
// code.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "know/bnb.h"
#include "know/torch_pairs.h"

static const char *const shipped[] = {"libbitsandbytes_cpu.so", "libbitsandbytes_cuda118.so",
	"libbitsandbytes_cuda121.so", "libbitsandbytes_cuda128.so"};

struct row {
	const char *version, *torch_cuda, *override, *capability, *wanted;
	enum ff_bnb_outcome outcome;
};

static void each_version_has_its_rule(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"0.42.0", "12.1", NULL, "8.9", "libbitsandbytes_cuda121.so", FF_BNB_LOADS},
		{"0.42.0", "12.1", "118", "7.0", "libbitsandbytes_cuda121_nocubla118.so", FF_BNB_FAILS},
		{"0.43.3", "12.1", "118", "7.0", "libbitsandbytes_cuda121_nocublaslt118.so", FF_BNB_CPU_INSTEAD},
		{"0.44.1", "12.1", "118", "7.0", "libbitsandbytes_cuda118_nocublaslt.so", FF_BNB_CPU_INSTEAD},
		{"0.45.5", "12.4", NULL, "7.0", "libbitsandbytes_cuda124.so", FF_BNB_CPU_INSTEAD},
		{"0.46.1", "12.4", NULL, "8.9", "libbitsandbytes_cuda124.so", FF_BNB_FAILS},
		{"0.50.0", "12.9", NULL, "8.9", "libbitsandbytes_cuda128.so", FF_BNB_LOADS},
		{"0.50.0", "12.0", NULL, "8.9", "libbitsandbytes_cuda121.so", FF_BNB_LOADS},
		{"0.50.0", "13.0", NULL, "8.9", "libbitsandbytes_cuda130.so", FF_BNB_FAILS},
		{"0.50.0", "12.1", "", "8.9", "", FF_BNB_FAILS},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ff_bnb_question q = {.version = rows[i].version,
			.torch_cuda = rows[i].torch_cuda,
			.override_cuda = rows[i].override,
			.capability = rows[i].capability,
			.gpu = FF_KNOWN_YES,
			.shipped = shipped,
			.n_shipped = 4};
		struct ff_bnb_choice choice;
		assert_true(ff_know_bnb_select(&q, &choice));
		assert_string_equal(choice.wanted, rows[i].wanted);
		assert_int_equal(choice.outcome, rows[i].outcome);
	}
}

static void what_is_not_known_is_not_answered(void **state)
{
	(void)state;
	struct ff_bnb_choice choice;
	struct ff_bnb_question q = {.version = "0.39.0", .torch_cuda = "12.1", .gpu = FF_KNOWN_YES};
	assert_false(ff_know_bnb_select(&q, &choice)); // asks a libcudart, and none was found
	q.version = "garbage";
	assert_false(ff_know_bnb_select(&q, &choice));
	q.version = "0.42.0";
	q.gpu = FF_KNOWN_NOT;
	assert_true(ff_know_bnb_select(&q, &choice));
	assert_true(choice.assumed_gpu && choice.assumed_capability);
}

static void a_long_override_stays_inside(void **state)
{
	(void)state;
	char value[1000];
	memset(value, '1', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	static const char *const versions[] = {"0.42.0", "0.43.3", "0.44.1", "0.50.0"};
	for (size_t i = 0; i < 4; i++) {
		struct ff_bnb_question q = {
			.version = versions[i], .torch_cuda = "12.1", .override_cuda = value, .gpu = FF_KNOWN_YES};
		struct ff_bnb_choice choice;
		assert_true(ff_know_bnb_select(&q, &choice));
		assert_true(strlen(choice.wanted) < sizeof(choice.wanted));
	}
}

static void wheels_ship_what_the_table_says(void **state)
{
	(void)state;
	assert_int_equal(ff_know_bnb_ships("0.42.0", "12.1"), FF_KNOWN_YES);
	assert_int_equal(ff_know_bnb_ships("0.42.0", "124"), FF_KNOWN_NO);
	assert_int_equal(ff_know_bnb_ships("0.1", "124"), FF_KNOWN_NOT);
}

static void torch_has_partners(void **state)
{
	(void)state;
	struct ff_span wants;
	assert_true(ff_know_torch_partner("2.3.1+cu121", "torchvision", &wants));
	assert_true(ff_span_eq(wants, "==0.18.1"));
	assert_false(ff_know_torch_partner("99.0", "torchvision", &wants));
	assert_false(ff_know_torch_partner("2.3.1", "numpy", &wants));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_has_its_rule),
		cmocka_unit_test(what_is_not_known_is_not_answered),
		cmocka_unit_test(a_long_override_stays_inside),
		cmocka_unit_test(wheels_ship_what_the_table_says),
		cmocka_unit_test(torch_has_partners),
	};
	return cmocka_run_group_tests_name("know_bnb", tests, NULL, NULL);
}
