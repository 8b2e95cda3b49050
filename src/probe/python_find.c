// The interpreter that `python handler.py` or a running worker uses: --python, the process itself, the virtual
// environment that this very program was installed into, VIRTUAL_ENV, CONDA_PREFIX, .venv in the working folder, PATH
// (through pyenv's shims), and at last the usual places. An environment that pipx or uv made for a program alone holds
// nobody's worker.
//
// /proc/PID/exe lies about virtual environments: it shows the base interpreter, as bin/python there is a link. The way
// the process was called (argv[0]) leads to the environment. pyenv's shims are shell scripts; which version they start
// stands in PYENV_VERSION, .python-version of the working folder or above, or $PYENV_ROOT/version.
#include "probe/python_find.h"

#include "parse/chars.h"
#include "parse/version.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { SHIM_MAX = 4096, ARGV_MAX = 4 << 20, DEPTH_MAX = 64, VERSIONS_MAX = 1000 };

static const char *const program_names[] = {"python3", "python"};
enum { PROGRAM_NAMES = sizeof(program_names) / sizeof(program_names[0]) };

char *ff_path_printf(const char *format, ...)
{
	char *path = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&path, format, args);
	va_end(args);
	return n < 0 ? NULL : path;
}

char *ff_path_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return strdup(".");
	return ff_span_dup((struct ff_span){path, slash == path ? 1 : (size_t)(slash - path)});
}

void ff_python_deinit(struct ff_python *p)
{
	char *const owned[] = {
		p->executable, p->binary, p->prefix, p->base_prefix, p->version, p->short_version, p->lib_name};
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		free(owned[i]);
	*p = (struct ff_python){0};
}

static bool is_file(struct ff_probe_ctx *ctx, const char *path)
{
	return path && ff_host_mode_is(ctx->host, path, S_IFREG);
}

static bool is_python_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return ff_starts(slash ? slash + 1 : path, "python");
}

// Takes `path` when it is a file; true when taken.
static bool take(struct ff_probe_ctx *ctx, struct ff_python *ret, char *path, const char *chosen_by)
{
	if (!is_file(ctx, path)) {
		free(path);
		return false;
	}
	ret->executable = path;
	ret->chosen_by = chosen_by;
	return true;
}

static bool take_in_folder(struct ff_probe_ctx *ctx, struct ff_python *ret, const char *folder, const char *chosen_by)
{
	for (size_t i = 0; folder && i < PROGRAM_NAMES; i++)
		if (take(ctx, ret, ff_path_printf("%s/bin/%s", folder, program_names[i]), chosen_by))
			return true;
	return false;
}

static char *working_folder(struct ff_probe_ctx *ctx)
{
	char *cwd = NULL;
	_cleanup_error_ struct ff_error *err = ff_host_readlink_process(ctx->host, 0, "cwd", &cwd);
	return err ? NULL : cwd;
}

static char *absolute(struct ff_probe_ctx *ctx, const char *path)
{
	if (path[0] == '/')
		return strdup(path);
	_cleanup_free_ char *cwd = working_folder(ctx);
	return cwd ? ff_path_printf("%s/%s", cwd, path) : NULL;
}

// First line of a version file, or the first name of a colon list.
static char *first_version(const char *text)
{
	struct ff_span rest = ff_span_of(text), line;
	while (ff_span_line(&rest, &line)) {
		line = ff_span_trim(line);
		if (!line.n || line.p[0] == '#')
			continue;
		size_t n = 0;
		while (n < line.n && line.p[n] != ':' && !ff_is_blank(line.p[n]))
			n++;
		return ff_span_dup(ff_span_first(line, n));
	}
	return NULL;
}

static char *version_from_file(struct ff_probe_ctx *ctx, const char *folder, const char *name)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, name), *text = NULL;
	if (!path)
		return NULL;
	_cleanup_error_ struct ff_error *err = ff_host_read(ctx->host, path, SHIM_MAX, &text, NULL);
	return err ? NULL : first_version(text);
}

static char *pyenv_version(struct ff_probe_ctx *ctx, const char *root)
{
	const char *set = ff_host_getenv(ctx->host, "PYENV_VERSION");
	if (set && *set)
		return first_version(set);
	_cleanup_free_ char *folder = working_folder(ctx);
	for (int depth = 0; folder && depth < DEPTH_MAX; depth++) {
		char *version = version_from_file(ctx, folder, ".python-version");
		if (version || strcmp(folder, "/") == 0 || !strchr(folder, '/'))
			return version ? version : version_from_file(ctx, root, "version");
		char *parent = ff_path_parent(folder);
		free(folder);
		folder = parent;
	}
	return version_from_file(ctx, root, "version");
}

// ".python-version" may say "3.11" where versions/3.11.7 is meant: the highest that begins so.
static bool take_pyenv_prefix(struct ff_probe_ctx *ctx, struct ff_python *ret, const char *root, const char *version)
{
	_cleanup_free_ char *folder = ff_path_printf("%s/versions", root);
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *err =
		folder ? ff_host_list(ctx->host, folder, VERSIONS_MAX, &names) : &ff_enomem;
	const char *best = NULL;
	for (size_t i = 0; !err && i < names.n; i++) {
		size_t n = strlen(version);
		bool fits = ff_starts(names.names[i], version) && names.names[i][n] == '.';
		if (fits && (!best || ff_version_compare(best, names.names[i]) < 0))
			best = names.names[i];
	}
	_cleanup_free_ char *chosen = best ? ff_path_printf("%s/%s", folder, best) : NULL;
	return take_in_folder(ctx, ret, chosen, "pyenv");
}

static bool take_pyenv(struct ff_probe_ctx *ctx, struct ff_python *ret, const char *shims)
{
	const char *set = ff_host_getenv(ctx->host, "PYENV_ROOT");
	_cleanup_free_ char *root = set && *set ? strdup(set) : ff_path_parent(shims);
	_cleanup_free_ char *version = root ? pyenv_version(ctx, root) : NULL;
	if (!version || strcmp(version, "system") == 0)
		return false;
	_cleanup_free_ char *folder = ff_path_printf("%s/versions/%s", root, version);
	return take_in_folder(ctx, ret, folder, "pyenv") || take_pyenv_prefix(ctx, ret, root, version);
}

static bool is_pyenv_shim(struct ff_probe_ctx *ctx, const char *path)
{
	_cleanup_free_ char *text = NULL;
	if (!strstr(path, "/shims/"))
		return false;
	_cleanup_error_ struct ff_error *err = ff_host_read(ctx->host, path, SHIM_MAX, &text, NULL);
	return !err && ff_starts(text, "#!") && strstr(text, "pyenv");
}

// One program name through all of PATH; a shim that means "system" is passed over.
static bool take_from_path(struct ff_probe_ctx *ctx, struct ff_python *ret, const char *name)
{
	struct ff_span rest = ff_span_of(ff_host_getenv(ctx->host, "PATH")), folder;
	while (ff_span_next(&rest, ':', &folder)) {
		if (!folder.n || folder.p[0] != '/')
			continue;
		_cleanup_free_ char *path = ff_path_printf("%.*s/%s", (int)folder.n, folder.p, name);
		if (!is_file(ctx, path))
			continue;
		if (!is_pyenv_shim(ctx, path))
			return take(ctx, ret, ff_take(&path), "PATH");
		_cleanup_free_ char *shims = ff_path_parent(path);
		if (shims && take_pyenv(ctx, ret, shims))
			return true;
	}
	return false;
}

static bool leads_to(struct ff_probe_ctx *ctx, const char *path, const char *binary)
{
	_cleanup_free_ char *real = NULL;
	_cleanup_error_ struct ff_error *err = path ? ff_host_realpath(ctx->host, path, &real) : &ff_enomem;
	return !err && strcmp(real, binary) == 0;
}

// The way a running process was called, when that leads to its binary; else the binary.
static bool take_from_process(struct ff_probe_ctx *ctx, struct ff_python *ret)
{
	_cleanup_free_ char *exe = NULL, *argv = NULL;
	size_t n;
	_cleanup_error_ struct ff_error *err = ff_host_readlink_process(ctx->host, 0, "exe", &exe);
	if (err || !is_python_name(exe))
		return false;
	_cleanup_error_ struct ff_error *no_argv = ff_host_read_process(ctx->host, 0, "cmdline", ARGV_MAX, &argv, &n);
	_cleanup_free_ char *called = !no_argv && strchr(argv, '/') ? absolute(ctx, argv) : NULL;
	if (called && leads_to(ctx, called, exe))
		return take(ctx, ret, ff_take(&called), "process");
	struct ff_python found = {0};
	if (!no_argv && argv[0] && !called && take_from_path(ctx, &found, argv) &&
		leads_to(ctx, found.executable, exe)) {
		found.chosen_by = "process";
		*ret = found;
		return true;
	}
	ff_python_deinit(&found);
	return take(ctx, ret, ff_take(&exe), "process");
}

static struct ff_error *find_given(struct ff_probe_ctx *ctx, struct ff_python *ret)
{
	if (!strchr(ctx->python, '/') && take_from_path(ctx, ret, ctx->python)) {
		ret->chosen_by = "--python";
		return NULL;
	}
	_cleanup_free_ char *path = absolute(ctx, ctx->python);
	if (take_in_folder(ctx, ret, path, "--python") || (path && take(ctx, ret, ff_take(&path), "--python")))
		return NULL;
	return ff_error_create(FF_EABSENT, "--python %s: no such interpreter", ctx->python);
}

static bool holds(struct ff_probe_ctx *ctx, const char *folder, const char *name)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, name);
	return is_file(ctx, path);
}

// "/srv/venv/bin/firstfix report", by whatever way it was called.
static bool find_beside_ourselves(struct ff_probe_ctx *ctx, struct ff_python *ret)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return false;
	self[n] = '\0';
	for (int up = 0; up < 3; up++) { // bin/firstfix-tool, libexec/firstfix/firstfix-tool
		char *slash = strrchr(self, '/');
		if (!slash || slash == self)
			return false;
		*slash = '\0';
		if (holds(ctx, self, "pyvenv.cfg"))
			return !holds(ctx, self, "pipx_metadata.json") && !holds(ctx, self, "uv-receipt.toml") &&
				take_in_folder(ctx, ret, self, "this program's environment");
	}
	return false;
}

// The environment that a variable names has no interpreter: moved, copied from another machine, or its base Python was
// removed.
static void note_dead(struct ff_probe_ctx *ctx, const char *variable, const char *folder)
{
	json_t *dead = json_pack("{s:s, s:o, s:b}", "variable", variable, "folder",
		ff_json_string(folder, strlen(folder)), "exists", ff_host_mode_is(ctx->host, folder, S_IFDIR));
	_cleanup_free_ char *lib = ff_path_printf("%s/lib", folder);
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *none = lib ? ff_host_list(ctx->host, lib, VERSIONS_MAX, &names) : &ff_enomem;
	for (size_t i = 0; dead && !none && i < names.n; i++) {
		if (ff_starts(names.names[i], "python3."))
			json_object_set_new(dead, "made_for", ff_json_string(names.names[i], strlen(names.names[i])));
	}
	ff_fact(ctx, "python.dead", dead);
}

static bool find_by_environment(struct ff_probe_ctx *ctx, struct ff_python *ret)
{
	static const char *const variables[] = {"VIRTUAL_ENV", "CONDA_PREFIX"};
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *folder = ff_host_getenv(ctx->host, variables[i]);
		if (!folder || folder[0] != '/')
			continue;
		if (take_in_folder(ctx, ret, folder, variables[i]))
			return true;
		note_dead(ctx, variables[i], folder);
	}
	_cleanup_free_ char *cwd = working_folder(ctx);
	_cleanup_free_ char *venv = cwd ? ff_path_printf("%s/.venv", cwd) : NULL;
	return take_in_folder(ctx, ret, venv, ".venv");
}

static bool find_in_usual_places(struct ff_probe_ctx *ctx, struct ff_python *ret)
{
	static const char *const places[] = {"/usr/local", "/opt/venv", "/opt/conda", "/usr"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (take_in_folder(ctx, ret, places[i], "usual place"))
			return true;
	return false;
}

struct ff_error *ff_python_find(struct ff_probe_ctx *ctx, struct ff_python *ret)
{
	if (ctx->python)
		return find_given(ctx, ret);
	bool running = ff_host_pid(ctx->host) != 0 || ff_host_is_captured(ctx->host);
	if (running && take_from_process(ctx, ret))
		return NULL;
	if (!running && find_beside_ourselves(ctx, ret))
		return NULL;
	if (find_by_environment(ctx, ret))
		return NULL;
	for (size_t i = 0; i < PROGRAM_NAMES; i++)
		if (take_from_path(ctx, ret, program_names[i]))
			return NULL;
	if (find_in_usual_places(ctx, ret))
		return NULL;
	return ff_error_create(FF_EABSENT, "no Python interpreter on PATH or in the usual places");
}
