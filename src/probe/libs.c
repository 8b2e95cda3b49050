// firstfix.libs/1: one library or program, seen as ldd, cuobjdump --list-elf and readelf -V would show it, without
// running it.
//
//	{"schema": "firstfix.libs/1", "file": "...", "machine": "x86_64", "gpu": {"archs": ["sm_80"]}, "dependencies":
//	 [{"name": "libc.so.6", "path": "/lib/...", "because": "ld.so.cache", "needed_by": ["libx.so"]}], "ok": true}
// How the source lies: what is found here is what a program of its own would find; inside a running Python other copies
// may be loaded already. `firstfix report` plays that order through.
#include "host/bytes.h"
#include "probe/native.h"

static const char *type_name(uint16_t type, bool has_interpreter)
{
	if (type == ET_EXEC || (type == ET_DYN && has_interpreter))
		return "program";
	return type == ET_DYN ? "library" : type == ET_REL ? "object file" : "other";
}

/** {"libc.so.6": ["GLIBC_2.2.5", ...]} */
static json_t *versions_needed(const struct ff_elf *elf)
{
	_cleanup_json_ json_t *versions = json_object();
	for (size_t i = 0; versions && i < elf->needs_n; i++) {
		json_t *list = json_object_get(versions, elf->needs[i].file);
		if (!list && json_object_set_new(versions, elf->needs[i].file, list = json_array()) < 0)
			continue; // a name that is not UTF-8 names no library
		if (json_array_append_new(list, ff_native_text(elf->needs[i].version)) < 0)
			return NULL;
	}
	return ff_take(&versions);
}

/** Names of the listed objects that need object `to`. */
static json_t *needed_by(const struct ff_loader *ld, const size_t *list, size_t n, size_t to)
{
	_cleanup_json_ json_t *names = json_array();
	for (size_t i = 0; names && i < n; i++) {
		const struct ff_ld_object *o = ff_loader_object(ld, list[i]);
		const char *slash = strrchr(o->path, '/');
		for (size_t k = 0; o->needs && k < o->elf->needed_n; k++)
			if (o->needs[k].object == (ssize_t)to &&
				json_array_append_new(names, ff_native_text(slash ? slash + 1 : o->path)) < 0)
				return NULL;
	}
	return ff_take(&names);
}

static struct ff_error *dependencies(const struct ff_loader *ld, json_t **ret)
{
	_cleanup_free_ size_t *list = NULL;
	size_t n;
	struct ff_error *err = ff_loader_closure(ld, 0, &list, &n);
	if (err)
		return err;
	_cleanup_json_ json_t *all = json_array();
	for (size_t i = 1; all && i < n; i++) {
		const struct ff_ld_object *o = ff_loader_object(ld, list[i]);
		_cleanup_free_ char *because = NULL;
		err = ff_native_because(ld, &o->choice, &because);
		if (err)
			return err;
		json_t *one = json_pack("{s:o*, s:o*, s:o*, s:o*, s:o}", "name", ff_native_text(o->name), "path",
			ff_native_text(o->path), "because", ff_native_text(because), "folder",
			ff_native_text(o->choice.folder), "needed_by", needed_by(ld, list, n, list[i]));
		if (json_array_append_new(all, one) < 0)
			return &ff_enomem;
	}
	if (!all)
		return &ff_enomem;
	*ret = ff_take(&all);
	return NULL;
}

struct ff_error *ff_native_describe(struct ff_host *host, const char *path, json_t **ret)
{
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_elf_ struct ff_elf *elf = NULL;
	_cleanup_json_ json_t *gpu = NULL;
	struct ff_error *err = ff_native_open(host, path, &file, &elf, &gpu);
	if (err)
		return err;
	char spare[16];
	json_t *own = json_pack("{s:o*, s:s, s:s, s:o*, s:o*, s:o*, s:o*, s:O, s:o, s:{s:I, s:I}}", "file",
		ff_native_text(path), "machine", ff_elf_machine_name(elf->machine, spare), "type",
		type_name(elf->type, elf->interp != NULL), "soname", ff_native_text(elf->soname), "interpreter",
		ff_native_text(elf->interp), "rpath", ff_native_text(elf->rpath), "runpath",
		ff_native_text(elf->runpath), "gpu", gpu, "versions_needed", versions_needed(elf), "read", "size",
		(json_int_t)file.bytes.size, "bytes", (json_int_t)file.bytes.bytes_read);
	if (!own)
		return &ff_enomem;
	*ret = own;
	return NULL;
}

struct ff_error *ff_native_libs(struct ff_host *host, const char *path, json_t **ret)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_loader_ struct ff_loader *ld = NULL;
	_cleanup_json_ json_t *found = NULL;
	size_t program;
	struct ff_error *err = ff_native_describe(host, path, &doc);
	if (!err && json_object_set_new(doc, "schema", json_string("firstfix.libs/1")) < 0)
		err = &ff_enomem;
	if (!err)
		err = ff_loader_create(host, NULL, &ld);
	if (!err)
		err = ff_loader_start(ld, path, &program);
	if (!err)
		err = dependencies(ld, &found);
	if (!err && json_object_set(doc, "dependencies", found) < 0)
		err = &ff_enomem;
	if (!err)
		err = ff_native_problems(ld, program, doc);
	if (err)
		return err;
	bool ok = !json_object_get(doc, "missing") && !json_object_get(doc, "missing_versions");
	if (json_object_set_new(doc, "ok", json_boolean(ok)) < 0)
		return &ff_enomem;
	*ret = ff_take(&doc);
	return NULL;
}
