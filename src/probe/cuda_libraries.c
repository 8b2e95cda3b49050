// CUDA libraries on the search paths, in pip's and conda's folders and in the loader's cache.
//
//	{"name": "libcudart", "soname": "libcudart.so.12", "version": "12.1.105", "path": "...", "from": "pip"}
// How the source lies: pip's files are named by soname only (libcudart.so.12), so their version is that of the
// distribution; a toolkit's libcudart.so.12 is a link to libcudart.so.12.4.127; conda's and Debian's versions are their
// own numbering; stubs/libcuda.so is for linkers and fails at run time.
#include "probe/cuda_libraries.h"

#include "base/table.h"
#include "parse/ldcache.h"

#include <stdio.h>

enum { NAMES_MAX = 20000, CACHE_MAX = 32 << 20 };

FF_EMBEDDED(ff_table, cuda_libraries);

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/** "libcudart.so.12", "libcudart-d0da41ae.so.11.0" are both libcudart. */
static bool is_named(struct ff_span library, const char *file_name)
{
	if (strncmp(file_name, library.p, library.n) != 0)
		return false;
	const char *rest = file_name + library.n;
	if (*rest == '-') {
		rest++;
		rest += strspn(rest, "0123456789abcdef");
	}
	return strcmp(rest, ".so") == 0 || ff_starts(rest, ".so.");
}

static bool find_row(const char *file_name, struct ff_table_row *ret)
{
	struct ff_table table = ff_table_of(ff_table_cuda_libraries);
	while (ff_table_next(&table, ret))
		if (is_named(ret->cells[0], file_name))
			return true;
	return false;
}

struct ff_span ff_cuda_library_name(const char *file_name)
{
	struct ff_table_row row;
	return find_row(file_name, &row) ? row.cells[0] : (struct ff_span){NULL, 0};
}

/** "12.4.127" of "libcudart.so.12.4.127"; NULL when the name has fewer than two numbers. */
static const char *version_in_name(const char *file_name)
{
	const char *so = strstr(file_name, ".so.");
	return so && strchr(so + 4, '.') ? so + 4 : NULL;
}

/** The installed distribution that put a file into pip's nvidia/ folder. */
static const char *version_of_distribution(const struct ff_probe_ctx *ctx, struct ff_span package, const char *path)
{
	const json_t *packages = ff_json_at(ctx->facts, "python.packages");
	static const char *const endings[] = {"-cu12", "-cu11", ""};
	bool together = strstr(path, "/nvidia/cu13/") || strstr(path, "/nvidia/cu14/");
	for (size_t i = together ? 2 : 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		_cleanup_free_ char *name = NULL;
		if (asprintf(&name, "%.*s%s", (int)package.n, package.p, endings[i]) < 0)
			return NULL;
		const char *version = json_string_value(json_object_get(json_object_get(packages, name), "version"));
		if (version)
			return version;
	}
	return NULL;
}

static bool is_pip(const struct ff_cuda_libraries *libraries, const char *path)
{
	return libraries->site && ff_starts(path, libraries->site) && strstr(path, "/nvidia/");
}

/** Which world a file belongs to, whatever path led to it. */
static const char *origin_of(const struct ff_cuda_libraries *libraries, const char *path, const char *from)
{
	if (strstr(path, "/stubs/"))
		return "stubs";
	if (strstr(path, "/compat/"))
		return "compat";
	if (is_pip(libraries, path))
		return "pip";
	if (libraries->site && ff_starts(path, libraries->site))
		return "torch";
	return from;
}

static json_t *make_entry(struct ff_cuda_libraries *libraries, const char *path, const char *from, const char *real)
{
	struct ff_table_row row;
	const char *file_name = base_name(path);
	if (!find_row(file_name, &row))
		return NULL;
	const char *version = version_in_name(base_name(real));
	const char *origin = origin_of(libraries, real, from);
	if (row.cells[2].n && strcmp(origin, "pip") == 0) {
		const char *installed = version_of_distribution(libraries->ctx, row.cells[2], real);
		version = installed ? installed : version;
	}
	const char *soname = strstr(file_name, ".so.") ? file_name : NULL;
	json_t *entry = json_pack("{s:s%, s:o*, s:o*, s:o*, s:s}", "name", row.cells[0].p, row.cells[0].n, "soname",
		ff_native_text(soname), "version", ff_native_text(version), "path", ff_native_text(path), "from",
		origin);
	if (!entry || json_array_append_new(libraries->list, entry) < 0) {
		libraries->ctx->out_of_memory = true;
		return NULL;
	}
	return entry;
}

/** Names as sonames look are better than links for compilers: "libcudart.so.12" over "libcudart.so" and
    "libcudart.so.12.4". */
static void prefer_soname(json_t *entry, const char *path)
{
	const char *name = base_name(path), *so = strstr(name, ".so.");
	const char *before = json_string_value(json_object_get(entry, "soname"));
	if (!so || (before && strlen(before) <= strlen(name)))
		return;
	json_object_set_new(entry, "soname", ff_native_text(name));
	json_object_set_new(entry, "path", ff_native_text(path));
}

json_t *ff_cuda_entry(struct ff_cuda_libraries *libraries, const char *path, const char *from)
{
	struct stat st;
	struct ff_table_row row;
	if (!find_row(base_name(path), &row))
		return NULL;
	_cleanup_error_ struct ff_error *absent = ff_host_stat(libraries->ctx->host, path, &st);
	if (absent)
		return NULL; // a dangling link, or a cache of another machine
	size_t n = json_array_size(libraries->list);
	for (size_t i = 0; i < n; i++) {
		if (libraries->ids[i].ino != st.st_ino || libraries->ids[i].dev != st.st_dev)
			continue;
		json_t *entry = json_array_get(libraries->list, i);
		prefer_soname(entry, path);
		return entry;
	}
	if (n == sizeof(libraries->ids) / sizeof(libraries->ids[0]))
		return NULL;
	_cleanup_free_ char *real = NULL;
	_cleanup_error_ struct ff_error *err = ff_host_realpath(libraries->ctx->host, path, &real);
	json_t *entry = make_entry(libraries, path, from, err ? path : real);
	if (entry) {
		libraries->ids[n].dev = st.st_dev;
		libraries->ids[n].ino = st.st_ino;
	}
	return entry;
}

/** Say on which paths an entry was met, each once. */
static void add_found_on(struct ff_cuda_libraries *libraries, json_t *entry, const char *from)
{
	json_t *list = json_object_get(entry, "found_on");
	if (!list && json_object_set_new(entry, "found_on", list = json_array()) < 0)
		libraries->ctx->out_of_memory = true;
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		if (strcmp(json_string_value(item), from) == 0)
			return;
	}
	if (json_array_append_new(list, json_string(from)) < 0)
		libraries->ctx->out_of_memory = true;
}

void ff_cuda_look_in(struct ff_cuda_libraries *libraries, const struct ff_cuda_place *place)
{
	_cleanup_names_ struct ff_names names = {0};
	struct ff_error *err = ff_host_list(libraries->ctx->host, place->folder, NAMES_MAX, &names);
	if (err && err->code != FF_EABSENT) {
		ff_miss(libraries->ctx, "cuda.libraries", err);
		return;
	}
	ff_error_destroy(err);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = NULL;
		if (!ff_starts(names.names[i], "lib") || !ff_cuda_library_name(names.names[i]).n)
			continue;
		if (asprintf(&path, "%s/%s", place->folder, names.names[i]) < 0) {
			libraries->ctx->out_of_memory = true;
			return;
		}
		json_t *entry = ff_cuda_entry(libraries, path, place->from);
		if (entry)
			add_found_on(libraries, entry, place->from);
	}
}

void ff_cuda_look_in_cache(struct ff_cuda_libraries *libraries)
{
	static const char file[] = "/etc/ld.so.cache";
	_cleanup_free_ char *text = NULL;
	size_t n;
	struct ff_ldcache cache;
	struct ff_error *err = ff_host_read(libraries->ctx->host, file, CACHE_MAX, &text, &n);
	if (err && err->code == FF_EABSENT) { // musl, or a container without ldconfig
		ff_error_destroy(err);
		return;
	}
	if (!err)
		err = ff_ldcache_init(&cache, file, text, n);
	for (size_t i = 0; !err && i < cache.count; i++) {
		struct ff_ldcache_entry e;
		err = ff_ldcache_at(&cache, i, &e);
		if (err || !ff_starts(e.name, "lib") || !ff_cuda_library_name(base_name(e.path)).n)
			continue;
		json_t *entry = ff_cuda_entry(libraries, e.path, "system");
		if (entry)
			add_found_on(libraries, entry, "ld.so.cache");
	}
	if (err)
		ff_miss(libraries->ctx, "cuda.libraries", err);
}
