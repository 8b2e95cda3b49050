// Native libraries as facts: what GPU code a file carries, what ld.so would give it, and what it would not find.
//
//	{"file": ".../libtorch_cuda.so", "gpu": {"archs": ["sm_50", "sm_90"]}, "dependencies": [{"name": "libcudart.so.12",
//	 "path": "...", "because": "RPATH of libtorch_cuda.so"}], "missing": [...], "ok": true}
#include "probe/native.h"

#include "parse/fatbin.h"

#include <stdio.h>

static const char *const gpu_lists[] = {
	[FF_CODE_SASS] = "archs", [FF_CODE_PTX] = "ptx", [FF_CODE_LTO] = "lto", [FF_CODE_HIP] = "hip"};

/** Append to the list at `key`, which is made when it is not there. */
static struct ff_error *append(json_t *object, const char *key, json_t *value)
{
	json_t *list = json_object_get(object, key);
	if (!list && json_object_set_new(object, key, list = json_array()) < 0) {
		json_decref(value);
		return &ff_enomem;
	}
	return json_array_append_new(list, value) < 0 ? &ff_enomem : NULL;
}

/** Add to how many kernels' images there are for an architecture. */
static struct ff_error *count(json_t *gpu, const char *name, json_int_t more)
{
	json_t *entries = json_object_get(gpu, "entries");
	if (!entries && json_object_set_new(gpu, "entries", entries = json_object()) < 0)
		return &ff_enomem;
	json_int_t before = json_integer_value(json_object_get(entries, name));
	return json_object_set_new(entries, name, json_integer(before + more)) < 0 ? &ff_enomem : NULL;
}

static struct ff_error *gpu_of(const struct ff_fatbin *code, json_t **ret)
{
	_cleanup_json_ json_t *gpu = json_object();
	uint32_t major = 0, minor = 0;
	for (size_t i = 0; i < code->n; i++) {
		const struct ff_gpu_code *c = &code->codes[i];
		struct ff_error *err = append(gpu, gpu_lists[c->kind], json_string(c->name));
		if (!err)
			err = count(gpu, c->name, (json_int_t)c->entries);
		if (err)
			return err;
		if (c->ptx_major > major || (c->ptx_major == major && c->ptx_minor > minor)) {
			major = c->ptx_major;
			minor = c->ptx_minor;
		}
	}
	if (!gpu || (major && json_object_set_new(gpu, "ptx_isa", json_sprintf("%u.%u", major, minor)) < 0) ||
		(code->opaque && json_object_set_new(gpu, "opaque", json_integer((json_int_t)code->opaque)) < 0))
		return &ff_enomem;
	*ret = ff_take(&gpu);
	return NULL;
}

struct ff_error *ff_native_open(
	struct ff_host *host, const char *path, struct ff_file *file, struct ff_elf **ret_elf, json_t **ret_gpu)
{
	struct ff_fatbin code = {0};
	struct ff_error *err = ff_file_open(host, path, file);
	if (!err)
		err = ff_elf_create(&file->bytes, ret_elf);
	if (!err)
		err = ff_fatbin_of_elf(*ret_elf, &code);
	return err ? err : gpu_of(&code, ret_gpu);
}

struct ff_error *ff_native_gpu(struct ff_host *host, const char *path, json_t **ret)
{
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_elf_ struct ff_elf *elf = NULL;
	return ff_native_open(host, path, &file, &elf, ret);
}

/** The number in "sm_90a", by which lists are sorted. */
static unsigned long arch_number(const char *name)
{
	const char *digits = strpbrk(name, "0123456789");
	return digits ? strtoul(digits, NULL, 10) : 0;
}

static struct ff_error *insert_sorted(json_t *list, json_t *item)
{
	const char *name = json_string_value(item);
	size_t i = 0;
	for (; i < json_array_size(list); i++) {
		const char *other = json_string_value(json_array_get(list, i));
		unsigned long a = arch_number(name), b = arch_number(other);
		int order = a != b ? (a < b ? -1 : 1) : strcmp(name, other);
		if (order == 0)
			return NULL;
		if (order < 0)
			break;
	}
	return json_array_insert(list, i, item) < 0 ? &ff_enomem : NULL;
}

static struct ff_error *merge_list(json_t *into, const json_t *gpu, const char *key)
{
	const json_t *from = json_object_get(gpu, key);
	size_t i;
	json_t *item;
	json_array_foreach (from, i, item) {
		json_t *list = json_object_get(into, key);
		if (!list && json_object_set_new(into, key, list = json_array()) < 0)
			return &ff_enomem;
		struct ff_error *err = insert_sorted(list, item);
		if (err)
			return err;
	}
	return NULL;
}

struct ff_error *ff_native_gpu_merge(json_t *into, const json_t *gpu)
{
	struct ff_error *err = NULL;
	for (size_t i = 0; !err && i < sizeof(gpu_lists) / sizeof(gpu_lists[0]); i++)
		err = merge_list(into, gpu, gpu_lists[i]);
	const char *name;
	json_t *entries;
	json_object_foreach (json_object_get(gpu, "entries"), name, entries) {
		if (!err)
			err = count(into, name, json_integer_value(entries));
	}
	const char *isa = json_string_value(json_object_get(gpu, "ptx_isa"));
	const char *before = json_string_value(json_object_get(into, "ptx_isa"));
	if (!err && isa && (!before || strtod(isa, NULL) > strtod(before, NULL)))
		if (json_object_set(into, "ptx_isa", json_object_get(gpu, "ptx_isa")) < 0)
			return &ff_enomem;
	return err;
}

// Half of the images is the line: what a library is built for stands in every container, what a few kernels alone are
// built for (sm_90a, PTX in libtorch_nvshmem) in a handful.
struct ff_error *ff_native_gpu_narrow(json_t *gpu)
{
	json_t *entries = json_object_get(gpu, "entries"), *number, *item;
	const char *name;
	json_int_t most = 0;
	json_object_foreach (entries, name, number)
		most = json_integer_value(number) > most ? json_integer_value(number) : most;
	for (size_t list = 0; list < sizeof(gpu_lists) / sizeof(gpu_lists[0]); list++) {
		json_t *names = json_object_get(gpu, gpu_lists[list]);
		for (size_t i = json_array_size(names); i-- > 0;) {
			item = json_array_get(names, i);
			if (json_integer_value(json_object_get(entries, json_string_value(item))) * 2 >= most)
				continue;
			struct ff_error *err = append(gpu, "partial", json_incref(item));
			if (err)
				return err;
			json_array_remove(names, i);
		}
		if (names && !json_array_size(names))
			json_object_del(gpu, gpu_lists[list]);
	}
	if (!json_object_get(gpu, "ptx"))
		json_object_del(gpu, "ptx_isa");
	json_object_del(gpu, "entries");
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

struct ff_error *ff_native_because(const struct ff_loader *ld, const struct ff_ld_choice *choice, char **ret)
{
	const char *rule = ff_ld_rule_name(choice->rule);
	char *text = NULL;
	int n;
	if (choice->rule == FF_LD_RPATH || choice->rule == FF_LD_RUNPATH)
		n = asprintf(&text, "%s of %s", rule, base_name(ff_loader_object(ld, choice->by)->path));
	else if (choice->rule == FF_LD_LIBRARY_PATH)
		n = asprintf(&text, "%s entry %u", rule, choice->entry);
	else
		n = asprintf(&text, "%s", rule);
	if (n < 0)
		return &ff_enomem;
	*ret = text;
	return NULL;
}

/** Collects what is wrong; the first failure to do so is kept. */
struct problems {
	const struct ff_loader *ld;
	json_t *into;
	struct ff_error *err;
};

static void note_version(const struct ff_ld_version_miss *miss, void *arg)
{
	struct problems *p = arg;
	if (p->err || miss->weak)
		return;
	p->err = append(p->into, "missing_versions",
		json_pack("{s:o*, s:o*, s:o*, s:o*}", "version", ff_native_text(miss->version), "library",
			ff_native_text(miss->file), "path",
			ff_native_text(ff_loader_object(p->ld, (size_t)miss->library)->path), "needed_by",
			ff_native_text(ff_loader_object(p->ld, miss->object)->path)));
}

static void note_missing(struct problems *p, size_t object)
{
	const struct ff_ld_object *o = ff_loader_object(p->ld, object);
	for (size_t i = 0; o->needs && !p->err && i < o->elf->needed_n; i++) {
		const struct ff_ld_need *need = &o->needs[i];
		if (need->object >= 0)
			continue;
		p->err = append(p->into, "missing",
			json_pack("{s:o*, s:o*, s:o*}", "library", ff_native_text(need->name), "needed_by",
				ff_native_text(o->path), "error",
				ff_native_text(need->err ? need->err->message : NULL)));
	}
}

struct ff_error *ff_native_problems(const struct ff_loader *ld, size_t root, json_t *into)
{
	_cleanup_free_ size_t *list = NULL;
	size_t n;
	struct problems p = {.ld = ld, .into = into, .err = ff_loader_closure(ld, root, &list, &n)};
	for (size_t i = 0; !p.err && i < n; i++) {
		note_missing(&p, list[i]);
		ff_loader_check_versions(ld, list[i], note_version, &p);
	}
	return p.err;
}
