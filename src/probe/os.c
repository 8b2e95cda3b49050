// system.os, kernel, arch, libc and libstdcxx: /etc/os-release, uname, and the C library's own words read from its file
// (that of the machine looked at: asking gnu_get_libc_version() would tell of ours). The libstdc++ is the one that
// ld.so would take (host/loader.h); an old one first on that path is why "GLIBCXX_3.4.32 not found" meets a new enough
// system.
//
//	{"os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"}, "kernel": "6.1.0", "arch": "x86_64",
//	 "libc": {"name": "glibc", "version": "2.36", "build": "Debian GLIBC 2.36-9", "path": "/usr/lib/x86_64-linux-gnu/libc.so.6"},
//	 "libstdcxx": {"path": "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30", "glibcxx": "3.4.30", "cxxabi": "1.3.13"},
//	 "zoneinfo": true}
#include "host/bytes.h"
#include "host/loader.h"
#include "parse/banner.h"
#include "parse/elf.h"
#include "parse/os_release.h"
#include "parse/version.h"
#include "probe/source.h"

enum { RELEASE_MAX = 1 << 16, PATH_LENGTH = 4096, RODATA_MAX = 2 << 20 };

static const char *const default_dirs[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
	"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};

static void put_release(struct ff_probe_ctx *ctx)
{
	static const char *const files[] = {"/etc/os-release", "/usr/lib/os-release"};
	_cleanup_free_ char *text = NULL;
	for (size_t i = 0; i < 2 && !text; i++)
		text = ff_source_text(ctx, files[i], RELEASE_MAX, "system.os");
	json_t *os = NULL;
	if (!text)
		return;
	struct ff_error *err = ff_os_release_parse(ff_span_of(text), &os);
	if (err)
		ff_miss(ctx, "system.os", err);
	else
		ff_fact(ctx, "system.os", os);
}

static void put_kernel(struct ff_probe_ctx *ctx)
{
	struct utsname u;
	struct ff_error *err = ff_host_uname(ctx->host, &u);
	if (err) {
		ff_miss(ctx, "system.kernel", err);
		return;
	}
	ff_fact_text(ctx, "system.kernel", u.release);
	ff_fact_text(ctx, "system.arch", u.machine);
}

static bool file_in(struct ff_probe_ctx *ctx, struct ff_span dir, const char *name, char ret[PATH_LENGTH])
{
	if (!dir.n || dir.p[0] != '/' || dir.n + strlen(name) + 2 > PATH_LENGTH)
		return false;
	snprintf(ret, PATH_LENGTH, "%.*s/%s", (int)dir.n, dir.p, name);
	return ff_host_mode_is(ctx->host, ret, S_IFREG);
}

static bool find_libc(struct ff_probe_ctx *ctx, char ret[PATH_LENGTH])
{
	for (size_t i = 0; i < sizeof(default_dirs) / sizeof(default_dirs[0]); i++) {
		if (file_in(ctx, ff_span_of(default_dirs[i]), "libc.so.6", ret))
			return true;
	}
	return false;
}

static void put_version(struct ff_probe_ctx *ctx, const char *fact, struct ff_span version)
{
	ff_fact(ctx, fact, ff_json_string(version.p, version.n));
}

static void put_real_path(struct ff_probe_ctx *ctx, const char *fact, const char *path)
{
	_cleanup_free_ char *real = NULL;
	_cleanup_error_ struct ff_error *err = ff_host_realpath(ctx->host, path, &real);
	ff_fact_text(ctx, fact, err ? path : real);
}

// musl's loader is its C library; its version is no text of a fixed form, but the package manager of Alpine knows it.
static void put_musl(struct ff_probe_ctx *ctx)
{
	char path[PATH_LENGTH];
	if (!file_in(ctx, FF_SPAN("/lib"), "ld-musl-x86_64.so.1", path) &&
		!file_in(ctx, FF_SPAN("/lib"), "ld-musl-aarch64.so.1", path))
		return;
	ff_fact_text(ctx, "system.libc.name", "musl");
	ff_fact_text(ctx, "system.libc.path", path);
}

// The highest version that a library defines under a prefix, "3.4.30" of GLIBCXX_3.4.30; empty when there is none.
static struct ff_span highest(const struct ff_elf *elf, const char *prefix)
{
	struct ff_span best = {0};
	size_t n = strlen(prefix);
	for (size_t i = 0; i < elf->defines_n; i++) {
		const char *name = elf->defines[i].version;
		struct ff_version v;
		if (ff_starts(name, prefix) && ff_version_parse(ff_span_of(name + n), &v) &&
			(!best.n || ff_version_compare_spans(ff_span_of(name + n), best) > 0))
			best = ff_span_of(name + n);
	}
	return best;
}

// The library's own words, in its read-only data; false where they are not found.
static bool put_banner(struct ff_probe_ctx *ctx, const struct ff_elf *elf)
{
	struct ff_elf_section rodata;
	struct ff_span version, build;
	bool found = false;
	_cleanup_error_ struct ff_error *err = ff_elf_find_section(elf, ".rodata", &found, &rodata);
	if (err || !found)
		return false;
	size_t n = rodata.size < RODATA_MAX ? (size_t)rodata.size : RODATA_MAX;
	_cleanup_free_ char *bytes = malloc(n);
	if (bytes)
		err = ff_bytes_read_far(elf->bytes, rodata.offset, bytes, n, ".rodata");
	if (!bytes || err || !ff_glibc_banner((struct ff_span){bytes, n}, &version, &build))
		return false;
	put_version(ctx, "system.libc.version", version);
	put_version(ctx, "system.libc.build", build);
	return true;
}

static bool put_libc(struct ff_probe_ctx *ctx, char path[PATH_LENGTH])
{
	if (!find_libc(ctx, path)) {
		put_musl(ctx);
		return false;
	}
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_elf_ struct ff_elf *elf = NULL;
	struct ff_error *err = ff_file_open(ctx->host, path, &file);
	if (!err)
		err = ff_elf_create(&file.bytes, &elf);
	if (err) {
		ff_miss(ctx, "system.libc", err);
		return false;
	}
	ff_fact_text(ctx, "system.libc.name", "glibc");
	put_real_path(ctx, "system.libc.path", path);
	struct ff_span newest = highest(elf, "GLIBC_");
	if (!put_banner(ctx, elf) && newest.n)
		put_version(ctx, "system.libc.version", newest);
	return true;
}

// What dlopen("libstdc++.so.6") gives a program without a path of its own.
static void put_libstdcxx(struct ff_probe_ctx *ctx, const char *libc)
{
	_cleanup_loader_ struct ff_loader *ld = NULL;
	size_t program, library;
	struct ff_error *err = ff_loader_create(ctx->host, NULL, &ld);
	if (!err)
		err = ff_loader_start(ld, libc, &program);
	if (!err)
		err = ff_loader_open(ld, "libstdc++.so.6", program, &library);
	if (err && err->code == FF_EABSENT) { // a slim image has none, and says so itself when torch is loaded
		ff_error_destroy(err);
		return;
	}
	if (err) {
		ff_miss(ctx, "system.libstdcxx", err);
		return;
	}
	const struct ff_ld_object *object = ff_loader_object(ld, library);
	struct ff_span glibcxx = highest(object->elf, "GLIBCXX_"), cxxabi = highest(object->elf, "CXXABI_");
	put_real_path(ctx, "system.libstdcxx.path", object->path);
	ff_fact_text(ctx, "system.libstdcxx.chosen_by", ff_ld_rule_name(object->choice.rule));
	if (glibcxx.n)
		put_version(ctx, "system.libstdcxx.glibcxx", glibcxx);
	if (cxxabi.n)
		put_version(ctx, "system.libstdcxx.cxxabi", cxxabi);
}

// Where Python's zoneinfo looks; PYTHONTZPATH says another place.
static void put_zones(struct ff_probe_ctx *ctx)
{
	static const char places[] = "/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo";
	const char *own = ff_host_getenv(ctx->host, "PYTHONTZPATH");
	struct ff_span rest = ff_span_of(own ? own : places), place;
	bool found = false;
	while (rest.n && ff_span_next(&rest, ':', &place)) {
		_cleanup_free_ char *path = ff_span_dup(place);
		found |= path && *path == '/' && ff_host_mode_is(ctx->host, path, S_IFDIR);
	}
	ff_fact_bool(ctx, "system.zoneinfo", found);
}

void ff_probe_os(struct ff_probe_ctx *ctx)
{
	char libc[PATH_LENGTH];
	put_release(ctx);
	put_kernel(ctx);
	if (put_libc(ctx, libc))
		put_libstdcxx(ctx, libc);
	put_zones(ctx);
}
