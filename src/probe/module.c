// Where a module lies and what its distribution requires, from python.site and python.packages.
//
//	/srv/venv/lib/python3.10/site-packages/torch/              the module
//	/srv/venv/lib/python3.10/site-packages/torch-2.3.1.dist-info/METADATA
//
// The two can differ: a source checkout on PYTHONPATH shadows the wheel, and then metadata speaks of the wheel.
#include "probe/module.h"

#include "parse/metadata.h"
#include "parse/requirement.h"
#include "probe/python_find.h"

enum { NAMES_MAX = 65536, HEAD_MAX = 1 << 20 };

char *ff_module_folder(struct ff_probe_ctx *ctx, const char *module)
{
	const json_t *site = ff_json_at(ctx->facts, "python.site"), *folder;
	size_t i;
	json_array_foreach (site, i, folder) {
		_cleanup_free_ char *path = ff_path_printf("%s/%s", json_string_value(folder), module);
		_cleanup_free_ char *init = path ? ff_path_printf("%s/__init__.py", path) : NULL;
		if (init && ff_host_mode_is(ctx->host, init, S_IFREG))
			return ff_take(&path);
	}
	return NULL;
}

const json_t *ff_package_entry(const struct ff_probe_ctx *ctx, const char *name)
{
	return json_object_get(ff_json_at(ctx->facts, "python.packages"), name);
}

const char *ff_package_version(const struct ff_probe_ctx *ctx, const char *name)
{
	return json_string_value(json_object_get(ff_package_entry(ctx, name), "version"));
}

static char *metadata_path(struct ff_probe_ctx *ctx, const char *location, const char *name)
{
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *err = ff_host_list(ctx->host, location, NAMES_MAX, &names);
	for (size_t i = 0; !err && i < names.n; i++) {
		const char *dash = strchr(names.names[i], '-');
		if (!dash || !ff_ends(names.names[i], ".dist-info"))
			continue;
		struct ff_span its = {names.names[i], (size_t)(dash - names.names[i])};
		if (ff_package_name_equal(its, ff_span_of(name)))
			return ff_path_printf("%s/%s/METADATA", location, names.names[i]);
	}
	return NULL;
}

static void put_requirement(json_t *requires, const char *path, struct ff_span text)
{
	struct ff_requirement r;
	_cleanup_error_ struct ff_error *err = ff_requirement_parse(path, text, &r);
	if (err || memmem(r.marker.p ? r.marker.p : "", r.marker.n, "extra", strlen("extra")))
		return;
	_cleanup_buf_ struct ff_buf name = {0};
	ff_package_name_format(r.name, &name);
	if (!name.failed)
		json_object_set_new(
			requires, name.p, ff_json_string(r.specifiers.p ? r.specifiers.p : "", r.specifiers.n));
}

json_t *ff_package_requires(struct ff_probe_ctx *ctx, const char *name)
{
	const char *location = json_string_value(json_object_get(ff_package_entry(ctx, name), "location"));
	_cleanup_free_ char *path = location ? metadata_path(ctx, location, name) : NULL, *text = NULL;
	size_t n;
	if (!path)
		return NULL;
	struct ff_error *err = ff_host_read(ctx->host, path, HEAD_MAX, &text, &n);
	if (err) {
		ff_miss(ctx, name, err);
		return NULL;
	}
	json_t *requires = json_object();
	struct ff_headers headers = {.rest = {text, n}};
	for (struct ff_span key, value; ff_header_next(&headers, &key, &value);)
		if (ff_span_eq(key, "Requires-Dist"))
			put_requirement(requires, path, value);
	return requires;
}
