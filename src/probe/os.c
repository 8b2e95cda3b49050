// system.os, kernel, arch, libc and libstdcxx: /etc/os-release, uname, and the C library's own words read from its file (that of
// the machine looked at: asking gnu_get_libc_version() would tell of ours). The libstdc++ is the one that LD_LIBRARY_PATH and
// the default folders give; an old one first on that path is why "GLIBCXX_3.4.32 not found" meets a new enough system.
//
//	{"os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"}, "kernel": "6.1.0", "arch": "x86_64",
//	 "libc": {"name": "glibc", "version": "2.36", "build": "Debian GLIBC 2.36-9", "path": "/usr/lib/x86_64-linux-gnu/libc.so.6"},
//	 "libstdcxx": {"path": "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30", "glibcxx": "3.4.30", "cxxabi": "1.3.13"}}
#include "parse/banner.h"
#include "parse/os_release.h"
#include "probe/source.h"

enum { RELEASE_MAX = 1 << 16, PATH_LENGTH = 4096 };

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

static bool find_library(struct ff_probe_ctx *ctx, const char *name, bool by_variable, char ret[PATH_LENGTH])
{
	struct ff_span dirs = ff_span_of(ff_host_getenv(ctx->host, "LD_LIBRARY_PATH")), dir;
	while (by_variable && ff_span_next(&dirs, ':', &dir)) {
		if (file_in(ctx, dir, name, ret))
			return true;
	}
	for (size_t i = 0; i < sizeof(default_dirs) / sizeof(default_dirs[0]); i++) {
		if (file_in(ctx, ff_span_of(default_dirs[i]), name, ret))
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

static void put_libc(struct ff_probe_ctx *ctx)
{
	char path[PATH_LENGTH];
	if (!find_library(ctx, "libc.so.6", false, path)) {
		put_musl(ctx);
		return;
	}
	_cleanup_map_ struct ff_map map = {0};
	struct ff_span version, build;
	struct ff_error *err = ff_host_map(ctx->host, path, &map);
	if (!err && !ff_glibc_banner((struct ff_span){map.p, map.n}, &version, &build))
		err = ff_error_create(FF_EFORMAT, "%s: says no version", path);
	if (err) {
		ff_miss(ctx, "system.libc", err);
		return;
	}
	ff_fact_text(ctx, "system.libc.name", "glibc");
	put_version(ctx, "system.libc.version", version);
	put_version(ctx, "system.libc.build", build);
	put_real_path(ctx, "system.libc.path", path);
}

static void put_libstdcxx(struct ff_probe_ctx *ctx)
{
	char path[PATH_LENGTH];
	if (!find_library(ctx, "libstdc++.so.6", true, path))
		return; // a slim image without it: torch brings none either, and says so when it is loaded
	_cleanup_map_ struct ff_map map = {0};
	struct ff_error *err = ff_host_map(ctx->host, path, &map);
	if (err) {
		ff_miss(ctx, "system.libstdcxx", err);
		return;
	}
	struct ff_span library = {map.p, map.n}, version;
	put_real_path(ctx, "system.libstdcxx.path", path);
	if (ff_highest_symbol_version(library, "GLIBCXX_", &version))
		put_version(ctx, "system.libstdcxx.glibcxx", version);
	if (ff_highest_symbol_version(library, "CXXABI_", &version))
		put_version(ctx, "system.libstdcxx.cxxabi", version);
}

void ff_probe_os(struct ff_probe_ctx *ctx)
{
	put_release(ctx);
	put_kernel(ctx);
	put_libc(ctx);
	put_libstdcxx(ctx);
}
