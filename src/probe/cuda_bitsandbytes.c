// What each library of bitsandbytes would get if it were loaded after torch. One is loaded and forgotten before the
// next, so that none finds what another brought.
//
//	{"bitsandbytes": {"library_needs": {"libbitsandbytes_cuda118.so": ["libcudart.so.11.0", "libc.so.6"]},
//	 "resolved": {"libc.so.6": {"path": "/lib/...", "because": "already loaded"}, "libcudart.so.11.0": {}}}}
// How the source lies: bitsandbytes' files have no RPATH at all; what they find, they find because torch has loaded it.
#include "probe/cuda_choice.h"

#include <stdio.h>

enum { NAMES_MAX = 4096, LIBRARIES_MAX = 64 };

struct trial {
	struct ff_cuda_libraries *libraries;
	struct ff_probe_ctx *ctx;
	struct ff_world *world;
	json_t *needs, *resolved, *missing_versions;
};

static bool failed(struct trial *t, struct ff_error *err)
{
	if (err)
		ff_miss(t->ctx, "bitsandbytes.needs", err);
	return err != NULL;
}

/** One soname and what it leads to; nothing is put where nothing was found. */
static void note_resolved(struct trial *t, const struct ff_ld_need *need)
{
	_cleanup_free_ char *because = NULL;
	if (json_object_get(t->resolved, need->name))
		return;
	if (need->object >= 0 && failed(t, ff_native_because(t->world->ld, &need->choice, &because)))
		return;
	const char *path = need->object < 0 ? NULL : ff_loader_object(t->world->ld, (size_t)need->object)->path;
	const json_t *entry = path ? ff_cuda_entry(t->libraries, path, "system") : NULL;
	if (entry && ff_json_text(entry, "path")) // without the "/../" of an RPATH
		path = ff_json_text(entry, "path");
	json_t *what = json_pack("{s:o*, s:o*, s:O*, s:o*}", "path", ff_native_text(path), "because",
		ff_native_text(because), "version", json_object_get(entry, "version"), "error",
		ff_native_text(need->err ? need->err->message : NULL));
	if (!what || json_object_set_new(t->resolved, need->name, what) < 0)
		t->ctx->out_of_memory |= !what; // a name that is not UTF-8 names no library
}

/** What the file needs itself, and what is missing anywhere below it. */
static json_t *names_needed(struct trial *t, size_t root)
{
	_cleanup_free_ size_t *list = NULL;
	_cleanup_json_ json_t *names = json_array();
	size_t n = 0;
	if (failed(t, ff_loader_closure(t->world->ld, root, &list, &n)))
		return NULL;
	for (size_t i = 0; names && i < n; i++) {
		const struct ff_ld_object *o = ff_loader_object(t->world->ld, list[i]);
		for (size_t k = 0; o->needs && k < o->elf->needed_n; k++) {
			if (i > 0 && o->needs[k].object >= 0)
				continue;
			note_resolved(t, &o->needs[k]);
			if (json_array_append_new(names, ff_native_text(o->needs[k].name)) < 0)
				return NULL;
		}
	}
	return ff_take(&names);
}

static void try_library(struct trial *t, const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *problems = json_object();
	size_t before = ff_loader_count(t->world->ld), root;
	if (!problems || asprintf(&path, "%s/%s", folder, name) < 0) {
		t->ctx->out_of_memory = true;
		return;
	}
	if (failed(t, ff_loader_open(t->world->ld, path, 0, &root)))
		return;
	json_t *names = names_needed(t, root);
	if (!names || json_object_set_new(t->needs, name, names) < 0)
		t->ctx->out_of_memory |= !names;
	const json_t *versions = NULL;
	if (!failed(t, ff_native_problems(t->world->ld, root, problems)))
		versions = json_object_get(problems, "missing_versions");
	if (versions && json_object_set(t->missing_versions, name, json_object_get(problems, "missing_versions")) < 0)
		t->ctx->out_of_memory = true;
	ff_loader_forget(t->world->ld, before);
}

static void put(struct trial *t, const char *fact, json_t *value)
{
	if (json_object_size(value))
		ff_fact(t->ctx, fact, json_incref(value));
}

void ff_cuda_try_bitsandbytes(struct ff_cuda_libraries *libraries, struct ff_world *world)
{
	_cleanup_free_ char *folder = ff_world_find(libraries->ctx, "bitsandbytes", NULL);
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_json_ json_t *needs = json_object(), *resolved = json_object(), *versions = json_object();
	struct trial t = {libraries, libraries->ctx, world, needs, resolved, versions};
	if (!folder || !needs || !resolved || !versions)
		return;
	if (failed(&t, ff_host_list(t.ctx->host, folder, NAMES_MAX, &names)))
		return;
	for (size_t i = 0, tried = 0; i < names.n && tried < LIBRARIES_MAX; i++) {
		if (!ff_starts(names.names[i], "libbitsandbytes") || !ff_ends(names.names[i], ".so"))
			continue;
		try_library(&t, folder, names.names[i]);
		tried++;
	}
	put(&t, "bitsandbytes.library_needs", needs);
	put(&t, "bitsandbytes.resolved", resolved);
	put(&t, "bitsandbytes.library_missing_versions", versions);
}
