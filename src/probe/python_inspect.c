// What an interpreter is, from the files around it: prefix, version, kind.
//
//	/srv/venv/pyvenv.cfg:  home = /usr/local/bin
//	                       version = 3.10.12
//	/usr/local/include/python3.10/patchlevel.h:  #define PY_VERSION  "3.10.14"
//
// pyvenv.cfg lies after an upgrade of the base interpreter, so it is asked last. Without headers the version stands as
// a text of its own in the binary (or in libpython when the binary is only a starter).
#include "probe/python_find.h"

#include "parse/chars.h"
#include "parse/metadata.h"
#include "parse/version.h"

#include <stdio.h>

enum { CFG_MAX = 64 << 10, HEADER_MAX = 64 << 10, SCAN_MAX = 64 << 20, LIB_NAMES_MAX = 4096, DEPTH_MAX = 64 };

static const char *const lib_folders[] = {"lib", "lib64"};
enum { LIB_FOLDERS = sizeof(lib_folders) / sizeof(lib_folders[0]) };

// "python3.11" or "python3.13t": a name that says its version.
static bool is_versioned(const char *name)
{
	struct ff_span s = ff_span_of(name);
	if (!s.p || !ff_span_starts(s, "python"))
		return false;
	s = ff_span_skip(s, strlen("python"));
	size_t dots = 0, digits_after_dot = 0;
	while (s.n && (ff_is_digit(s.p[0]) || s.p[0] == '.')) {
		dots += s.p[0] == '.';
		digits_after_dot += dots && s.p[0] != '.';
		s = ff_span_skip(s, 1);
	}
	return dots == 1 && digits_after_dot && (!s.n || (s.n == 1 && ff_is_letter(s.p[0])));
}

// The flags of old builds ("python3.7m") and of debug builds ("python3.11d") are in the program's name alone.
static char *library_name(const char *program)
{
	size_t n = strlen(program);
	return ff_span_dup((struct ff_span){program, program[n - 1] == 'm' || program[n - 1] == 'd' ? n - 1 : n});
}

static bool holds_library(struct ff_probe_ctx *ctx, const char *folder, const char *lib_name)
{
	for (size_t i = 0; i < LIB_FOLDERS; i++) {
		_cleanup_free_ char *os_py = ff_path_printf("%s/%s/%s/os.py", folder, lib_folders[i], lib_name);
		if (os_py && ff_host_mode_is(ctx->host, os_py, S_IFREG))
			return true;
	}
	return false;
}

// The newest standard library under a folder, when the binary's name does not say which.
static char *newest_library(struct ff_probe_ctx *ctx, const char *folder)
{
	const char *best = NULL;
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_free_ char *lib = ff_path_printf("%s/lib", folder);
	_cleanup_error_ struct ff_error *err = lib ? ff_host_list(ctx->host, lib, LIB_NAMES_MAX, &names) : &ff_enomem;
	for (size_t i = 0; !err && i < names.n; i++) {
		if (!is_versioned(names.names[i]) || !holds_library(ctx, folder, names.names[i]))
			continue;
		if (!best || ff_version_compare(best + strlen("python"), names.names[i] + strlen("python")) < 0)
			best = names.names[i];
	}
	return best ? strdup(best) : NULL;
}

// Upwards from the folder of the binary to the one that holds lib/pythonX.Y, as the interpreter does.
static void find_base(struct ff_probe_ctx *ctx, struct ff_python *p, const char *start)
{
	_cleanup_free_ char *folder = strdup(start);
	for (int depth = 0; folder && depth < DEPTH_MAX && !p->base_prefix; depth++) {
		char *lib_name = p->lib_name ? NULL : newest_library(ctx, folder);
		if (lib_name)
			p->lib_name = lib_name;
		if (p->lib_name && holds_library(ctx, folder, p->lib_name))
			p->base_prefix = strdup(folder);
		if (strcmp(folder, "/") == 0 || !strchr(folder, '/'))
			return;
		char *parent = ff_path_parent(folder);
		free(folder);
		folder = parent;
	}
}

static void put_text(char **slot, struct ff_span text)
{
	if (!*slot && text.n)
		*slot = ff_span_dup(text);
}

// "3.10.12.final.0" of virtualenv is 3.10.12.
static struct ff_span three_numbers(struct ff_span text)
{
	size_t n = 0, dots = 0;
	while (n < text.n && (ff_is_digit(text.p[n]) || text.p[n] == '.')) {
		dots += text.p[n] == '.';
		if (dots == 3)
			break;
		n++;
	}
	return ff_span_first(text, n);
}

struct venv_cfg {
	char *home, *version;
};

static bool read_cfg(struct ff_probe_ctx *ctx, struct ff_python *p, const char *folder, struct venv_cfg *ret)
{
	_cleanup_free_ char *path = ff_path_printf("%s/pyvenv.cfg", folder), *text = NULL;
	size_t n;
	struct ff_error *err = path ? ff_host_read(ctx->host, path, CFG_MAX, &text, &n) : &ff_enomem;
	if (err) {
		if (err->code == FF_EABSENT)
			ff_error_destroy(err);
		else
			ff_miss(ctx, "python.prefix", err);
		return false;
	}
	struct ff_span cfg = {text, n}, value;
	if (ff_ini_find(cfg, "home", &value))
		put_text(&ret->home, value);
	if (ff_ini_find(cfg, "version", &value) || ff_ini_find(cfg, "version_info", &value))
		put_text(&ret->version, three_numbers(value));
	p->system_site = ff_ini_find(cfg, "include-system-site-packages", &value) && ff_span_same_case(value, "true");
	p->is_venv = true;
	p->prefix = strdup(folder);
	return true;
}

static void read_venv(struct ff_probe_ctx *ctx, struct ff_python *p, struct venv_cfg *ret)
{
	_cleanup_free_ char *bin = ff_path_parent(p->executable);
	_cleanup_free_ char *above = bin ? ff_path_parent(bin) : NULL;
	if (above && !read_cfg(ctx, p, above, ret))
		read_cfg(ctx, p, bin, ret);
}

static char *version_from_header(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	_cleanup_free_ char *path = ff_path_printf("%s/include/%s/patchlevel.h", p->base_prefix, p->lib_name),
			    *text = NULL;
	_cleanup_error_ struct ff_error *err =
		path ? ff_host_read(ctx->host, path, HEADER_MAX, &text, NULL) : &ff_enomem;
	const char *define = err ? NULL : strstr(text, "PY_VERSION ");
	const char *quote = define ? strchr(define, '"') : NULL;
	const char *end = quote ? strpbrk(quote + 1, "\"\n") : NULL;
	return end && *end == '"' ? ff_span_dup((struct ff_span){quote + 1, (size_t)(end - quote - 1)}) : NULL;
}

static char *version_from_conda(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	_cleanup_free_ char *folder = ff_path_printf("%s/conda-meta", p->base_prefix);
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *err =
		folder ? ff_host_list(ctx->host, folder, LIB_NAMES_MAX, &names) : &ff_enomem;
	for (size_t i = 0; !err && i < names.n; i++) {
		const char *name = names.names[i];
		if (!ff_starts(name, "python-") || !ff_is_digit(name[strlen("python-")]))
			continue;
		struct ff_span rest = ff_span_of(name + strlen("python-")), version;
		ff_span_next(&rest, '-', &version);
		return ff_span_dup(version);
	}
	return NULL;
}

// "3.11.7" or "3.11.7+", ended by NUL: what Py_GetVersion() begins with. The linker may have made it the tail of a
// longer text ("Python 3.11.7"), so only a digit or a dot must not stand before it.
static char *version_from_bytes(struct ff_probe_ctx *ctx, const char *path, const char *short_version)
{
	_cleanup_map_ struct ff_map map = {0};
	_cleanup_error_ struct ff_error *err = ff_host_map(ctx->host, path, &map);
	char wanted[32];
	int n = err ? 0 : snprintf(wanted, sizeof(wanted), "%s.", short_version);
	if (n <= 1 || n >= (int)sizeof(wanted))
		return NULL;
	struct ff_span rest = {map.p, map.n < SCAN_MAX ? map.n : SCAN_MAX};
	for (const char *hit; (hit = memmem(rest.p, rest.n, wanted, (size_t)n));) {
		bool begins = hit == map.p || (!ff_is_digit(hit[-1]) && hit[-1] != '.');
		rest = ff_span_skip(rest, (size_t)(hit - rest.p) + (size_t)n);
		size_t digits = 0;
		while (digits < rest.n && digits < 3 && ff_is_digit(rest.p[digits]))
			digits++;
		if (begins && digits && digits < rest.n && (rest.p[digits] == 0 || rest.p[digits] == '+'))
			return ff_span_dup((struct ff_span){hit, (size_t)n + digits});
	}
	return NULL;
}

static char *version_from_binary(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	static const char *const folders[] = {"lib", "lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"};
	char *version = version_from_bytes(ctx, p->binary, p->short_version);
	for (size_t i = 0; !version && i < sizeof(folders) / sizeof(folders[0]); i++) {
		_cleanup_free_ char *path =
			ff_path_printf("%s/%s/lib%s.so.1.0", p->base_prefix, folders[i], p->lib_name);
		version = path ? version_from_bytes(ctx, path, p->short_version) : NULL;
	}
	return version;
}

static void find_version(struct ff_probe_ctx *ctx, struct ff_python *p, struct venv_cfg *cfg)
{
	if (!p->lib_name)
		put_text(&p->version, ff_span_of(cfg->version));
	if (!p->lib_name || !p->base_prefix)
		return;
	struct ff_span numbers = three_numbers(ff_span_of(p->lib_name + strlen("python")));
	put_text(&p->short_version, numbers);
	if (!p->short_version)
		return;
	p->version = version_from_header(ctx, p);
	if (!p->version)
		p->version = version_from_conda(ctx, p);
	if (!p->version)
		p->version = version_from_binary(ctx, p);
	if (!p->version && cfg->version && ff_starts(cfg->version, p->short_version))
		p->version = ff_take(&cfg->version);
	put_text(&p->version, ff_span_of(p->short_version));
}

// bin/activate and lib/pythonX.Y/site-packages without a pyvenv.cfg: an environment that Python takes for none.
static void note_unmarked(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	_cleanup_free_ char *bin = ff_path_parent(p->executable), *above = bin ? ff_path_parent(bin) : NULL;
	if (p->is_venv || !p->lib_name || !above)
		return;
	_cleanup_free_ char *activate = ff_path_printf("%s/activate", bin);
	_cleanup_free_ char *site = ff_path_printf("%s/lib/%s/site-packages", above, p->lib_name);
	if (activate && site && ff_host_mode_is(ctx->host, activate, S_IFREG) &&
		ff_host_mode_is(ctx->host, site, S_IFDIR) && !holds_library(ctx, above, p->lib_name))
		ff_fact_text(ctx, "python.unmarked", above);
}

// How many distributions lie there besides those that an environment is made with; 0 too where nothing does.
static size_t distributions(struct ff_probe_ctx *ctx, const char *prefix, const char *lib_name)
{
	static const char *const made_with[] = {"pip-", "setuptools-", "wheel-"};
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_free_ char *site = ff_path_printf("%s/lib/%s/site-packages", prefix, lib_name);
	_cleanup_error_ struct ff_error *err = site ? ff_host_list(ctx->host, site, LIB_NAMES_MAX, &names) : &ff_enomem;
	size_t n = 0;
	for (size_t i = 0; !err && i < names.n; i++) {
		bool own = !ff_ends(names.names[i], ".dist-info");
		for (size_t k = 0; k < sizeof(made_with) / sizeof(made_with[0]); k++)
			own |= ff_starts(names.names[i], made_with[k]);
		n += !own;
	}
	return n;
}

// An environment whose interpreter became another release's (its base was upgraded below it): what is installed lies in
// lib/python3.11, and python3.12 looks into lib/python3.12.
static void note_left_behind(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_free_ char *lib = p->is_venv && p->lib_name ? ff_path_printf("%s/lib", p->prefix) : NULL;
	_cleanup_error_ struct ff_error *err = lib ? ff_host_list(ctx->host, lib, LIB_NAMES_MAX, &names) : &ff_enomem;
	for (size_t i = 0; !err && i < names.n; i++) {
		if (strcmp(names.names[i], p->lib_name) == 0 || !is_versioned(names.names[i]) ||
			!distributions(ctx, p->prefix, names.names[i]))
			continue;
		if (!distributions(ctx, p->prefix, p->lib_name))
			ff_fact_text(ctx, "python.left_behind", names.names[i]);
		return;
	}
}

struct ff_error *ff_python_inspect(struct ff_probe_ctx *ctx, struct ff_python *p)
{
	struct venv_cfg cfg = {0};
	struct ff_error *err = ff_host_realpath(ctx->host, p->executable, &p->binary);
	if (err)
		return err;
	const char *slash = strrchr(p->binary, '/');
	if (slash && is_versioned(slash + 1))
		p->lib_name = library_name(slash + 1);
	read_venv(ctx, p, &cfg);
	if (cfg.home)
		find_base(ctx, p, cfg.home);
	_cleanup_free_ char *bin = ff_path_parent(p->binary);
	if (!p->base_prefix && bin)
		find_base(ctx, p, bin);
	if (!p->prefix && p->base_prefix)
		p->prefix = strdup(p->base_prefix);
	find_version(ctx, p, &cfg);
	note_unmarked(ctx, p);
	note_left_behind(ctx, p);
	free(cfg.home);
	free(cfg.version);
	return p->prefix && p->lib_name
		? NULL
		: ff_error_create(
			  FF_EABSENT, "%s: no standard library (lib/pythonX.Y/os.py) found around it", p->binary);
}
