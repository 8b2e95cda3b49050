// python.packages, duplicates, conflicts: every distribution along python.site, and what contradicts what.
//
//	{"python": {"packages": {"torch": {"version": "2.3.1", "location": "/srv/venv/lib/python3.10/site-packages"}},
//	            "conflicts": [{"package": "vllm", "requires": "torch==2.6.0", "found": "2.3.1"},
//	                          {"package": "vllm", "requires": "xformers", "missing": true}],
//	            "required_by": {"torch": {"vllm": "==2.6.0"}},
//	            "duplicates": [{"package": "numpy", "copies": [{"version": "1.26.4", "location": "..."}]}]}}
//
// The first folder of sys.path wins, as at import. Conflicts are those of `pip check`, and Requires-Python besides.
#include "probe/packages_read.h"

#include "parse/chars.h"
#include "probe/python_find.h"

#include <stdio.h>

enum { CONDA_MAX = 65536, BOUNDS_MAX = 1000 };

static const char *text_of(const char *text)
{
	return text ? text : "";
}

// "file:///srv/src/mylib" of an editable install, where nothing is any more.
static bool is_source_gone(struct ff_probe_ctx *ctx, const struct ff_dist *d)
{
	static const char local[] = "file://";
	const char *path =
		d->editable && d->source_url && ff_starts(d->source_url, local) ? d->source_url + strlen(local) : NULL;
	struct stat st;
	_cleanup_error_ struct ff_error *err =
		path && *path == '/' && !strchr(path, '%') ? ff_host_stat(ctx->host, path, &st) : NULL;
	return err && err->code == FF_EABSENT;
}

static json_t *package_json(struct ff_probe_ctx *ctx, const struct ff_dist *d)
{
	json_t *package = json_object();
	json_object_set_new(package, "location", ff_json_string(d->location, strlen(d->location)));
	if (d->version)
		json_object_set_new(package, "version", ff_json_string(d->version, strlen(d->version)));
	if (d->source_url)
		json_object_set_new(package, "source", ff_json_string(d->source_url, strlen(d->source_url)));
	if (d->commit)
		json_object_set_new(package, "commit", ff_json_string(d->commit, strlen(d->commit)));
	if (d->editable)
		json_object_set_new(package, "editable", json_true());
	if (is_source_gone(ctx, d))
		json_object_set_new(package, "gone", json_true());
	return package;
}

static size_t copies_of(const struct ff_dists *dists, size_t first)
{
	size_t n = 1;
	while (first + n < dists->n && strcmp(dists->items[first].name, dists->items[first + n].name) == 0)
		n++;
	return n;
}

static void put_packages(struct ff_probe_ctx *ctx, const struct ff_dists *dists)
{
	json_t *packages = json_object(), *duplicates = json_array();
	for (size_t i = 0, n; i < dists->n; i += n) {
		n = copies_of(dists, i);
		json_object_set_new(packages, dists->items[i].name, package_json(ctx, &dists->items[i]));
		json_t *copies = n > 1 ? json_array() : NULL;
		for (size_t k = 0; k < n && copies; k++)
			json_array_append_new(copies, package_json(ctx, &dists->items[i + k]));
		if (copies)
			json_array_append_new(
				duplicates, json_pack("{s:s, s:o}", "package", dists->items[i].name, "copies", copies));
	}
	ff_fact(ctx, "python.packages", packages);
	ff_fact(ctx, "python.duplicates", duplicates);
}

static json_t *conflict_json(const struct ff_dist *d, struct ff_span requires, const char *found)
{
	json_t *conflict =
		json_pack("{s:s, s:o}", "package", d->name, "requires", ff_json_string(requires.p, requires.n));
	if (found)
		json_object_set_new(conflict, "found", ff_json_string(found, strlen(found)));
	else
		json_object_set_new(conflict, "missing", json_true());
	return conflict;
}

static char *normal_name(struct ff_span name)
{
	struct ff_buf b = {0};
	char *text = NULL;
	ff_package_name_format(name, &b);
	_cleanup_error_ struct ff_error *err = ff_buf_finish(&b, &text);
	return err ? NULL : text;
}

// The bounds that others hold a package in, whether it is here or not: {"torch": {"vllm": "==2.6.0"}}.
static void note_bounds(const struct ff_dist *d, const char *name, struct ff_span specifiers, json_t *bounds)
{
	specifiers = ff_span_trim(specifiers);
	if (!specifiers.n || json_object_size(bounds) >= BOUNDS_MAX)
		return;
	json_t *by = json_object_get(bounds, name);
	if (!by && json_object_set_new(bounds, name, by = json_object()) < 0)
		return;
	json_object_set_new(by, d->name, ff_json_string(specifiers.p, specifiers.n));
}

// What a person reads: the requirement without its marker, which holds.
static void check_requirement(struct ff_probe_ctx *ctx, const struct ff_dists *dists, const struct ff_dist *d,
	struct ff_span line, json_t *conflicts, json_t *bounds)
{
	struct ff_requirement r;
	_cleanup_error_ struct ff_error *err = ff_requirement_parse(d->name, line, &r);
	_cleanup_free_ char *name = err ? NULL : normal_name(r.name);
	if (!name)
		return;
	note_bounds(d, name, r.specifiers, bounds);
	_cleanup_buf_ struct ff_buf said = {0};
	ff_buf_str(&said, name);
	ff_buf_span(&said, r.specifiers);
	struct ff_span text = {said.p, said.n};
	const struct ff_dist *found = ff_dists_find(dists, name);
	if (!found) {
		json_array_append_new(conflicts, conflict_json(d, text, NULL));
		return;
	}
	if (!found->version)
		return;
	enum ff_satisfies answer = ff_version_satisfies_spans(ff_span_of(found->version), r.specifiers);
	if (answer == FF_SATISFIES_NO)
		json_array_append_new(conflicts, conflict_json(d, text, found->version));
	else if (answer == FF_SATISFIES_UNKNOWN)
		ff_miss(ctx, "python.conflicts",
			ff_error_create(FF_EFORMAT, "%s requires \"%.*s\", found %s: cannot be compared", d->name,
				(int)text.n, text.p, found->version));
}

static void check_python(const struct ff_dist *d, const char *version, json_t *conflicts)
{
	if (!d->python || !version || ff_version_satisfies(version, d->python) != FF_SATISFIES_NO)
		return;
	_cleanup_buf_ struct ff_buf said = {0};
	ff_buf_printf(&said, "python%s", d->python);
	json_array_append_new(conflicts, conflict_json(d, (struct ff_span){said.p, said.n}, version));
}

static void put_conflicts(struct ff_probe_ctx *ctx, const struct ff_dists *dists, const char *python_version)
{
	json_t *conflicts = json_array(), *bounds = json_object();
	for (size_t i = 0; i < dists->n; i += copies_of(dists, i)) {
		const struct ff_dist *d = &dists->items[i];
		struct ff_span rest = ff_span_of(text_of(d->requires)), line;
		while (ff_span_line(&rest, &line))
			check_requirement(ctx, dists, d, line, conflicts, bounds);
		check_python(d, python_version, conflicts);
	}
	ff_fact(ctx, "python.conflicts", conflicts);
	if (json_object_size(bounds))
		ff_fact(ctx, "python.required_by", bounds);
	else
		json_decref(bounds);
}

// The marker environment of PEP 508, as far as it is known without running the interpreter.
static void make_env(const struct ff_probe_ctx *ctx, char short_version[16], struct ff_marker_env *ret)
{
	const char *full = ff_json_text(ctx->facts, "python.version");
	struct ff_version v = {0};
	if (full && ff_version_parse(ff_span_of(full), &v) && v.n_release >= 2)
		snprintf(short_version, 16, "%.*s.%.*s", (int)v.release[0].n, v.release[0].p, (int)v.release[1].n,
			v.release[1].p);
	*ret = (struct ff_marker_env){
		.values = {
			[FF_MARKER_OS_NAME] = "posix",
			[FF_MARKER_SYS_PLATFORM] = "linux",
			[FF_MARKER_PLATFORM_MACHINE] = ff_json_text(ctx->facts, "system.arch"),
			[FF_MARKER_PLATFORM_IMPLEMENTATION] = "CPython",
			[FF_MARKER_PLATFORM_RELEASE] = ff_json_text(ctx->facts, "system.kernel"),
			[FF_MARKER_PLATFORM_SYSTEM] = "Linux",
			[FF_MARKER_PYTHON_VERSION] = *short_version ? short_version : NULL,
			[FF_MARKER_PYTHON_FULL_VERSION] = full && v.n_release >= 3 ? full : NULL,
			[FF_MARKER_IMPLEMENTATION_NAME] = "cpython",
			[FF_MARKER_IMPLEMENTATION_VERSION] = full && v.n_release >= 3 ? full : NULL,
			[FF_MARKER_EXTRA] = "",
		}};
}

// "pytorch-2.3.1-py3.10_cuda12.1_cudnn8.9.2_0.json": conda also installs what is no Python distribution (cuda-toolkit).
static void put_conda(struct ff_probe_ctx *ctx)
{
	const char *prefix = ff_json_text(ctx->facts, "python.prefix");
	_cleanup_free_ char *folder = prefix ? ff_path_printf("%s/conda-meta", prefix) : NULL;
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *absent =
		folder ? ff_host_list(ctx->host, folder, CONDA_MAX, &names) : &ff_enomem;
	json_t *packages = absent ? NULL : json_object();
	for (size_t i = 0; packages && i < names.n; i++) {
		const char *name = names.names[i], *build = strrchr(name, '-');
		const char *version = build ? memrchr(name, '-', (size_t)(build - name)) : NULL;
		if (!version || !ff_ends(name, ".json"))
			continue;
		_cleanup_free_ char *key = ff_span_dup((struct ff_span){name, (size_t)(version - name)});
		size_t build_n = strlen(build + 1) - strlen(".json");
		if (key)
			json_object_set_new(packages, key,
				json_pack("{s:o, s:o}", "version",
					ff_json_string(version + 1, (size_t)(build - version - 1)), "build",
					ff_json_string(build + 1, build_n)));
	}
	if (packages)
		ff_fact(ctx, "python.conda", packages);
}

void ff_probe_packages(struct ff_probe_ctx *ctx)
{
	const json_t *site = ff_json_at(ctx->facts, "python.site"), *folder;
	size_t i;
	if (!site)
		return;
	char short_version[16] = "";
	struct ff_marker_env env;
	make_env(ctx, short_version, &env);
	_cleanup_dists_ struct ff_dists dists = {0};
	json_array_foreach (site, i, folder)
		ff_dists_read(ctx, json_string_value(folder), (unsigned)i, &env, &dists);
	ff_dists_sort(&dists);
	put_packages(ctx, &dists);
	put_conda(ctx);
	put_conflicts(ctx, &dists, env.values[FF_MARKER_PYTHON_FULL_VERSION]);
	if (!dists.incomplete)
		ff_fact_append(ctx, "complete", json_string("python.packages"));
}
