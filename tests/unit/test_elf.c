// ELF headers, fat binaries and the loader cache: what is read from good files (written by tests/elfwriter.py), and
// that no damaged one is believed. Damage is exhaustive: every length cut, every byte replaced, in memory that ends at
// a page that cannot be read.
#include "base/cleanup.h"
#include "parse/elf.h"
#include "parse/fatbin.h"
#include "parse/ldcache.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	uint8_t *bytes;
	size_t n;
};

static struct fixture load(const char *name)
{
	_cleanup_free_ char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", getenv("FF_FIXTURES"), name) > 0);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	assert_non_null(f);
	struct fixture x = {malloc(65536), 0};
	x.n = fread(x.bytes, 1, 65536, f);
	assert_in_range(x.n, 1, 65535);
	return x;
}

static void ok(struct ff_error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

static bool find_symbol(const struct ff_elf_symbol *symbol, void *arg)
{
	const struct ff_elf_symbol **found = arg;
	static struct ff_elf_symbol copy;
	if (strcmp(symbol->name, "needed_function") != 0)
		return true;
	copy = *symbol;
	*found = &copy;
	return false;
}

static void test_headers(void **state)
{
	(void)state;
	struct fixture x = load("full.so");
	struct ff_bytes b;
	ff_bytes_init(&b, "full.so", x.bytes, x.n);
	_cleanup_elf_ struct ff_elf *elf = NULL;
	ok(ff_elf_create(&b, &elf));
	assert_int_equal(elf->machine, EM_X86_64);
	assert_int_equal(elf->type, ET_DYN);
	assert_true(elf->dynamic);
	assert_string_equal(elf->soname, "libfull.so.1");
	assert_string_equal(elf->runpath, "$ORIGIN/../lib");
	assert_string_equal(elf->rpath, "/opt/old");
	assert_int_equal(elf->needed_n, 2);
	assert_string_equal(elf->needed[0], "libcudart.so.12");
	assert_string_equal(elf->needed[1], "libc.so.6");
	assert_int_equal(elf->flags_1 & DF_1_NODEFLIB, DF_1_NODEFLIB);
	assert_int_equal(elf->needs_n, 3);
	assert_string_equal(elf->needs[0].file, "libc.so.6");
	assert_string_equal(elf->needs[0].version, "GLIBC_2.34");
	assert_false(elf->needs[0].weak);
	assert_true(elf->needs[1].weak);
	assert_string_equal(elf->needs[2].file, "libcudart.so.12");
	assert_int_equal(elf->defines_n, 1);
	assert_string_equal(elf->defines[0].version, "FULL_1.0");

	const struct ff_elf_symbol *symbol = NULL;
	ok(ff_elf_each_symbol(elf, 1000, find_symbol, &symbol));
	assert_non_null(symbol);
	assert_true(symbol->undefined);
	assert_int_equal(symbol->version, elf->needs[2].index);
	struct ff_error *err = ff_elf_each_symbol(elf, 1, find_symbol, &symbol);
	assert_non_null(err);
	assert_int_equal(err->code, FF_ELIMIT);
	ff_error_destroy(err);
	free(x.bytes);
}

static void test_gpu_code(void **state)
{
	(void)state;
	struct fixture x = load("full.so");
	struct ff_bytes b;
	ff_bytes_init(&b, "full.so", x.bytes, x.n);
	_cleanup_elf_ struct ff_elf *elf = NULL;
	ok(ff_elf_create(&b, &elf));
	struct ff_fatbin f = {0};
	ok(ff_fatbin_of_elf(elf, &f));
	static const char *const want[] = {"sm_80", "sm_90", "sm_90a", "sm_120f", "compute_90", "compute_100f",
		"lto_80", "gfx1100", "gfx90a:sramecc+:xnack-"};
	assert_int_equal(f.n, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < f.n; i++)
		assert_string_equal(f.codes[i].name, want[i]);
	assert_int_equal(f.codes[0].entries, 2); // in .nv_fatbin and in __nv_relfatbin
	assert_int_equal(f.codes[2].suffix, 'a');
	assert_int_equal(f.codes[4].kind, FF_CODE_PTX);
	assert_int_equal(f.codes[4].ptx_major, 9);
	assert_int_equal(f.codes[4].ptx_minor, 5);
	free(x.bytes);
}

static void test_other_machines(void **state)
{
	(void)state;
	struct fixture x = load("i386.so");
	struct ff_bytes b;
	ff_bytes_init(&b, "i386.so", x.bytes, x.n);
	_cleanup_elf_ struct ff_elf *elf = NULL;
	ok(ff_elf_create(&b, &elf));
	char spare[16];
	assert_int_equal(elf->elf_class, ELFCLASS32);
	assert_string_equal(ff_elf_machine_name(elf->machine, spare), "i386");
	assert_false(elf->dynamic);
	free(x.bytes);
}

static bool count_symbol(const struct ff_elf_symbol *symbol, void *arg)
{
	*(size_t *)arg += strlen(symbol->name);
	return true;
}

/** Everything a reader does with a file; an error is a fine answer. */
static bool read_whole(const uint8_t *bytes, size_t n)
{
	struct ff_bytes b;
	ff_bytes_init(&b, "damaged.so", bytes, n);
	_cleanup_elf_ struct ff_elf *elf = NULL;
	struct ff_error *err = ff_elf_create(&b, &elf);
	if (!err) {
		struct ff_fatbin f = {0};
		err = ff_fatbin_of_elf(elf, &f);
		if (err)
			assert_non_null(strstr(err->message, "damaged.so"));
		ff_error_destroy(err);
		size_t symbols = 0;
		err = ff_elf_each_symbol(elf, 1000, count_symbol, &symbols);
	}
	if (err)
		assert_non_null(strstr(err->message, "damaged.so"));
	ff_error_destroy(err);
	return elf != NULL;
}

/** n bytes that end where memory ends. */
static uint8_t *at_the_edge(const uint8_t *bytes, size_t n, void **ret_map, size_t *ret_size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (n + page - 1) / page * page + page;
	uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map + size - page, page, PROT_NONE), 0);
	memcpy(map + size - page - n, bytes, n);
	*ret_map = map;
	*ret_size = size;
	return map + size - page - n;
}

static void test_cut_anywhere(void **state)
{
	(void)state;
	struct fixture x = load("full.so");
	for (size_t n = 0; n < x.n; n++) {
		void *map;
		size_t size;
		const uint8_t *edge = at_the_edge(x.bytes, n, &map, &size);
		read_whole(edge, n);
		munmap(map, size);
	}
	free(x.bytes);
}

static void test_damaged_anywhere(void **state)
{
	(void)state;
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	struct fixture x = load("full.so");
	void *map;
	size_t size;
	uint8_t *edge = at_the_edge(x.bytes, x.n, &map, &size);
	assert_true(read_whole(edge, x.n));
	for (size_t i = 0; i < x.n; i++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			edge[i] = values[v];
			read_whole(edge, x.n);
		}
		edge[i] = x.bytes[i];
	}
	munmap(map, size);
	free(x.bytes);
}

static void test_errors_name_the_place(void **state)
{
	(void)state;
	struct fixture x = load("full.so");
	struct ff_bytes b;
	struct ff_elf *elf = NULL;
	ff_bytes_init(&b, "/lib/cut.so", x.bytes, 100);
	_cleanup_error_ struct ff_error *err = ff_elf_create(&b, &elf);
	assert_non_null(err);
	assert_int_equal(err->code, FF_EFORMAT);
	assert_string_equal(err->message, "/lib/cut.so: at 0x40: the table of segments is cut short");
	ff_bytes_init(&b, "/lib/text.so", "INPUT(libfoo.so.1)\n", 19);
	_cleanup_error_ struct ff_error *text = ff_elf_create(&b, &elf);
	assert_non_null(text);
	assert_string_equal(text->message, "/lib/text.so: at 0x0: no ELF file");
	assert_null(elf);
	free(x.bytes);
}

static void test_cache(void **state)
{
	(void)state;
	struct fixture x = load("ld.so.cache");
	struct ff_ldcache c;
	ok(ff_ldcache_init(&c, "ld.so.cache", x.bytes, x.n));
	assert_int_equal(c.count, 7);
	static const char *const v3[] = {"x86-64-v3", "x86-64-v2", NULL};
	assert_string_equal(ff_ldcache_find(&c, "libcuda.so.1", FF_LDCACHE_X86_64, NULL), "/usr/lib64/libcuda.so.1");
	assert_string_equal(ff_ldcache_find(&c, "libfast.so.1", FF_LDCACHE_X86_64, NULL), "/lib/libfast.so.1");
	assert_string_equal(
		ff_ldcache_find(&c, "libfast.so.1", FF_LDCACHE_X86_64, v3), "/lib/glibc-hwcaps/x86-64-v3/libfast.so.1");
	assert_string_equal(ff_ldcache_find(&c, "libfast.so.1", FF_LDCACHE_X86_64, v3 + 1),
		"/lib/glibc-hwcaps/x86-64-v2/libfast.so.1");
	assert_string_equal(ff_ldcache_find(&c, "libx.so.9", FF_LDCACHE_X86_64, v3), "/lib/libx.so.9");
	assert_string_equal(ff_ldcache_find(&c, "libx.so.10", FF_LDCACHE_X86_64, v3), "/lib/libx.so.10");
	assert_null(ff_ldcache_find(&c, "libx.so", FF_LDCACHE_X86_64, v3));
	assert_null(ff_ldcache_find(&c, "libcuda.so.1", FF_LDCACHE_AARCH64, NULL));
	free(x.bytes);
}

static void test_damaged_cache(void **state)
{
	(void)state;
	struct fixture x = load("ld.so.cache");
	for (size_t n = 0; n < x.n; n++) {
		void *map;
		size_t size;
		const uint8_t *edge = at_the_edge(x.bytes, n, &map, &size);
		struct ff_ldcache c;
		struct ff_error *err = ff_ldcache_init(&c, "cut", edge, n);
		if (!err)
			ff_ldcache_find(&c, "libfast.so.1", FF_LDCACHE_X86_64, NULL);
		ff_error_destroy(err);
		munmap(map, size);
	}
	void *map;
	size_t size;
	uint8_t *edge = at_the_edge(x.bytes, x.n, &map, &size);
	for (size_t i = 0; i < x.n; i++) {
		struct ff_ldcache c;
		edge[i] = 0xff;
		struct ff_error *err = ff_ldcache_init(&c, "damaged", edge, x.n);
		if (!err)
			ff_ldcache_find(&c, "libfast.so.1", FF_LDCACHE_X86_64, NULL);
		ff_error_destroy(err);
		edge[i] = x.bytes[i];
	}
	munmap(map, size);
	free(x.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_gpu_code),
		cmocka_unit_test(test_other_machines),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_damaged_anywhere),
		cmocka_unit_test(test_errors_name_the_place),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_damaged_cache),
	};
	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
