// Plays `import torch` and says which copy of each CUDA library comes out.
//
//	{"cuda": {"conflicts": [{"library": "libnvJitLink.so.12", "chosen": "/usr/local/cuda-12.1/lib64/libnvJitLink.so.12",
//	 "expected": ".../nvidia/nvjitlink/lib/libnvJitLink.so.12", "because": "LD_LIBRARY_PATH entry 1", "for": "torch",
//	 "needed_by": "libcusparse.so.12", "missing_symbols": ["__nvJitLinkComplete_12_4"]}]}}
// How the source lies: a library that is chosen differently is no failure yet; only a symbol or a version that it lacks
// is.
#include "probe/cuda_choice.h"

#include <stdio.h>

enum { SYMBOLS_TOLD = 8 };

struct choice {
	struct ff_cuda_libraries *libraries;
	struct ff_probe_ctx *ctx;
	struct ff_world world;
	bool lazy;    // what is noted now is loaded when first used
	json_t *told; // paths of conflicts that were told already
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static void set_text(struct choice *c, json_t *object, const char *key, const char *text)
{
	if (text && json_object_set_new(object, key, ff_native_text(text)) < 0)
		c->ctx->out_of_memory = true;
}

static bool failed(struct choice *c, const char *fact, struct ff_error *err)
{
	if (err)
		ff_miss(c->ctx, fact, err);
	return err != NULL;
}

/** pip's own copy of a library, which torch's wheel was built with. */
static json_t *pip_copy(const struct choice *c, const char *soname)
{
	size_t i;
	json_t *entry;
	json_array_foreach (c->libraries->list, i, entry) {
		const char *from = ff_json_text(entry, "from"), *other = ff_json_text(entry, "soname");
		if (from && other && strcmp(from, "pip") == 0 && strcmp(other, soname) == 0)
			return entry;
	}
	return NULL;
}

struct symbols {
	struct choice *choice;
	json_t *list;
};

static void tell_symbol(const char *symbol, void *arg)
{
	struct symbols *s = arg;
	if (json_array_size(s->list) < SYMBOLS_TOLD && json_array_append_new(s->list, ff_native_text(symbol)) < 0)
		s->choice->ctx->out_of_memory = true;
}

/** Symbols that any mapped object takes from `library` and would not get; *ret_by is the first that does. */
static json_t *missing_symbols(struct choice *c, size_t library, const char **ret_by)
{
	struct symbols s = {c, json_array()};
	if (!s.list)
		c->ctx->out_of_memory = true;
	for (size_t i = 0; s.list && i < ff_loader_count(c->world.ld); i++) {
		const struct ff_ld_object *o = ff_loader_object(c->world.ld, i);
		bool needs = false;
		for (size_t k = 0; o->needs && k < o->elf->needed_n; k++)
			needs = needs || o->needs[k].object == (ssize_t)library;
		if (!needs || (strstr(o->path, "/libtorch") && o->elf->needed_n > 12))
			continue; // libtorch_cuda.so has 50,000 symbols; CUDA's own libraries are where versions part
		*ret_by = *ret_by ? *ret_by : o->path;
		size_t before = json_array_size(s.list);
		if (failed(c, "cuda.conflicts", ff_loader_check_symbols(c->world.ld, i, library, tell_symbol, &s)))
			break;
		if (json_array_size(s.list) > before)
			*ret_by = o->path;
	}
	return s.list;
}

static bool tell_candidate(const char *path, const struct ff_ld_choice *choice, void *arg)
{
	(void)choice;
	return json_array_append_new(arg, ff_native_text(path)) == 0;
}

/** Every copy that the object which brought this library would find, in search order. */
static json_t *candidates(struct choice *c, const struct ff_ld_object *o)
{
	json_t *list = json_array();
	failed(c, "cuda.conflicts",
		ff_loader_candidates(c->world.ld, base_name(o->name), o->loader, tell_candidate, list));
	return list;
}

static void tell_conflict(struct choice *c, size_t object, const json_t *entry, const json_t *expected)
{
	const struct ff_ld_object *o = ff_loader_object(c->world.ld, object);
	const char *path = ff_json_text(entry, "path"), *by = NULL;
	_cleanup_free_ char *because = NULL;
	if (!path || json_object_get(c->told, path) ||
		failed(c, "cuda.conflicts", ff_native_because(c->world.ld, &o->choice, &because)))
		return;
	if (json_object_set_new(c->told, path, json_true()) < 0)
		c->ctx->out_of_memory = true;
	_cleanup_json_ json_t *symbols = missing_symbols(c, object, &by);
	json_t *conflict = json_pack("{s:o*, s:O*, s:O*, s:O*, s:O*, s:o*, s:s, s:o*}", "library",
		ff_native_text(base_name(o->name)), "chosen", json_object_get(entry, "path"), "chosen_version",
		json_object_get(entry, "version"), "expected", json_object_get(expected, "path"), "expected_version",
		json_object_get(expected, "version"), "because", ff_native_text(because), "for", "torch", "needed_by",
		ff_native_text(by ? base_name(by) : NULL));
	if (conflict && json_array_size(symbols) && json_object_set(conflict, "missing_symbols", symbols) < 0)
		c->ctx->out_of_memory = true;
	if (conflict && json_object_set_new(conflict, "candidates", candidates(c, o)) < 0)
		c->ctx->out_of_memory = true;
	const char *variable = o->choice.rule == FF_LD_LIBRARY_PATH ? "LD_LIBRARY_PATH"
		: o->choice.rule == FF_LD_PRELOAD		    ? "LD_PRELOAD"
								    : NULL;
	if (conflict)
		set_text(c, conflict, "variable", variable);
	ff_fact_append(c->ctx, "cuda.conflicts", conflict);
}

/** One mapped object: if it is a CUDA library, its entry says who gets it and why. */
static void note_object(struct choice *c, size_t object)
{
	const struct ff_ld_object *o = ff_loader_object(c->world.ld, object);
	json_t *entry = ff_cuda_entry(c->libraries, o->path, "system");
	if (!entry)
		return;
	_cleanup_free_ char *because = NULL;
	if (!json_object_get(entry, "chosen_by")) {
		if (failed(c, "cuda.libraries", ff_native_because(c->world.ld, &o->choice, &because)))
			return;
		set_text(c, entry, "chosen_by", "torch");
		set_text(c, entry, "because", because);
		if (c->lazy && json_object_set_new(entry, "lazy", json_true()) < 0)
			c->ctx->out_of_memory = true;
	}
	json_t *users = json_object_get(entry, "used_by");
	if (!users && json_object_set_new(entry, "used_by", users = json_array()) < 0)
		c->ctx->out_of_memory = true;
	if (json_array_append_new(users, json_string("torch")) < 0)
		c->ctx->out_of_memory = true;
	const json_t *expected = pip_copy(c, base_name(o->name));
	if (expected && expected != entry)
		tell_conflict(c, object, entry, expected);
}

/** All that is mapped below several roots, each object once. */
static void note_roots(struct choice *c, const size_t *roots, size_t roots_n)
{
	_cleanup_free_ bool *seen = calloc(ff_loader_count(c->world.ld) + 1, sizeof(*seen));
	if (!seen)
		c->ctx->out_of_memory = true;
	for (size_t r = 0; seen && r < roots_n; r++) {
		_cleanup_free_ size_t *list = NULL;
		size_t n = 0;
		if (failed(c, "cuda.libraries", ff_loader_closure(c->world.ld, roots[r], &list, &n)))
			return;
		for (size_t i = 0; i < n; i++) {
			if (!seen[list[i]])
				note_object(c, list[i]);
			seen[list[i]] = true;
		}
	}
}

static bool contains(const json_t *list, const json_t *item)
{
	size_t i;
	json_t *other;
	json_array_foreach (list, i, other) {
		if (json_equal(other, item))
			return true;
	}
	return false;
}

/** A CUDA library that is nowhere stands in the list too, without a path. */
static void note_missing(struct choice *c, const json_t *missing)
{
	size_t i;
	json_t *item, *entry;
	json_array_foreach (missing, i, item) {
		const char *soname = ff_json_text(item, "library"), *other;
		struct ff_span name = ff_cuda_library_name(soname ? soname : "");
		size_t k;
		bool listed = false;
		if (!soname || !name.n)
			continue;
		json_array_foreach (c->libraries->list, k, entry) {
			other = ff_json_text(entry, "soname");
			listed = listed || (!json_object_get(entry, "path") && other && strcmp(other, soname) == 0);
		}
		if (!listed &&
			json_array_append_new(c->libraries->list,
				json_pack("{s:s%, s:s, s:O*}", "name", name.p, name.n, "soname", soname, "needed_by",
					json_object_get(item, "needed_by"))) < 0)
			c->ctx->out_of_memory = true;
	}
}

/** Put what is wrong below the roots at "torch.missing<ending>" and "torch.missing_versions<ending>", each once. */
static void put_problems(struct choice *c, const size_t *roots, size_t roots_n, const char *ending)
{
	static const char *const keys[] = {"missing", "missing_versions"};
	_cleanup_json_ json_t *problems = json_object();
	for (size_t i = 0; problems && i < roots_n; i++)
		if (failed(c, "cuda.libraries", ff_native_problems(c->world.ld, roots[i], problems)))
			return;
	note_missing(c, json_object_get(problems, "missing"));
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		_cleanup_json_ json_t *once = json_array();
		size_t i;
		json_t *item;
		char fact[64];
		snprintf(fact, sizeof(fact), "torch.%s%s", keys[k], ending);
		json_array_foreach (json_object_get(problems, keys[k]), i, item) {
			if (!contains(once, item) && json_array_append(once, item) < 0)
				c->ctx->out_of_memory = true;
		}
		if (json_array_size(once))
			ff_fact(c->ctx, fact, ff_take(&once));
	}
}

static void put_torch(struct choice *c)
{
	const size_t *roots = c->world.torch_roots;
	size_t eager = c->world.torch_eager_n, lazy = c->world.torch_roots_n - eager;
	note_roots(c, roots, eager);
	put_problems(c, roots, eager, "");
	c->lazy = true;
	note_roots(c, roots + eager, lazy);
	put_problems(c, roots + eager, lazy, "_later");
	c->lazy = false;
}

void ff_cuda_choose(struct ff_cuda_libraries *libraries)
{
	_cleanup_json_ json_t *told = json_object();
	struct choice c = {.libraries = libraries, .ctx = libraries->ctx, .told = told};
	failed(&c, "cuda.libraries", ff_world_init(c.ctx, &c.world));
	if (c.world.ld && c.world.torch_roots_n) {
		put_torch(&c);
		ff_cuda_try_bitsandbytes(libraries, &c.world);
	}
	if (c.world.ld)
		ff_cuda_try_imports(libraries, &c.world);
	ff_world_deinit(&c.world);
}
