// What runs where: drivers and CUDA, architectures and capabilities, names, PCI ids, Xids, error codes.
#include "base/table.h"
#include "know/driver.h"
#include "know/error_code.h"
#include "know/gpu_arch.h"
#include "know/xid.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

FF_EMBEDDED(ff_table, pci_gpus);
FF_EMBEDDED(ff_table, gpus);
FF_EMBEDDED(ff_table, driver_cuda);
FF_EMBEDDED(ff_table, error_codes);

static void driver_runs_cuda(void **state)
{
	(void)state;
	static const struct {
		const char *driver, *cuda;
		enum ff_driver_verdict want;
	} rows[] = {
		{"570.86.10", "12.8", FF_DRIVER_OK},
		{"570.86.10", "12.8.57", FF_DRIVER_OK},
		{"570.86.10", "12.1", FF_DRIVER_OK},
		{"535.104.05", "12.8", FF_DRIVER_NO_PTX},
		{"525.60.13", "12.1.105", FF_DRIVER_NO_PTX},
		{"525.60.12", "12.1", FF_DRIVER_TOO_OLD},
		{"470.82.01", "12.1", FF_DRIVER_TOO_OLD},
		{"470.82.01", "11.8", FF_DRIVER_NO_PTX},
		{"450.80.02", "11.1", FF_DRIVER_NO_PTX},
		{"440.33", "10.2", FF_DRIVER_OK},
		{"418.39", "10.2", FF_DRIVER_TOO_OLD},
		{"575.57.08", "13.0", FF_DRIVER_TOO_OLD},
		{"580.65.06", "13.1", FF_DRIVER_NO_PTX},
		{"570.26", "12.7", FF_DRIVER_OK},
		{"560.28.03", "12.7", FF_DRIVER_NOT_KNOWN},
		{"520.61.05", "12.7", FF_DRIVER_TOO_OLD},
		{"560.28.03", "13.9", FF_DRIVER_TOO_OLD},
		{"595.45.04", "13.9", FF_DRIVER_NOT_KNOWN},
		{"595.45.04", "14.0", FF_DRIVER_NOT_KNOWN},
		{"", "12.1", FF_DRIVER_NOT_KNOWN},
		{"n/a", "12.1", FF_DRIVER_NOT_KNOWN},
		{"570.26", "", FF_DRIVER_NOT_KNOWN},
		{"99999999999999999999999.1", "12.1", FF_DRIVER_OK},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum ff_driver_verdict got = ff_know_driver_runs(rows[i].driver, rows[i].cuda, NULL);
		if (got != rows[i].want)
			fail_msg("driver %s, CUDA %s: %s", rows[i].driver, rows[i].cuda, ff_driver_verdict_name(got));
	}
	struct ff_driver_needs needs;
	ff_know_driver_runs("470.82.01", "12.1", &needs);
	assert_true(ff_span_eq(needs.floor, "525.60.13") && ff_span_eq(needs.own, "530.30.02"));
}

static void driver_knows_its_cuda(void **state)
{
	(void)state;
	assert_true(ff_span_eq(ff_know_driver_cuda("570.86.10"), "12.8"));
	assert_true(ff_span_eq(ff_know_driver_cuda("535.183.01"), "12.2"));
	assert_int_equal(ff_know_driver_cuda("304.0").n, 0);
}

// The verdict depends on the order of the rows: from new to old.
static void driver_table_goes_from_new_to_old(void **state)
{
	(void)state;
	struct ff_table table = ff_table_of(ff_table_driver_cuda);
	struct ff_table_row row, before = {0};
	for (bool first = true; ff_table_next(&table, &row); first = false, before = row) {
		if (first)
			continue;
		assert_true(ff_know_version_compare(before.cells[0], row.cells[0]) > 0);
		assert_true(ff_know_version_compare(before.cells[1], row.cells[1]) > 0);
	}
}

static void targets_are_read(void **state)
{
	(void)state;
	struct ff_arch a;
	assert_true(ff_arch_parse(FF_SPAN("sm_90a"), &a) && a.major == 9 && a.minor == 0 && a.suffix == 'a' && !a.ptx);
	assert_true(ff_arch_parse(FF_SPAN("compute_120"), &a) && a.major == 12 && a.minor == 0 && a.ptx);
	assert_true(ff_arch_parse(FF_SPAN("sm_100f"), &a) && a.major == 10 && a.suffix == 'f');
	assert_true(ff_arch_parse(FF_SPAN("8.6+PTX"), &a) && a.major == 8 && a.minor == 6);
	assert_true(ff_arch_parse(FF_SPAN("12.1a"), &a) && a.major == 12 && a.minor == 1 && a.suffix == 'a');
	static const char *const bad[] = {
		"", "sm_", "sm_9", "gfx90a", "8.", ".6", "8.6.1", "sm_9000", "a", "0.5", "sm_x0", "8.66"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (ff_arch_parse(ff_span_of(bad[i]), &a))
			fail_msg("'%s' was read", bad[i]);
}

static void code_covers_capability(void **state)
{
	(void)state;
	static const struct {
		const char *archs, *ptx, *cc;
		enum ff_arch_verdict want;
	} rows[] = {
		{"sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90", "", "8.9", FF_ARCH_SASS},
		{"sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90", "", "6.1", FF_ARCH_SASS},
		{"sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90", "", "12.0", FF_ARCH_NONE},
		{"sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90", "compute_90", "12.0", FF_ARCH_PTX},
		{"sm_120", "", "12.1", FF_ARCH_SASS},
		{"sm_86", "", "8.0", FF_ARCH_NONE},
		{"sm_90a", "", "9.0", FF_ARCH_SASS},
		{"sm_90a", "compute_90a", "10.0", FF_ARCH_NONE},
		{"sm_100a", "", "10.3", FF_ARCH_NONE},
		{"sm_100f", "", "10.3", FF_ARCH_SASS},
		{"sm_103f", "", "10.0", FF_ARCH_NONE},
		{"sm_120f", "", "12.1", FF_ARCH_SASS},
		{"sm_100f", "", "12.0", FF_ARCH_NONE},
		{"sm_100", "compute_100f", "12.0", FF_ARCH_NONE},
		{"sm_80", "", "8.7", FF_ARCH_NONE},
		{"sm_87", "", "8.9", FF_ARCH_NONE},
		{"sm_87", "", "8.7", FF_ARCH_SASS},
		{"sm_70 compute_70", "", "7.5", FF_ARCH_SASS},
		{"sm_60 compute_70", "", "7.5", FF_ARCH_PTX},
		{"sm_75", "", "7.0", FF_ARCH_NONE},
		{"gfx90a", "", "9.0", FF_ARCH_NONE},
		{"", "", "9.0", FF_ARCH_NOT_KNOWN},
		{"sm_90", "", "what", FF_ARCH_NOT_KNOWN},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *texts[] = {rows[i].archs, rows[i].ptx};
		json_t *lists[] = {json_array(), json_array()};
		for (size_t side = 0; side < 2; side++) {
			struct ff_span rest = ff_span_of(texts[side]), word;
			while (ff_span_next(&rest, ' ', &word))
				if (word.n)
					json_array_append_new(lists[side], json_stringn(word.p, word.n));
		}
		enum ff_arch_verdict got = ff_know_arch_covers(lists[0], lists[1], rows[i].cc);
		json_decref(lists[0]);
		json_decref(lists[1]);
		if (got != rows[i].want)
			fail_msg(
				"%s / %s on %s: %s", rows[i].archs, rows[i].ptx, rows[i].cc, ff_arch_verdict_name(got));
	}
	assert_int_equal(ff_know_arch_covers(NULL, NULL, "9.0"), FF_ARCH_NOT_KNOWN);
}

static void names_lead_to_capabilities(void **state)
{
	(void)state;
	static const struct {
		const char *name, *cc;
		uint64_t memory;
	} rows[] = {
		{"NVIDIA GeForce RTX 5090", "12.0", 32},
		{"NVIDIA GeForce RTX 5090 Laptop GPU", "12.0", 24},
		{"NVIDIA H200", "9.0", 141},
		{"NVIDIA H100 80GB HBM3", "9.0", 80},
		{"NVIDIA A100-SXM4-40GB", "8.0", 40},
		{"A100 SXM4 80GB", "8.0", 80},
		{"NVIDIA A10G", "8.6", 24},
		{"NVIDIA A10", "8.6", 24},
		{"NVIDIA L40S", "8.9", 48},
		{"NVIDIA L4", "8.9", 24},
		{"Tesla T4", "7.5", 16},
		{"Tesla V100-SXM2-32GB", "7.0", 32},
		{"NVIDIA RTX 6000 Ada Generation", "8.9", 48},
		{"Quadro RTX 6000", "7.5", 24},
		{"NVIDIA RTX PRO 6000 Blackwell Server Edition", "12.0", 96},
		{"NVIDIA GB10", "12.1", 0},
		{"NVIDIA GB200", "10.0", 192},
		{"NVIDIA GeForce GTX 1080 Ti", "6.1", 11},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ff_gpu_info info;
		if (!ff_know_gpu_by_name(rows[i].name, &info))
			fail_msg("%s is not known", rows[i].name);
		if (!ff_span_eq(info.cc, rows[i].cc) || info.memory_gib != rows[i].memory)
			fail_msg("%s: %.*s, %ju GiB", rows[i].name, (int)info.cc.n, info.cc.p,
				(uintmax_t)info.memory_gib);
	}
	struct ff_gpu_info info;
	assert_false(ff_know_gpu_by_name("NVIDIA T400 4GB", &info));
	assert_false(ff_know_gpu_by_name("", &info));
}

static void pci_ids_lead_to_gpus(void **state)
{
	(void)state;
	struct ff_gpu_info info;
	assert_true(ff_know_gpu_by_pci(0x2b85, &info));
	assert_true(ff_span_eq(info.name, "GeForce RTX 5090") && ff_span_eq(info.cc, "12.0"));
	assert_int_equal(info.memory_gib, 32);
	assert_true(ff_know_gpu_by_pci(0x2335, &info) && ff_span_eq(info.cc, "9.0"));
	assert_false(ff_know_gpu_by_pci(0x0001, &info));
}

// Two sources for one fact: the chip behind a PCI id and the table of names must not disagree.
static void tables_agree(void **state)
{
	(void)state;
	struct ff_table table = ff_table_of(ff_table_pci_gpus);
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		char name[128];
		snprintf(name, sizeof(name), "%.*s", (int)row.cells[1].n, row.cells[1].p);
		struct ff_gpu_info info;
		if (ff_know_gpu_by_name(name, &info) && ff_know_version_compare(info.cc, row.cells[3]) != 0)
			fail_msg("%s: %.*s by name, %.*s by chip", name, (int)info.cc.n, info.cc.p, (int)row.cells[3].n,
				row.cells[3].p);
		struct ff_arch_info arch;
		char cc[16];
		snprintf(cc, sizeof(cc), "%.*s", (int)row.cells[3].n, row.cells[3].p);
		assert_true(ff_know_arch_info(cc, &arch));
	}
}

static void capability_tells_its_toolkits(void **state)
{
	(void)state;
	struct ff_arch_info info;
	assert_true(ff_know_arch_info("12.0", &info));
	assert_true(ff_span_eq(info.name, "Blackwell") && ff_span_eq(info.first_cuda, "12.8") && !info.last_cuda.n);
	assert_true(ff_know_arch_info("7.0", &info) && ff_span_eq(info.last_cuda, "12.9"));
	assert_false(ff_know_arch_info("1.1", &info));
}

static void xid_tells_its_meaning(void **state)
{
	(void)state;
	struct ff_xid_info info;
	assert_true(ff_know_xid(79, &info));
	assert_true(ff_span_eq(info.kind, "node") && ff_span_eq(info.action, "reboot"));
	assert_true(ff_span_eq(info.cause, "gpu.fallen-off"));
	assert_true(ff_know_xid(43, &info) && ff_span_eq(info.action, "ignore"));
	assert_false(ff_know_xid(1, &info));
	struct ff_xid_info all[256];
	size_t n = ff_know_xids(256, all);
	assert_in_range(n, 100, 255);
	assert_true(ff_span_eq(all[0].number, "8") && ff_span_eq(all[1].number, "11"));
	assert_int_equal(ff_know_xids(1, all), 1);
}

static void codes_are_found_by_number_and_name(void **state)
{
	(void)state;
	static const struct {
		const char *library, *key, *number, *cause;
	} rows[] = {
		{"cuda", "802", "802", "driver.fabric-manager"},
		{NULL, "CUDA_ERROR_SYSTEM_NOT_READY", "802", "driver.fabric-manager"},
		{NULL, "cudaErrorSystemNotReady", "802", "driver.fabric-manager"},
		{"nvml", "18", "18", "driver.library-mismatch"},
		{NULL, "NVMLError_LibRmVersionMismatch", "18", "driver.library-mismatch"},
		{"hip", "hipErrorNoDevice", "100", "host.no-gpu"},
		{"errno", "28", "28", "disk.full"},
		{NULL, "ENOSPC", "28", "disk.full"},
		{"nccl", "802", NULL, NULL},
		{NULL, "cudaErrorSystemNotRead", NULL, NULL},
		{NULL, "cudaErrorSystemNotReadyX", NULL, NULL},
		{NULL, "", NULL, NULL},
		{NULL, "_", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ff_error_code code = {0};
		bool found = ff_know_error_code(rows[i].library, ff_span_of(rows[i].key), &code);
		if (found != !!rows[i].number ||
			(found && !(ff_span_eq(code.number, rows[i].number) && ff_span_eq(code.cause, rows[i].cause))))
			fail_msg("%s: %.*s", rows[i].key, (int)code.cause.n, code.cause.n ? code.cause.p : "");
	}
	struct ff_error_code two[2];
	assert_int_equal(ff_know_error_codes("driver.fabric-manager", two, 2), 2);
	assert_int_equal(ff_know_error_codes("no.such", two, 2), 0);
}

static void every_code_with_a_cause_is_found_by_it(void **state)
{
	(void)state;
	struct ff_table table = ff_table_of(ff_table_error_codes);
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		struct ff_error_code codes[64];
		struct ff_span cause = ff_table_cell(&table, &row, "cause");
		_cleanup_free_ char *name = ff_span_dup(cause);
		size_t n = cause.n ? ff_know_error_codes(name, codes, 64) : 0;
		bool found = !cause.n;
		for (size_t i = 0; i < n; i++)
			found |= codes[i].name.p == ff_table_cell(&table, &row, "name").p;
		if (!found)
			fail_msg("line %u: %s", row.line, name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(driver_runs_cuda),
		cmocka_unit_test(driver_knows_its_cuda),
		cmocka_unit_test(driver_table_goes_from_new_to_old),
		cmocka_unit_test(targets_are_read),
		cmocka_unit_test(code_covers_capability),
		cmocka_unit_test(names_lead_to_capabilities),
		cmocka_unit_test(pci_ids_lead_to_gpus),
		cmocka_unit_test(tables_agree),
		cmocka_unit_test(capability_tells_its_toolkits),
		cmocka_unit_test(xid_tells_its_meaning),
		cmocka_unit_test(codes_are_found_by_number_and_name),
		cmocka_unit_test(every_code_with_a_cause_is_found_by_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
