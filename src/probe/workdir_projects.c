// workdir.projects: Python projects in and below the folder, and beside a source tree that is gone, with their names.
//
//	/app/pyproject.toml: [project] name = "acme-serving"      {"name": "acme-serving", "path": "/app"}
//	/app/setup.cfg: [metadata] name = acme-serving, /app/setup.py: setup(name="acme-serving", ...)
//
// How the source lies: a name may be computed by setup.py, and then the project is not among them; [tool.poetry] and
// [project] both have one, and the first counts.
#include "parse/chars.h"
#include "probe/python_find.h"
#include "probe/workdir.h"

enum { FOLDERS_MAX = 64, FILE_MAX = 256 << 10, PROJECTS_MAX = 8 };

// What stands behind "name =", without its quotes; empty where that is no word.
static struct ff_span name_of(struct ff_span line)
{
	static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	line = ff_span_trim(line);
	if (!ff_span_starts(line, "name"))
		return (struct ff_span){0};
	line = ff_span_trim(ff_span_skip(line, strlen("name")));
	if (!ff_span_starts(line, "="))
		return (struct ff_span){0};
	line = ff_span_trim(ff_span_skip(line, 1));
	if (line.n && (*line.p == '"' || *line.p == '\''))
		line = ff_span_skip(line, 1);
	size_t n = 0;
	while (n < line.n && strchr(word, line.p[n]))
		n++;
	return ff_span_first(line, n);
}

// The name in one of these files: below its section, or in the call of setup().
static struct ff_span project_name(struct ff_span text, const char *const sections[2], const char *call)
{
	bool within = false;
	for (struct ff_span line; ff_span_line(&text, &line);) {
		struct ff_span whole = ff_span_trim(line), inner = whole;
		const char *at = call ? memmem(line.p, line.n, call, strlen(call)) : NULL;
		if (!call && ff_span_starts(whole, "["))
			within = ff_span_eq(whole, sections[0]) || ff_span_eq(whole, sections[1]);
		if (at) {
			within = true;
			inner = ff_span_skip(line, (size_t)(at - line.p) + strlen(call));
		}
		struct ff_span name = within ? name_of(inner) : (struct ff_span){0};
		if (name.n)
			return name;
	}
	return (struct ff_span){0};
}

static bool put_project(struct ff_workdir *w, const char *folder)
{
	static const struct {
		const char *file, *sections[2], *call;
	} files[] = {{"pyproject.toml", {"[project]", "[tool.poetry]"}, NULL},
		{"setup.cfg", {"[metadata]", "[metadata]"}, NULL}, {"setup.py", {NULL, NULL}, "setup("}};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, files[i].file), *text = NULL;
		size_t n;
		_cleanup_error_ struct ff_error *absent =
			path ? ff_host_read(w->ctx->host, path, FILE_MAX, &text, &n) : &ff_enomem;
		struct ff_span name = absent
			? (struct ff_span){0}
			: project_name((struct ff_span){text, n}, files[i].sections, files[i].call);
		if (!name.n)
			continue;
		ff_fact_append(w->ctx, "workdir.projects",
			json_pack("{s:o, s:o}", "name", ff_json_string(name.p, name.n), "path",
				ff_json_string(folder, strlen(folder))));
		return true;
	}
	return false;
}

// A folder and those below it, as far as they are projects.
static void look_below(struct ff_workdir *w, const char *folder, const struct ff_names *names, size_t *found)
{
	for (size_t i = 0, n = 0; i < names->n && n < FOLDERS_MAX && *found < PROJECTS_MAX; i++) {
		_cleanup_free_ char *path =
			names->names[i][0] == '.' ? NULL : ff_path_printf("%s/%s", folder, names->names[i]);
		if (!path || !ff_host_mode_is(w->ctx->host, path, S_IFDIR))
			continue;
		n++;
		*found += put_project(w, path);
	}
}

// A source tree that was renamed lies mostly beside where it lay.
static void look_beside_gone(struct ff_workdir *w, size_t *found)
{
	static const char local[] = "file://";
	const char *name;
	json_t *package;
	json_object_foreach ((json_t *)ff_json_at(w->ctx->facts, "python.packages"), name, package) {
		const char *source = ff_json_text(package, "source");
		if (!json_is_true(json_object_get(package, "gone")) || !source || !ff_starts(source, local))
			continue;
		_cleanup_free_ char *folder = strdup(source + strlen(local));
		char *slash = folder ? strrchr(folder, '/') : NULL;
		if (!slash || slash == folder)
			continue;
		*slash = '\0';
		_cleanup_names_ struct ff_names names = {0};
		_cleanup_error_ struct ff_error *absent = strcmp(folder, w->folder) == 0
			? ff_error_create(FF_EABSENT, "the folder itself")
			: ff_host_list(w->ctx->host, folder, FF_WORKDIR_NAMES_MAX, &names);
		if (!absent)
			look_below(w, folder, &names, found);
	}
}

void ff_workdir_projects(struct ff_workdir *w)
{
	size_t found = put_project(w, w->folder);
	look_below(w, w->folder, &w->names, &found);
	look_beside_gone(w, &found);
}
