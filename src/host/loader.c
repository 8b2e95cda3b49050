// Mapping objects as ld.so does, on paper: a name is first sought among what is mapped (SONAME, names asked before),
// then along the places of loader_search.c; dependencies follow breadth first. One ELF header read per file, however
// often named.
// How the source lies: a file of another machine or class is passed over silently, but one that is no ELF file at all
// (a linker script, an empty file) ends the search and the program with it.
//
//	libcusparse.so.12 of libtorch_cuda.so: RPATH of libtorch_cuda.so, piece 9
//	libnvJitLink.so.12 of libcusparse.so.12: LD_LIBRARY_PATH, piece 1
#include "host/bytes.h"
#include "host/loader_private.h"

#include <stdio.h>

enum { PRELOAD_MAX = 65536 };

const char *ff_ld_rule_name(enum ff_ld_rule rule)
{
	static const char *const names[] = {
		[FF_LD_NOT_FOUND] = "not found",
		[FF_LD_PROGRAM] = "program",
		[FF_LD_INTERPRETER] = "interpreter",
		[FF_LD_PRELOAD] = "LD_PRELOAD",
		[FF_LD_BY_PATH] = "path",
		[FF_LD_RPATH] = "RPATH",
		[FF_LD_LIBRARY_PATH] = "LD_LIBRARY_PATH",
		[FF_LD_RUNPATH] = "RUNPATH",
		[FF_LD_CACHE] = "ld.so.cache",
		[FF_LD_DEFAULT] = "default folder",
		[FF_LD_LOADED] = "already loaded",
	};
	return names[rule];
}

struct ff_error *ff_loader_create(struct ff_host *host, const struct ff_ld_options *options, struct ff_loader **ret)
{
	_cleanup_loader_ struct ff_loader *ld = calloc(1, sizeof(*ld));
	if (!ld)
		return &ff_enomem;
	ld->host = host;
	const char *path =
		options && options->library_path ? options->library_path : ff_host_getenv(host, "LD_LIBRARY_PATH");
	const char *preload = options && options->preload ? options->preload : ff_host_getenv(host, "LD_PRELOAD");
	ld->library_path = strdup(path ? path : "");
	ld->preload = strdup(preload ? preload : "");
	if (!ld->library_path || !ld->preload)
		return &ff_enomem;
	*ret = ff_take(&ld);
	return NULL;
}

static void free_object(struct ff_ld_object *o)
{
	for (size_t i = 0; o->needs && i < o->elf->needed_n; i++)
		ff_error_destroy(o->needs[i].err);
	free(o->needs);
	ff_elf_destroy(o->elf);
	free(o->path);
	free(o->name);
}

void ff_loader_destroy(struct ff_loader *ld)
{
	if (!ld)
		return;
	for (size_t i = 0; i < ld->n; i++) {
		free_object(&ld->objects[i]);
		free(ld->places[i].at);
	}
	for (size_t i = 0; i < ld->folders_n; i++)
		free(ld->folders[i].path);
	for (size_t i = 0; i < ld->names_n; i++)
		free(ld->names[i].name);
	free(ld->objects);
	free(ld->places);
	free(ld->folders);
	free(ld->names);
	free(ld->cache_text);
	free(ld->library_path);
	free(ld->preload);
	free(ld);
}

void ff_loader_forget(struct ff_loader *ld, size_t n)
{
	while (ld->n > n) {
		ld->n--;
		free_object(&ld->objects[ld->n]);
		free(ld->places[ld->n].at);
	}
	while (ld->names_n && ld->names[ld->names_n - 1].object >= n)
		free(ld->names[--ld->names_n].name);
}

size_t ff_loader_count(const struct ff_loader *ld)
{
	return ld->n;
}

const struct ff_ld_object *ff_loader_object(const struct ff_loader *ld, size_t i)
{
	return &ld->objects[i];
}

ssize_t ff_loader_find(const struct ff_loader *ld, const char *name)
{
	for (size_t i = 0; i < ld->n; i++) {
		const struct ff_ld_object *o = &ld->objects[i];
		if (strcmp(o->path, name) == 0 || (o->elf->soname && strcmp(o->elf->soname, name) == 0))
			return (ssize_t)i;
	}
	for (size_t i = 0; i < ld->names_n; i++)
		if (strcmp(ld->names[i].name, name) == 0)
			return (ssize_t)ld->names[i].object;
	return -1;
}

static struct ff_error *add_name(struct ff_loader *ld, const char *name, size_t object)
{
	if (ld->names_n == LD_NAMES_MAX)
		return ff_error_create(FF_ELIMIT, "more than %d names of libraries", LD_NAMES_MAX);
	if (!ld->names)
		ld->names = calloc(LD_NAMES_MAX, sizeof(*ld->names));
	char *copy = strdup(name);
	if (!ld->names || !copy) {
		free(copy);
		return &ff_enomem;
	}
	ld->names[ld->names_n++] = (struct ld_name){copy, object};
	return NULL;
}

static struct ff_error *grow(struct ff_loader *ld)
{
	if (ld->n < ld->cap)
		return NULL;
	if (ld->n == LD_OBJECTS_MAX)
		return ff_error_create(FF_ELIMIT, "more than %d libraries", LD_OBJECTS_MAX);
	size_t cap = ld->cap ? ld->cap * 2 : 64;
	struct ff_ld_object *objects = realloc(ld->objects, cap * sizeof(*objects));
	if (!objects)
		return &ff_enomem;
	ld->objects = objects;
	struct ld_places *places = realloc(ld->places, cap * sizeof(*places));
	if (!places)
		return &ff_enomem;
	ld->places = places;
	ld->cap = cap;
	return NULL;
}

/** What a file turned out to be. */
enum verdict { TAKEN, PASSED_OVER, BROKEN };

/** Is the file at `path` one this loader would map? Maps it, or finds it mapped. ret_err is set when BROKEN. */
static enum verdict try_file(
	struct ff_loader *ld, const char *path, const struct ff_ld_object *like, size_t *ret, struct ff_error **ret_err)
{
	struct stat st;
	_cleanup_error_ struct ff_error *absent = ff_host_stat(ld->host, path, &st);
	if (absent)
		return PASSED_OVER;
	for (size_t i = 0; i < ld->n; i++) {
		if (ld->objects[i].dev == st.st_dev && ld->objects[i].ino == st.st_ino) {
			*ret = i;
			return TAKEN;
		}
	}
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_error_ struct ff_error *closed = ff_file_open(ld->host, path, &file);
	if (closed)
		return PASSED_OVER;
	_cleanup_elf_ struct ff_elf *elf = NULL;
	struct ff_error *err = ff_elf_create(&file.bytes, &elf);
	if (!err && elf->loaded_end > file.bytes.size)
		err = ff_error_format(path, file.bytes.size, "the file is cut short: %llu bytes are to be loaded",
			(unsigned long long)elf->loaded_end);
	if (!err && ld->n && (elf->elf_class != ELFCLASS64 || elf->machine != ld->machine))
		return PASSED_OVER;
	if (!err)
		err = grow(ld);
	char *path_copy = err ? NULL : strdup(path), *name = err ? NULL : strdup(like->name);
	if (!err && (!path_copy || !name))
		err = &ff_enomem;
	if (err) {
		free(path_copy);
		free(name);
		*ret_err = err;
		return BROKEN;
	}
	elf->bytes = NULL;
	ld->places[ld->n] = (struct ld_places){0};
	ld->objects[ld->n] = (struct ff_ld_object){.path = path_copy,
		.name = name,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.elf = ff_take(&elf),
		.loader = like->loader,
		.choice = like->choice};
	*ret = ld->n++;
	return TAKEN;
}

/** One possible file at a place; false ends the search. */
typedef bool (*try_function)(struct ff_loader *ld, const char *path, const struct ff_ld_choice *choice, void *arg);

static bool is_default_folder(const struct ff_loader *ld, const char *path)
{
	const char *slash = strrchr(path, '/');
	for (size_t i = 0; slash && ld->defaults[i]; i++)
		if (strlen(ld->defaults[i]) == (size_t)(slash - path) && ff_starts(path, ld->defaults[i]))
			return true;
	return false;
}

/** All paths at one place: the processor's folders, then the folder itself. False when `each` ended it. */
static bool each_in_place(
	struct ff_loader *ld, const char *name, size_t by, const struct ld_place *place, try_function each, void *arg)
{
	struct ff_ld_choice choice = {.rule = place->rule, .by = place->by, .entry = place->entry};
	if (place->rule == FF_LD_CACHE) {
		const char *path = ff_ldcache_find(&ld->cache, name, ld->cache_flags, ld->subdirs);
		bool refused = path && (ld->objects[by].elf->flags_1 & DF_1_NODEFLIB) && is_default_folder(ld, path);
		return !path || refused || each(ld, path, &choice, arg);
	}
	const struct ld_folder *folder = &ld->folders[place->folder];
	choice.folder = folder->path;
	char path[4096];
	for (size_t i = 0; folder->hwcaps && ld->subdirs[i]; i++) {
		int n = snprintf(path, sizeof(path), "%s/glibc-hwcaps/%s/%s", folder->path, ld->subdirs[i], name);
		if (n < (int)sizeof(path) && !each(ld, path, &choice, arg))
			return false;
	}
	const char *slash = folder->path[1] ? "/" : "";
	int n = snprintf(path, sizeof(path), "%s%s%s", folder->path, slash, name);
	return n >= (int)sizeof(path) || each(ld, path, &choice, arg);
}

static struct ff_error *each_path(struct ff_loader *ld, const char *name, size_t by, try_function each, void *arg)
{
	const struct ld_places *places;
	struct ff_error *err = ff_ld_places_of(ld, by, &places);
	if (err)
		return err;
	size_t n = places->n;
	for (size_t i = 0; i < n; i++) {
		if (++ld->tries > LD_TRIES_MAX)
			return ff_error_create(FF_ELIMIT,
				"%s: the search for %.100s and others takes more than %d tries", ld->objects[by].path,
				name, LD_TRIES_MAX);
		struct ld_place place = ld->places[by].at[i];
		if (!each_in_place(ld, name, by, &place, each, arg))
			return NULL;
	}
	return NULL;
}

struct search {
	struct ff_ld_object like; // what the new object shall be
	size_t found;
	enum verdict verdict;
	struct ff_error *err;
};

static bool map_first(struct ff_loader *ld, const char *path, const struct ff_ld_choice *choice, void *arg)
{
	struct search *s = arg;
	s->like.choice = *choice;
	s->verdict = try_file(ld, path, &s->like, &s->found, &s->err);
	return s->verdict == PASSED_OVER;
}

/** Find and map `name` for object `by`, as for a NEEDED entry. Only running out of memory is an error of ours. */
static struct ff_error *map_name(
	struct ff_loader *ld, const char *name, size_t by, enum ff_ld_rule because, struct ff_ld_need *ret)
{
	*ret = (struct ff_ld_need){.name = name, .object = ff_loader_find(ld, name)};
	if (ret->object >= 0) {
		ret->choice.rule = FF_LD_LOADED;
		return NULL;
	}
	struct search s = {.like = {.name = (char *)name, .loader = by}, .verdict = PASSED_OVER};
	struct ff_error *err = NULL;
	if (strchr(name, '/')) {
		_cleanup_free_ char *path = NULL;
		err = ff_ld_expand(ld, ff_span_of(name), by, &path);
		if (!err)
			map_first(ld, path, &(struct ff_ld_choice){.rule = FF_LD_BY_PATH}, &s);
	} else {
		err = each_path(ld, name, by, map_first, &s);
	}
	if (err)
		return err;
	if (s.err && s.err->code == FF_ENOMEM)
		return s.err;
	ret->choice = s.like.choice;
	ret->err = s.err;
	if (s.verdict == PASSED_OVER)
		ret->choice = (struct ff_ld_choice){.rule = FF_LD_NOT_FOUND};
	if (s.verdict != TAKEN)
		return NULL;
	ret->object = (ssize_t)s.found;
	if (because != FF_LD_NOT_FOUND)
		ld->objects[s.found].choice.rule = ret->choice.rule = because;
	const char *soname = ld->objects[s.found].elf->soname;
	bool known = strcmp(ld->objects[s.found].path, name) == 0 || (soname && strcmp(soname, name) == 0);
	return known ? NULL : add_name(ld, name, s.found);
}

static struct ff_error *resolve_needs(struct ff_loader *ld, size_t object)
{
	size_t n = ld->objects[object].elf->needed_n;
	if (ld->objects[object].needs || !n)
		return NULL;
	struct ff_ld_need *needs = calloc(n, sizeof(*needs));
	if (!needs)
		return &ff_enomem;
	ld->objects[object].needs = needs;
	for (size_t i = 0; i < n; i++)
		needs[i] = (struct ff_ld_need){.name = ld->objects[object].elf->needed[i], .object = -1};
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *name = NULL;
		struct ff_error *err = ff_ld_expand(ld, ff_span_of(needs[i].name), object, &name);
		if (err)
			return err;
		const char *written = needs[i].name;
		err = map_name(ld, strcmp(name, written) == 0 ? written : name, object, FF_LD_NOT_FOUND, &needs[i]);
		needs[i].name = written;
		if (err)
			return err;
	}
	return NULL;
}

/** Add to a list what an object needs and the list does not have yet; `list` has room for every object. */
static void append_needs(const struct ff_ld_object *o, bool *seen, size_t *list, size_t *n)
{
	for (size_t k = 0; o->needs && k < o->elf->needed_n; k++) {
		ssize_t to = o->needs[k].object;
		if (to >= 0 && !seen[to]) {
			seen[to] = true;
			list[(*n)++] = (size_t)to;
		}
	}
}

struct ff_error *ff_loader_closure(const struct ff_loader *ld, size_t root, size_t **ret, size_t *ret_n)
{
	size_t *list = malloc((ld->n + 1) * sizeof(*list)), n = 0;
	_cleanup_free_ bool *seen = calloc(ld->n + 1, sizeof(*seen));
	if (!list || !seen) {
		free(list);
		return &ff_enomem;
	}
	list[n++] = root;
	seen[root] = true;
	for (size_t i = 0; i < n; i++)
		append_needs(&ld->objects[list[i]], seen, list, &n);
	*ret = list;
	*ret_n = n;
	return NULL;
}

/** Map what a list of objects needs, breadth first: a later object's names are found mapped by an earlier one. */
static struct ff_error *load_needs(struct ff_loader *ld, const size_t *first, size_t first_n)
{
	_cleanup_free_ size_t *list = malloc(LD_OBJECTS_MAX * sizeof(*list));
	_cleanup_free_ bool *seen = calloc(LD_OBJECTS_MAX, sizeof(*seen));
	if (!list || !seen)
		return &ff_enomem;
	size_t n = 0;
	for (size_t i = 0; i < first_n; i++) {
		if (!seen[first[i]])
			list[n++] = first[i];
		seen[first[i]] = true;
	}
	for (size_t i = 0; i < n; i++) {
		struct ff_error *err = resolve_needs(ld, list[i]);
		if (err)
			return err;
		append_needs(&ld->objects[list[i]], seen, list, &n);
	}
	return NULL;
}

/** The interpreter is mapped beside every program; libraries that need it find it by SONAME. */
static struct ff_error *map_interpreter(struct ff_loader *ld)
{
	static const struct {
		uint16_t machine;
		const char *path;
	} usual[] = {{EM_X86_64, "/lib64/ld-linux-x86-64.so.2"}, {EM_AARCH64, "/lib/ld-linux-aarch64.so.1"}};
	const char *path = ld->objects[0].elf->interp;
	for (size_t i = 0; !path && i < sizeof(usual) / sizeof(usual[0]); i++)
		if (usual[i].machine == ld->machine)
			path = usual[i].path;
	struct ff_ld_object like = {.name = (char *)path, .choice = {.rule = FF_LD_INTERPRETER}};
	size_t found;
	_cleanup_error_ struct ff_error *broken =
		NULL; // a program whose ld.so is missing does not start: its needs say it
	if (path)
		try_file(ld, path, &like, &found, &broken);
	return NULL;
}

static struct ff_error *preload(struct ff_loader *ld, const char *names, size_t *list, size_t *n, size_t max)
{
	for (const char *p = names; *p && *n < max;) {
		size_t length = strcspn(p, " :\n\t");
		_cleanup_free_ char *name = ff_span_dup((struct ff_span){p, length});
		struct ff_ld_need need = {.object = -1};
		if (!name)
			return &ff_enomem;
		struct ff_error *err = length ? map_name(ld, name, 0, FF_LD_PRELOAD, &need) : NULL;
		if (err)
			return err;
		ff_error_destroy(need.err); // ld.so only warns about a preload that it cannot map
		if (need.object >= 0)
			list[(*n)++] = (size_t)need.object;
		p += length + (p[length] != '\0');
	}
	return NULL;
}

struct ff_error *ff_loader_start(struct ff_loader *ld, const char *path, size_t *ret)
{
	struct ff_ld_object like = {.name = (char *)path, .choice = {.rule = FF_LD_PROGRAM}};
	struct stat st;
	size_t program = 0;
	struct ff_error *err = ff_host_stat(ld->host, path, &st);
	if (err)
		return err;
	if (try_file(ld, path, &like, &program, &err) != TAKEN)
		return err ? err : ff_error_create(FF_EDENIED, "%s: cannot be read", path);
	ld->machine = ld->objects[0].elf->machine;
	if (ld->objects[0].elf->elf_class != ELFCLASS64)
		return ff_error_create(FF_EUNSUPPORTED, "%s: a 32-bit file", path);
	err = ff_ld_learn_machine(ld);
	if (!err)
		err = map_interpreter(ld);
	size_t list[64] = {program}, n = 1;
	if (!err)
		err = preload(ld, ld->preload, list, &n, 64);
	_cleanup_free_ char *file = NULL;
	_cleanup_error_ struct ff_error *none = ff_host_read(ld->host, "/etc/ld.so.preload", PRELOAD_MAX, &file, NULL);
	if (!err && file)
		err = preload(ld, file, list, &n, 64);
	if (!err)
		err = load_needs(ld, list, n);
	if (!err)
		*ret = program;
	return err;
}

struct ff_error *ff_loader_open(struct ff_loader *ld, const char *name, size_t caller, size_t *ret)
{
	_cleanup_free_ char *copy = strdup(name);
	struct ff_ld_need need;
	if (!copy)
		return &ff_enomem;
	struct ff_error *err = map_name(ld, copy, caller, FF_LD_NOT_FOUND, &need);
	if (err)
		return err;
	if (need.err)
		return need.err;
	if (need.object < 0)
		return ff_error_create(FF_EABSENT, "%s: cannot open shared object file", name);
	size_t object = (size_t)need.object;
	err = load_needs(ld, &object, 1);
	if (!err)
		*ret = object;
	return err;
}

struct candidates {
	bool (*each)(const char *path, const struct ff_ld_choice *choice, void *arg);
	void *arg;
};

static bool tell_candidate(struct ff_loader *ld, const char *path, const struct ff_ld_choice *choice, void *arg)
{
	const struct candidates *c = arg;
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_elf_ struct ff_elf *elf = NULL;
	_cleanup_error_ struct ff_error *err = ff_file_open(ld->host, path, &file);
	if (!err)
		err = ff_elf_create(&file.bytes, &elf);
	if (err || elf->elf_class != ELFCLASS64 || elf->machine != ld->machine)
		return true;
	return c->each(path, choice, c->arg);
}

struct ff_error *ff_loader_candidates(struct ff_loader *ld, const char *name, size_t by,
	bool (*each)(const char *path, const struct ff_ld_choice *choice, void *arg), void *arg)
{
	return each_path(ld, name, by, tell_candidate, &(struct candidates){each, arg});
}
