// What the kernel drivers of GPUs write: versions, GPU information, Xids, AMD's targets.
#include "parse/kfd.h"
#include "parse/nvidia_text.h"
#include "parse/xid.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void kernel_module_version(void **state)
{
	(void)state;
	static const struct {
		const char *text, *version;
		bool open;
	} rows[] = {
		{"NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n",
			"535.104.05", false},
		{"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build  (x)\nGCC version: "
		 " gcc 12.3.0",
			"570.86.10", true},
		{"NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82  Wed", "470.82", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ff_span version;
		bool open;
		assert_true(ff_nvrm_version(ff_span_of(rows[i].text), &version, &open));
		assert_true(ff_span_eq(version, rows[i].version));
		assert_int_equal(open, rows[i].open);
	}
	struct ff_span version;
	bool open;
	assert_false(ff_nvrm_version(FF_SPAN("GCC version: 12.3.0"), &version, &open));
	assert_false(ff_nvrm_version(FF_SPAN(""), &version, &open));
}

static void information_fields(void **state)
{
	(void)state;
	struct ff_span text = FF_SPAN(
		"Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-?\?\?\?\?\?\?\?\nBus Location: \t 0000:1b:00.0\nIRQ\n");
	assert_true(ff_span_eq(ff_nvrm_field(text, "Model"), "NVIDIA H200"));
	assert_true(ff_span_eq(ff_nvrm_field(text, "Bus Location"), "0000:1b:00.0"));
	assert_int_equal(ff_nvrm_field(text, "GPU UUID").n, 0);
	assert_int_equal(ff_nvrm_field(text, "IRQ").n, 0);
}

static void small_texts(void **state)
{
	(void)state;
	struct ff_span modules = FF_SPAN("nvidia_uvm 493 2 - Live 0x0\nnvidia 96 1 nvidia_uvm, Live 0x0\n");
	assert_true(ff_module_listed(modules, "nvidia") && ff_module_listed(modules, "nvidia_uvm"));
	assert_false(ff_module_listed(modules, "nouveau") || ff_module_listed(modules, "nvid"));
	struct ff_span toml = FF_SPAN("#no-cgroups = true\n[a]\nno-cgroups = false\nmode = \"cdi\"\nload\n");
	assert_true(ff_span_eq(ff_toml_setting(toml, "no-cgroups"), "false"));
	assert_true(ff_span_eq(ff_toml_setting(toml, "mode"), "cdi"));
	assert_int_equal(ff_toml_setting(toml, "load").n, 0);
	struct ff_span version;
	assert_true(ff_driver_library_version(FF_SPAN("libcuda.so.570.86.10"), &version) &&
		ff_span_eq(version, "570.86.10"));
	assert_false(ff_driver_library_version(FF_SPAN("libcuda.so.1"), &version));
	struct ff_pci_ids ids;
	assert_true(ff_pci_modalias(FF_SPAN("pci:v000010DEd00002B85sv00001043sd00008A3Abc03sc00i00"), &ids));
	assert_true(ids.vendor == 0x10de && ids.device == 0x2b85 && ids.class_code == 3 && ids.subclass == 0);
	assert_false(ff_pci_modalias(FF_SPAN("pci:v000010DEd00002B85sv"), &ids));
	assert_false(ff_pci_modalias(FF_SPAN("usb:v1D6Bp0002"), &ids));
}

static void xid_lines(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		unsigned number;
		const char *bus_id, *process, *text;
		uint64_t pid;
	} rows[] = {
		{"4,1203,86400123456,-;NVRM: Xid (PCI:0000:05:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen "
		 "off the bus.",
			79, "PCI:0000:05:00", "", "GPU has fallen off the bus.", 0},
		{"[  12.5] NVRM: Xid (PCI:0000:3b:00): 31, pid=4242, name=python3, Ch 00000008", 31, "PCI:0000:3b:00",
			"python3", "Ch 00000008", 4242},
		{"NVRM: Xid (0000:03:00): 13, Graphics Exception on GPC 0", 13, "0000:03:00", "",
			"Graphics Exception on GPC 0", 0},
		{"NVRM: Xid (PCI:0000:a1:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot "
		 "Required)",
			154, "PCI:0000:a1:00", "",
			"GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)", 0},
		{"NVRM: The NVIDIA GPU 0000:04:00.0 (PCI ID: 10de:2684) has fallen off the bus and is not responding",
			79, "0000:04:00.0", "",
			"The NVIDIA GPU 0000:04:00.0 (PCI ID: 10de:2684) has fallen off the bus and is not responding",
			0},
		{"NVRM: GPU 0000:b3:00.0: GPU has fallen off the bus.", 79, NULL, "", NULL, 0},
		{"NVRM: Xid (PCI:0000:05:00 GPU-I:05): 94, pid=1, name=a b, Contained", 94, "PCI:0000:05:00 GPU-I:05",
			"a b", "Contained", 1},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ff_xid xid;
		if (!ff_xid_parse(ff_span_of(rows[i].line), &xid))
			fail_msg("not read: %s", rows[i].line);
		assert_int_equal(xid.number, rows[i].number);
		assert_int_equal(xid.pid, rows[i].pid);
		assert_true(ff_span_eq(xid.process, rows[i].process));
		if (rows[i].bus_id && !ff_span_eq(xid.bus_id, rows[i].bus_id))
			fail_msg("%s: bus '%.*s'", rows[i].line, (int)xid.bus_id.n, xid.bus_id.p);
		if (rows[i].text && !ff_span_eq(xid.text, rows[i].text))
			fail_msg("%s: text '%.*s'", rows[i].line, (int)xid.text.n, xid.text.p);
	}
	static const char *const no[] = {"", "NVRM: loading NVIDIA UNIX x86_64 Kernel Module  570",
		"Xid (PCI:0000:05:00): 79", "NVRM: Xid (PCI:0000:05:00): lots", "NVRM: Xid (PCI:0000:05:00",
		"NVRM: Xid (x): 99999999999999999999999", "NVRM: Xid ("};
	struct ff_xid xid;
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		assert_false(ff_xid_parse(ff_span_of(no[i]), &xid));
	assert_true(ff_xid_parse(ff_span_of(rows[0].line), &xid) && xid.has_time && xid.time_us == 86400123456);
	assert_true(ff_xid_parse(ff_span_of(rows[1].line), &xid) && !xid.has_time);
}

static void amd_targets(void **state)
{
	(void)state;
	static const struct {
		uint64_t version;
		const char *gfx;
	} rows[] = {{90402, "gfx942"}, {90010, "gfx90a"}, {110000, "gfx1100"}, {120001, "gfx1201"}, {90008, "gfx908"}};
	char gfx[FF_GFX_LEN];
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(ff_kfd_gfx(rows[i].version, gfx));
		assert_string_equal(gfx, rows[i].gfx);
	}
	assert_false(
		ff_kfd_gfx(0, gfx) || ff_kfd_gfx(UINT64_MAX, gfx) || ff_kfd_gfx(91600, gfx) || ff_kfd_gfx(90099, gfx));
	uint64_t n;
	assert_true(ff_kfd_number(FF_SPAN("a 1\nab 2\n"), "ab", &n) && n == 2);
	assert_false(ff_kfd_number(FF_SPAN("a\nb x\n"), "a", &n) || ff_kfd_number(FF_SPAN("b x"), "b", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_module_version),
		cmocka_unit_test(information_fields),
		cmocka_unit_test(small_texts),
		cmocka_unit_test(xid_lines),
		cmocka_unit_test(amd_targets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
