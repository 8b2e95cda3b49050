// firstfix.libs/1 of an installed package: each of its native files, with what it would not find in a Python that has
// imported torch. Alone, most extensions find nothing: they count on torch's libraries being loaded already.
//
//	{"schema": "firstfix.libs/1", "package": "flash_attn", "files": [{"file": "...", "gpu": {...}, "missing": [...]}], "ok": false}
// How the source lies: a package of this name can lie in several folders of the path; Python imports the first.
// flash_attn has its code beside its folder (flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so).
#include "probe/native_world.h"

#include <stdio.h>

enum { NAMES_MAX = 20000, FILES_MAX = 200, DEPTH_MAX = 4 };

struct walk {
	struct ff_probe_ctx ctx;
	struct ff_world world;
	json_t *files;
	bool ok;
};

/** What one file would not find, and its loading. */
static struct ff_error *try_to_load(struct walk *w, const char *path, json_t *doc)
{
	size_t object;
	if (!w->world.ld)
		return NULL;
	struct ff_error *err = ff_loader_open(w->world.ld, path, 0, &object);
	if (!err)
		err = ff_native_problems(w->world.ld, object, doc);
	if (!err)
		err = ff_native_torch_symbols(
			w->ctx.host, w->world.ld, object, ff_json_text(w->ctx.facts, "torch.version"), doc);
	if (json_object_get(doc, "missing") || json_object_get(doc, "missing_versions") ||
		json_object_get(doc, "missing_symbols"))
		w->ok = false;
	return err;
}

static struct ff_error *look_at_file(struct walk *w, const char *path)
{
	_cleanup_json_ json_t *doc = NULL;
	if (json_array_size(w->files) >= FILES_MAX)
		return NULL;
	struct ff_error *err = ff_native_describe(w->ctx.host, path, &doc);
	if (!err)
		err = try_to_load(w, path, doc);
	if (err && err->code != FF_ENOMEM) { // a file that is no library says so in its place
		_cleanup_json_ json_t *bad =
			json_pack("{s:o*, s:o*}", "file", ff_native_text(path), "error", ff_native_text(err->message));
		ff_error_destroy(err);
		w->ok = false;
		return json_array_append(w->files, bad) < 0 ? &ff_enomem : NULL;
	}
	return err ? err : json_array_append(w->files, doc) < 0 ? &ff_enomem : NULL;
}

static struct ff_error *look_in(struct walk *w, const char *folder, const char *prefix, unsigned depth)
{
	_cleanup_names_ struct ff_names names = {0};
	struct ff_error *err = ff_host_list(w->ctx.host, folder, NAMES_MAX, &names);
	if (err) { // a folder that cannot be listed holds nothing for us
		ff_error_destroy(err);
		return NULL;
	}
	for (size_t i = 0; !err && i < names.n; i++) {
		_cleanup_free_ char *path = NULL;
		if (!ff_starts(names.names[i], prefix))
			continue;
		if (asprintf(&path, "%s/%s", folder, names.names[i]) < 0)
			return &ff_enomem;
		bool library = ff_ends(path, ".so") || strstr(names.names[i], ".so.");
		if (library && ff_host_mode_is(w->ctx.host, path, S_IFREG))
			err = look_at_file(w, path);
		else if (depth < DEPTH_MAX && !strchr(names.names[i], '.') && !*prefix &&
			ff_host_mode_is(w->ctx.host, path, S_IFDIR))
			err = look_in(w, path, "", depth + 1);
	}
	return err;
}

struct ff_error *ff_native_libs_package(struct ff_host *host, json_t *facts, const char *package, json_t **ret)
{
	_cleanup_json_ json_t *delta = json_object();
	_cleanup_json_ json_t *files = json_array();
	struct walk w = {
		.ctx = {.host = host, .facts = facts, .delta = delta, .probe = "libs"}, .files = files, .ok = true};
	const char *site = NULL;
	_cleanup_free_ char *folder = ff_world_find(&w.ctx, package, &site);
	if (!folder)
		return ff_error_create(
			FF_EABSENT, "%s: no such file, and no package of this name on the interpreter's path", package);
	struct ff_error *err = ff_world_init(&w.ctx, &w.world);
	if (!err)
		err = look_in(&w, folder, "", 0);
	if (!err)
		err = look_in(&w, site, package, DEPTH_MAX);
	ff_world_deinit(&w.world);
	if (err)
		return err;
	json_t *doc = json_pack("{s:s, s:o*, s:o*, s:O, s:b}", "schema", "firstfix.libs/1", "package",
		ff_native_text(package), "location", ff_native_text(folder), "files", files, "ok", w.ok);
	if (!doc)
		return &ff_enomem;
	*ret = doc;
	return NULL;
}
