// sys.path without the standard library, as site.py makes it: PYTHONPATH, the environment's own folder, the user's, the
// system's, and what .pth files add.
//
//	/usr/local/lib/python3.11/dist-packages     Debian: pip's own
//	/usr/lib/python3/dist-packages              Debian: apt's
//	/usr/local/lib/python3.10/site-packages     everywhere else
//
// Debian's interpreter under /usr looks into dist-packages only. Lines of .pth files that begin with "import" are code;
// what they do to sys.path cannot be known without running them, so they are listed by file.
#include "probe/python_find.h"

#include "parse/metadata.h"

#include <stdio.h>

enum { FOLDERS_MAX = 256, NAMES_MAX = 65536, PTH_MAX = 1 << 20 };

struct site {
	struct ff_probe_ctx *ctx;
	const struct ff_python *python;
	json_t *folders, *pth_code;
	struct {
		dev_t dev;
		ino_t ino;
	} seen[FOLDERS_MAX];
	size_t n;
	bool uses_lib64;
};

// True when the folder is there and was not on the path before.
static bool add_folder(struct site *site, const char *path)
{
	struct stat st;
	_cleanup_error_ struct ff_error *err = path ? ff_host_stat(site->ctx->host, path, &st) : &ff_enomem;
	if (err || !S_ISDIR(st.st_mode))
		return false;
	for (size_t i = 0; i < site->n; i++)
		if (site->seen[i].dev == st.st_dev && site->seen[i].ino == st.st_ino)
			return false;
	if (site->n == FOLDERS_MAX) {
		ff_miss(site->ctx, "python.site",
			ff_error_create(FF_ELIMIT, "more than %d folders on sys.path; %s left out", FOLDERS_MAX, path));
		return false;
	}
	site->seen[site->n].dev = st.st_dev;
	site->seen[site->n++].ino = st.st_ino;
	json_array_append_new(site->folders, ff_json_string(path, strlen(path)));
	return true;
}

static void read_pth(struct site *site, const char *folder, const char *name)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, name), *text = NULL;
	size_t n;
	struct ff_error *err = path ? ff_host_read(site->ctx->host, path, PTH_MAX, &text, &n) : &ff_enomem;
	if (err) {
		ff_miss(site->ctx, "python.site", err);
		return;
	}
	bool has_code = false;
	struct ff_span rest = {text, n}, line;
	for (enum ff_pth_kind kind; (kind = ff_pth_next(&rest, &line)) != FF_PTH_END;) {
		has_code |= kind == FF_PTH_IMPORT;
		if (kind == FF_PTH_IMPORT || memchr(line.p, 0, line.n))
			continue;
		_cleanup_free_ char *entry =
			line.p[0] == '/' ? ff_span_dup(line) : ff_path_printf("%s/%.*s", folder, (int)line.n, line.p);
		add_folder(site, entry);
	}
	if (has_code)
		json_array_append_new(site->pth_code, ff_json_string(path, strlen(path)));
}

// A folder whose .pth files are followed.
static void add_site(struct site *site, char *path)
{
	_cleanup_free_ char *folder = path;
	if (!add_folder(site, folder))
		return;
	_cleanup_names_ struct ff_names names = {0};
	struct ff_error *err = ff_host_list(site->ctx->host, folder, NAMES_MAX, &names);
	if (err)
		ff_miss(site->ctx, "python.site", err);
	for (size_t i = 0; i < names.n; i++)
		if (ff_ends(names.names[i], ".pth"))
			read_pth(site, folder, names.names[i]);
}

static bool is_debian(struct site *site, const char *prefix)
{
	return strcmp(prefix, "/usr") == 0 &&
		ff_host_mode_is(site->ctx->host, "/usr/lib/python3/dist-packages", S_IFDIR);
}

static void add_prefix(struct site *site, const char *prefix)
{
	const char *lib_name = site->python->lib_name;
	if (is_debian(site, prefix)) {
		add_site(site, ff_path_printf("/usr/local/lib/%s/dist-packages", lib_name));
		add_site(site, ff_path_printf("/usr/lib/python3/dist-packages"));
		add_site(site, ff_path_printf("/usr/lib/%s/dist-packages", lib_name));
		return;
	}
	// Fedora's interpreter under /usr looks below /usr/local too, and into lib64 first.
	for (int local = strcmp(prefix, "/usr") == 0; local >= 0; local--) {
		const char *below = local ? "/usr/local" : prefix;
		if (site->uses_lib64)
			add_site(site, ff_path_printf("%s/lib64/%s/site-packages", below, lib_name));
		add_site(site, ff_path_printf("%s/lib/%s/site-packages", below, lib_name));
	}
}

// The standard library lies in lib64 alone: sys.platlibdir is "lib64".
static bool has_library_in(struct ff_probe_ctx *ctx, const struct ff_python *python, const char *lib)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%s/%s/os.py", python->base_prefix, lib, python->lib_name);
	return path && ff_host_mode_is(ctx->host, path, S_IFREG);
}

char *ff_python_library(struct ff_probe_ctx *ctx)
{
	static const char *const libs[] = {"lib", "lib64"};
	const char *base = ff_json_text(ctx->facts, "python.base_prefix"),
		   *version = ff_json_text(ctx->facts, "python.version"), *dot = version ? strchr(version, '.') : NULL;
	for (size_t i = 0; base && dot && i < sizeof(libs) / sizeof(libs[0]); i++) {
		int n = (int)(dot + 1 + strspn(dot + 1, "0123456789") - version);
		_cleanup_free_ char *library = ff_path_printf("%s/%s/python%.*s", base, libs[i], n, version);
		if (library && ff_host_mode_is(ctx->host, library, S_IFDIR))
			return ff_take(&library);
	}
	return NULL;
}

static void add_pythonpath(struct site *site)
{
	struct ff_span rest = ff_span_of(ff_host_getenv(site->ctx->host, "PYTHONPATH")), entry;
	_cleanup_free_ char *cwd = NULL;
	if (!rest.n)
		return;
	_cleanup_error_ struct ff_error *no_cwd = ff_host_readlink_process(site->ctx->host, 0, "cwd", &cwd);
	while (ff_span_next(&rest, ':', &entry)) {
		bool is_absolute = entry.n && entry.p[0] == '/';
		if (!is_absolute && no_cwd)
			continue;
		_cleanup_free_ char *path = is_absolute
			? ff_span_dup(entry)
			: ff_path_printf("%s%s%.*s", cwd, entry.n ? "/" : "", (int)entry.n, entry.p);
		add_folder(site, path);
	}
}

static void add_user(struct site *site)
{
	const char *off = ff_host_getenv(site->ctx->host, "PYTHONNOUSERSITE");
	const char *base = ff_host_getenv(site->ctx->host, "PYTHONUSERBASE");
	const char *home = ff_host_getenv(site->ctx->host, "HOME");
	const char *because = site->python->is_venv && !site->python->system_site ? "virtual environment" : NULL;
	if (!because && off && *off)
		because = "PYTHONNOUSERSITE";
	_cleanup_free_ char *folder = base && *base
		? ff_path_printf("%s/lib/%s/site-packages", base, site->python->lib_name)
		: home && *home ? ff_path_printf("%s/.local/lib/%s/site-packages", home, site->python->lib_name)
				: NULL;
	if (!folder)
		return;
	ff_fact_text(site->ctx, "python.user_site.path", folder);
	ff_fact_bool(site->ctx, "python.user_site.enabled", !because);
	ff_fact_text(site->ctx, "python.user_site.because", because);
	if (!because)
		add_site(site, ff_take(&folder));
}

void ff_python_site(struct ff_probe_ctx *ctx, const struct ff_python *python)
{
	struct site site = {.ctx = ctx, .python = python, .folders = json_array(), .pth_code = json_array()};
	// PYTHONHOME moves the base, not the environment.
	struct ff_span home = ff_span_of(ff_host_getenv(ctx->host, "PYTHONHOME")), first = {NULL, 0};
	if (home.n)
		ff_span_next(&home, ':', &first);
	_cleanup_free_ char *moved = first.n ? ff_span_dup(first) : NULL;
	const char *base = moved ? moved : python->base_prefix;
	site.uses_lib64 =
		python->base_prefix && !has_library_in(ctx, python, "lib") && has_library_in(ctx, python, "lib64");
	add_pythonpath(&site);
	if (python->is_venv)
		add_prefix(&site, python->prefix);
	add_user(&site);
	if (base && (!python->is_venv || python->system_site))
		add_prefix(&site, base);
	ff_fact_text(ctx, "python.home", moved);
	ff_fact(ctx, "python.site", site.folders);
	if (json_array_size(site.pth_code))
		ff_fact(ctx, "python.pth_code", site.pth_code);
	else
		json_decref(site.pth_code);
}
