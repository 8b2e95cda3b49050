// What may change an environment: its owner's mark (PEP 668), whether its folder can be written, which tools are on
// PATH, which tool made it, and an index of packages of its own.
//
//	/usr/lib/python3.11/EXTERNALLY-MANAGED                   the distribution's own: pip refuses
//	/srv/venv/pyvenv.cfg:  uv = 0.9.0                          made by uv, and without a pip
//	/root/.local/share/pipx/venvs/vllm/bin/python              pipx; /app/.pixi/envs/default/bin/python: pixi
//	/app/uv.lock, poetry.lock, pdm.lock                        the project that the environment belongs to
//	/etc/pip.conf:  index-url = https://user:pass@host/simple  its address is a secret: only that there is one is told
#include "parse/metadata.h"
#include "probe/python_find.h"

enum { CONFIG_MAX = 64 << 10, PATH_FOLDERS_MAX = 128, ABOVE_MAX = 16 };

static bool is_file(struct ff_probe_ctx *ctx, const char *path)
{
	return path && ff_host_mode_is(ctx->host, path, S_IFREG);
}

static void put_managed(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	static const char *const libs[] = {"lib", "lib64"};
	bool managed = false;
	for (size_t i = 0; i < 2 && !p->is_venv && p->base_prefix; i++) {
		_cleanup_free_ char *path =
			ff_path_printf("%s/%s/%s/EXTERNALLY-MANAGED", p->base_prefix, libs[i], p->lib_name);
		managed |= is_file(ctx, path);
	}
	ff_fact_bool(ctx, "python.externally_managed", managed);
}

// The folder that pip installs into: the environment's own, Debian's under /usr/local.
static void put_writable(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	bool debian =
		strcmp(p->prefix, "/usr") == 0 && ff_host_mode_is(ctx->host, "/usr/lib/python3/dist-packages", S_IFDIR);
	const char *at = debian ? "/usr/local" : p->prefix;
	_cleanup_free_ char *folder =
		ff_path_printf("%s/lib/%s/%s", at, p->lib_name, debian ? "dist-packages" : "site-packages");
	bool writable = false;
	_cleanup_error_ struct ff_error *absent = folder ? ff_host_writable(ctx->host, folder, &writable) : &ff_enomem;
	if (!absent)
		ff_fact_bool(ctx, "python.site_writable", writable);
}

static char *on_path(struct ff_probe_ctx *ctx, const char *program)
{
	struct ff_span rest = ff_span_of(ff_host_getenv(ctx->host, "PATH")), folder;
	for (size_t n = 0; n < PATH_FOLDERS_MAX && rest.n && ff_span_next(&rest, ':', &folder); n++) {
		char *path = folder.n && folder.p[0] == '/'
			? ff_path_printf("%.*s/%s", (int)folder.n, folder.p, program)
			: NULL;
		if (is_file(ctx, path))
			return path;
		free(path);
	}
	return NULL;
}

static void put_tools(struct ff_probe_ctx *ctx)
{
	static const struct {
		const char *fact, *program;
	} tools[] = {{"python.tools.uv", "uv"}, {"python.tools.conda", "conda"}, {"python.tools.mamba", "mamba"},
		{"python.tools.micromamba", "micromamba"}, {"python.tools.pipx", "pipx"}, {"python.tools.pixi", "pixi"},
		{"python.tools.poetry", "poetry"}, {"python.tools.pdm", "pdm"}};
	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++) {
		_cleanup_free_ char *path = on_path(ctx, tools[i].program);
		ff_fact_text(ctx, tools[i].fact, path);
	}
}

// Programs that packages call: compilers of what is built when it first runs, and what fetches files.
static void put_programs(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	static const char *const programs[] = {
		"gcc", "clang", "cc", "g++", "clang++", "nvcc", "ninja", "git", "git-lfs", "ffmpeg"};
	if (!ff_host_getenv(ctx->host, "PATH"))
		return;
	json_t *found = json_object();
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		_cleanup_free_ char *path = on_path(ctx, programs[i]);
		json_object_set_new(found, programs[i], path ? ff_json_string(path, strlen(path)) : json_false());
	}
	ff_fact(ctx, "system.programs", found);
	_cleanup_free_ char *header =
		p->base_prefix ? ff_path_printf("%s/include/%s/Python.h", p->base_prefix, p->lib_name) : NULL;
	if (header)
		ff_fact_bool(ctx, "python.headers", is_file(ctx, header));
}

// ---- who made it ----

static bool made_by_uv(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	_cleanup_free_ char *path = ff_path_printf("%s/pyvenv.cfg", p->prefix), *text = NULL;
	size_t n;
	struct ff_span value;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(ctx->host, path, CONFIG_MAX, &text, &n) : &ff_enomem;
	return !absent && ff_ini_find((struct ff_span){text, n}, "uv", &value);
}

static void put_maker(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	const char *maker = strstr(p->prefix, "/pipx/venvs/") ? "pipx"
		: strstr(p->prefix, "/.pixi/envs/")	      ? "pixi"
		: p->is_venv && made_by_uv(ctx, p)	      ? "uv"
							      : NULL;
	ff_fact_text(ctx, "python.made_by", maker);
}

// ---- the project ----

static const struct {
	const char *file, *tool;
} locks[] = {{"uv.lock", "uv"}, {"poetry.lock", "poetry"}, {"pdm.lock", "pdm"}};

static const char *tool_of(struct ff_probe_ctx *ctx, const char *folder)
{
	for (size_t i = 0; i < sizeof(locks) / sizeof(*locks); i++) {
		_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, locks[i].file);
		if (is_file(ctx, path))
			return locks[i].tool;
	}
	return NULL;
}

// pdm's note of the interpreter that it works with.
static bool pdm_uses(struct ff_probe_ctx *ctx, const char *folder, const struct ff_python *p)
{
	_cleanup_free_ char *path = ff_path_printf("%s/.pdm-python", folder), *text = NULL;
	size_t n;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(ctx->host, path, CONFIG_MAX, &text, &n) : &ff_enomem;
	return !absent && ff_starts(text, p->prefix) && text[strlen(p->prefix)] == '/';
}

// Would that tool, called in this folder, change this environment? An environment that is active is uv's only by its
// place; poetry and pdm take it.
static bool is_its(struct ff_probe_ctx *ctx, const char *tool, const char *folder, const struct ff_python *p)
{
	_cleanup_free_ char *inside = ff_path_printf("%s/.venv", folder);
	const char *active = ff_host_getenv(ctx->host, "VIRTUAL_ENV");
	if (inside && strcmp(inside, p->prefix) == 0)
		return true;
	if (strcmp(tool, "poetry") == 0)
		return strstr(p->prefix, "/pypoetry/virtualenvs/") || (active && strcmp(active, p->prefix) == 0);
	return strcmp(tool, "pdm") == 0 && pdm_uses(ctx, folder, p);
}

// The lock file beside the environment, or in the folder that the worker is started in or one above it. What is
// installed beside it is undone by the project's next sync.
static void put_project(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	_cleanup_free_ char *cwd = NULL, *folder = ff_path_parent(p->prefix);
	_cleanup_error_ struct ff_error *unknown = ff_host_readlink_process(ctx->host, 0, "cwd", &cwd);
	for (int depth = 0; folder && depth < ABOVE_MAX; depth++) {
		const char *tool = tool_of(ctx, folder);
		if (tool && is_its(ctx, tool, folder, p)) {
			ff_fact_text(ctx, "python.project", tool);
			ff_fact_text(ctx, "python.project_folder", folder);
			return;
		}
		char *next = depth == 0 ? ff_take(&cwd) : strcmp(folder, "/") == 0 ? NULL : ff_path_parent(folder);
		free(folder);
		folder = next;
	}
}

// ---- the index ----

static bool names_index(struct ff_probe_ctx *ctx, const char *folder, const char *below)
{
	_cleanup_free_ char *path = folder && *folder ? ff_path_printf("%s%s", folder, below) : NULL, *text = NULL;
	size_t n;
	struct ff_span value;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(ctx->host, path, CONFIG_MAX, &text, &n) : &ff_enomem;
	return !absent && ff_ini_find((struct ff_span){text, n}, "index-url", &value);
}

static void put_index(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	static const char *const names[] = {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", "PIP_NO_INDEX"};
	const char *from = NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !from; i++) {
		const char *value = ff_host_getenv(ctx->host, names[i]);
		from = value && *value ? names[i] : NULL;
	}
	if (!from &&
		(names_index(ctx, "/etc", "/pip.conf") || names_index(ctx, p->prefix, "/pip.conf") ||
			names_index(ctx, ff_host_getenv(ctx->host, "HOME"), "/.config/pip/pip.conf") ||
			names_index(ctx, ff_host_getenv(ctx->host, "HOME"), "/.pip/pip.conf")))
		from = "pip.conf";
	ff_fact_bool(ctx, "python.own_index", from != NULL);
	ff_fact_text(ctx, "python.index_from", from);
}

void ff_python_tools(struct ff_probe_ctx *ctx, const struct ff_python *p)
{
	put_managed(ctx, p);
	put_writable(ctx, p);
	put_tools(ctx);
	put_programs(ctx, p);
	put_maker(ctx, p);
	if (p->is_venv)
		put_project(ctx, p);
	put_index(ctx, p);
}
