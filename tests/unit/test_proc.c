// parse: text of /proc, /etc and cgroups as real machines print it, and as they do not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "parse/cgroup.h"
#include "parse/cpuinfo.h"
#include "parse/maps.h"
#include "parse/mountinfo.h"
#include "parse/os_release.h"
#include "parse/proc_fields.h"

static void os_release_takes_quotes_off(void **state)
{
	(void)state;
	_cleanup_json_ json_t *doc = NULL;
	assert_null(ff_os_release_parse(
		FF_SPAN("# c\nID=ubuntu\nVERSION_ID='22.04'\nPRETTY_NAME=\"A \\\"b\\\" \\$ c\"\nNOID=x\n"), &doc));
	assert_string_equal(ff_json_text(doc, "id"), "ubuntu");
	assert_string_equal(ff_json_text(doc, "version"), "22.04");
	assert_string_equal(ff_json_text(doc, "name"), "A \"b\" $ c");
}

static void fields_are_found_by_whole_name(void **state)
{
	(void)state;
	struct ff_span text = FF_SPAN(
		"MemTotalX: 1 kB\nMemTotal:       65843452 kB\noom 1\noom_kill 3\nBad: 99999999999999999999 kB\n");
	uint64_t v;
	assert_true(ff_field_u64(text, "MemTotal", &v));
	assert_true(v == UINT64_C(65843452) * 1024);
	assert_true(ff_field_u64(text, "oom_kill", &v));
	assert_int_equal(v, 3);
	assert_false(ff_field_u64(text, "Bad", &v));
	assert_false(ff_field_u64(text, "Mem", &v));
}

static void cpu_lists_are_counted(void **state)
{
	(void)state;
	uint64_t v = 9;
	assert_true(ff_cpu_list_count(FF_SPAN("0-3,8\n"), &v));
	assert_int_equal(v, 5);
	assert_false(ff_cpu_list_count(FF_SPAN("3-1"), &v));
	assert_false(ff_cpu_list_count(FF_SPAN(""), &v));
	assert_false(ff_cpu_list_count(FF_SPAN("0-18446744073709551615"), &v));
	assert_int_equal(v, 5);
}

static void pressure_and_limits(void **state)
{
	(void)state;
	_cleanup_json_ json_t *p = NULL, *l = NULL;
	assert_null(ff_pressure_parse("memory", FF_SPAN("some avg10=0.25 avg60=x avg300=12.50 total=52113\n"), &p));
	assert_true(json_real_value(ff_json_at(p, "some.avg10")) == 0.25);
	assert_null(ff_json_at(p, "some.avg60"));
	assert_true(json_real_value(ff_json_at(p, "some.avg300")) == 12.5);
	assert_null(ff_json_at(p, "full"));
	struct ff_error *err = ff_pressure_parse("memory", FF_SPAN("nothing"), &p);
	assert_non_null(err);
	ff_error_destroy(err);
	assert_null(ff_limits_parse("limits",
		FF_SPAN("Limit                     Soft Limit           Hard Limit           Units     \n"
			"Max locked memory         65536                unlimited            bytes     \n"
			"Max open files            1024                 1048576              files     \n"),
		&l));
	int64_t v;
	assert_true(ff_json_int(l, "nofile", &v) && v == 1024);
	assert_true(ff_json_int(l, "nofile_hard", &v) && v == 1048576);
	assert_string_equal(ff_json_text(l, "memlock_hard"), "unlimited");
}

static void a_process_name_may_hold_anything(void **state)
{
	(void)state;
	struct ff_proc_stat s;
	struct ff_span text = FF_SPAN("42 (a) R 1 (x) S 7 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 3 0 5566 1 2 3\n");
	assert_null(ff_proc_stat_parse("stat", text, &s));
	assert_int_equal(s.comm.n, strlen("a) R 1 (x"));
	assert_int_equal(s.ppid, 7);
	assert_int_equal(s.threads, 3);
	assert_int_equal(s.start_ticks, 5566);
	struct ff_error *err = ff_proc_stat_parse("stat", FF_SPAN("42 (a) R 1"), &s);
	assert_non_null(err);
	ff_error_destroy(err);
}

static void cpuinfo_of_both_architectures(void **state)
{
	(void)state;
	_cleanup_json_ json_t *x86 = NULL, *arm = NULL;
	int64_t v;
	assert_null(ff_cpuinfo_parse(
		FF_SPAN("processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: fpu avx avx2 f16c avx\n\n"
			"processor\t: 1\nflags\t\t: fpu\n"),
		&x86));
	assert_string_equal(ff_json_text(x86, "model"), "AMD EPYC 7B13");
	assert_true(ff_json_int(x86, "cores", &v) && v == 2);
	assert_int_equal(json_array_size(ff_json_at(x86, "flags")), 3);
	assert_null(ff_cpuinfo_parse(
		FF_SPAN("processor\t: 0\nFeatures\t: fp asimd bf16\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n"),
		&arm));
	assert_string_equal(ff_json_text(arm, "model"), "ARM Neoverse V2");
	assert_string_equal(ff_json_text(arm, "flags.1"), "bf16");
}

static void the_last_of_stacked_mounts_is_seen(void **state)
{
	(void)state;
	struct ff_span text = FF_SPAN("1 0 0:50 / / rw master:22 - overlay overlay rw\n"
				      "2 1 0:5 / /dev/shm rw shared:3 master:1 - tmpfs shm rw\n"
				      "garbage\n"
				      "4 1 0:6 / /dev/shm ro - tmpfs again rw\n"
				      "3 1 8:1 /v /my\\040vol ro,noatime - nfs4 srv:/x rw\n");
	struct ff_mount m;
	assert_true(ff_mount_of(text, "/dev/shm/x", &m));
	assert_true(ff_span_eq(m.source, "again"));
	assert_true(ff_mount_has(m.options, "ro"));
	assert_true(ff_mount_of(text, "/dev/shmx", &m));
	assert_string_equal(m.point, "/");
	assert_false(ff_mount_is_network(&m));
	assert_true(ff_mount_of(text, "/my vol/hf", &m));
	assert_string_equal(m.root, "/v");
	assert_true(ff_mount_is_network(&m));
	assert_false(ff_mount_of(FF_SPAN("x"), "/", &m));
}

static void cgroup_text_of_both_versions(void **state)
{
	(void)state;
	struct ff_span text = FF_SPAN("12:memory,x:/docker/a:b\n1:name=systemd:/s\n0::/u\n"), found;
	uint64_t v = 1;
	assert_true(ff_cgroup_path(text, "memory", &found) && ff_span_eq(found, "/docker/a:b"));
	assert_true(ff_cgroup_path(text, NULL, &found) && ff_span_eq(found, "/u"));
	assert_false(ff_cgroup_path(text, "mem", &found));
	assert_false(ff_cgroup_limit(FF_SPAN("max\n"), &v));
	assert_false(ff_cgroup_limit(FF_SPAN("9223372036854771712\n"), &v));
	assert_false(ff_cgroup_limit(FF_SPAN("-1\n"), &v));
	assert_true(ff_cgroup_limit(FF_SPAN("17179869184\n"), &v) && v == UINT64_C(17179869184));
	assert_true(ff_cgroup_cpu_max(FF_SPAN("150000 100000\n"), &v) && v == 1500);
	assert_false(ff_cgroup_cpu_max(FF_SPAN("max 100000\n"), &v));
	assert_false(ff_cgroup_cpu_max(FF_SPAN("1 0\n"), &v));
	assert_true(ff_cgroup_container_id(
		FF_SPAN("0::/x-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope"), &found));
	assert_int_equal(found.p[0], '0');
	assert_false(ff_cgroup_container_id(FF_SPAN("0::/0123456789abcdef0123456789abcdef"), &found));
}

static void maps_name_files_only(void **state)
{
	(void)state;
	struct ff_span rest =
		FF_SPAN("1-2 r-xp 0 08:01 15   /usr/lib/a b.so (deleted)\n2-3 rw-p 0 00:00 0 \n"
			"3-4 rw-p 0 00:00 0 [heap]\n4-5 r--p 0 08:01 9 /lib/c.so\n5-6 rw-s 0 0:1 7 /dev/nvidiactl\n");
	struct ff_map_line m;
	assert_true(ff_map_next(&rest, &m));
	assert_true(ff_span_eq(m.path, "/usr/lib/a b.so") && m.deleted && m.executable);
	assert_true(ff_map_next(&rest, &m));
	assert_true(ff_span_eq(m.path, "/lib/c.so") && !m.deleted && !m.executable);
	assert_false(ff_map_next(&rest, &m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(os_release_takes_quotes_off),
		cmocka_unit_test(fields_are_found_by_whole_name),
		cmocka_unit_test(cpu_lists_are_counted),
		cmocka_unit_test(pressure_and_limits),
		cmocka_unit_test(a_process_name_may_hold_anything),
		cmocka_unit_test(cpuinfo_of_both_architectures),
		cmocka_unit_test(the_last_of_stacked_mounts_is_seen),
		cmocka_unit_test(cgroup_text_of_both_versions),
		cmocka_unit_test(maps_name_files_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
