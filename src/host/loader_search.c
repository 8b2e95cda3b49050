// Where ld.so looks for a library, in order, for the object that needs it:
//	DT_RPATH of the object, of who loaded it, ... and of the program, unless the object has a DT_RUNPATH;
//	LD_LIBRARY_PATH; DT_RUNPATH of the object; /etc/ld.so.cache; the default folders.
// How the source lies: an RPATH stops counting when the same object has a RUNPATH too; a RUNPATH is not inherited, so a
// library found beside torch looks for its own needs elsewhere (torch's RPATH finds libcusparse, whose RUNPATH then
// loses to LD_LIBRARY_PATH); folders of the processor's level (glibc-hwcaps/x86-64-v3) come before each folder itself.
#include "host/loader_private.h"

#include <stdio.h>

enum { CACHE_MAX = 32 << 20, CPUINFO_READ = 8192 };

static const char *const debian_x86[] = {
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib", NULL};
static const char *const debian_arm[] = {
	"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib", "/usr/lib", NULL};
static const char *const plain64[] = {"/lib64", "/usr/lib64", NULL};

/** What differs between processors, and the sign of a multiarch distribution. */
static const struct {
	uint16_t machine;
	uint32_t cache_flags;
	const char *multiarch, *multiarch_lib, *platform;
	const char *const *multiarch_folders;
} machines[] = {
	{EM_X86_64, FF_LDCACHE_X86_64, "/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "x86_64", debian_x86},
	{EM_AARCH64, FF_LDCACHE_AARCH64, "/lib/aarch64-linux-gnu", "lib/aarch64-linux-gnu", "aarch64", debian_arm},
};

/** The processor's glibc-hwcaps folders: level 4 has them all. */
static const char *const levels[] = {"x86-64-v4", "x86-64-v3", "x86-64-v2", NULL};
static const char *const level_flags[][12] = {
	{" avx512f ", " avx512bw ", " avx512cd ", " avx512dq ", " avx512vl ", NULL},
	{" avx ", " avx2 ", " bmi1 ", " bmi2 ", " f16c ", " fma ", " abm ", " movbe ", NULL},
	{" cx16 ", " lahf_lm ", " popcnt ", " pni ", " sse4_1 ", " sse4_2 ", " ssse3 ", NULL},
};

static bool has_level(const char *cpuinfo, size_t level)
{
	for (const char *const *flag = level_flags[level]; *flag; flag++)
		if (!strstr(cpuinfo, *flag))
			return false;
	return true;
}

static void learn_processor(struct ff_loader *ld)
{
	ld->subdirs = &levels[3];
	_cleanup_close_ int fd = -1;
	_cleanup_error_ struct ff_error *err = ff_host_open(ld->host, "/proc/cpuinfo", &fd);
	if (err || ld->machine != EM_X86_64)
		return;
	char text[CPUINFO_READ + 1]; // the first processor's flags stand in the first kilobytes
	ssize_t n = read(fd, text, CPUINFO_READ);
	text[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = ' ';
	size_t level = 3;
	while (level > 0 && has_level(text, level - 1))
		level--;
	ld->subdirs = &levels[level];
}

struct ff_error *ff_ld_learn_machine(struct ff_loader *ld)
{
	ld->defaults = plain64;
	ld->lib = "lib64";
	ld->platform = "";
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (machines[i].machine != ld->machine)
			continue;
		ld->cache_flags = machines[i].cache_flags;
		ld->platform = machines[i].platform;
		if (ff_host_mode_is(ld->host, machines[i].multiarch, S_IFDIR)) {
			ld->defaults = machines[i].multiarch_folders;
			ld->lib = machines[i].multiarch_lib;
		}
	}
	learn_processor(ld);
	size_t n;
	struct ff_error *err = ff_host_read(ld->host, "/etc/ld.so.cache", CACHE_MAX, &ld->cache_text, &n);
	if (err && err->code == FF_ENOMEM)
		return err;
	if (!err)
		err = ff_ldcache_init(&ld->cache, "/etc/ld.so.cache", ld->cache_text, n);
	if (err) { // no cache, or one that the loader would not read either: it goes on with the default folders
		ff_error_destroy(err);
		free(ff_take(&ld->cache_text));
	}
	return NULL;
}

static bool token_at(const char *p, const char *name, size_t *ret_n)
{
	size_t n = strlen(name);
	bool braces = p[1] == '{';
	if (strncmp(p + 1 + braces, name, n) != 0 || (braces && p[2 + n] != '}'))
		return false;
	char after = p[1 + n];
	if (!braces && after && after != '/' && after != ':')
		return false;
	*ret_n = 1 + n + (braces ? 2 : 0);
	return true;
}

static void add_origin(struct ff_buf *to, const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == path)
		ff_buf_char(to, '/');
	else if (slash)
		ff_buf_add(to, path, (size_t)(slash - path));
}

struct ff_error *ff_ld_expand(struct ff_loader *ld, struct ff_span text, size_t object, char **ret)
{
	_cleanup_free_ char *in = ff_span_dup(text);
	_cleanup_buf_ struct ff_buf out = {0};
	if (!in)
		return &ff_enomem;
	for (const char *p = in; *p;) {
		size_t n = 1;
		if (*p == '$' && token_at(p, "ORIGIN", &n))
			add_origin(&out, ld->objects[object].path);
		else if (*p == '$' && token_at(p, "LIB", &n))
			ff_buf_str(&out, ld->lib);
		else if (*p == '$' && token_at(p, "PLATFORM", &n))
			ff_buf_str(&out, ld->platform);
		else
			ff_buf_char(&out, *p);
		p += n;
	}
	return ff_buf_finish(&out, ret);
}

/** The number of a folder, which is looked at when first named. */
static struct ff_error *folder_of(struct ff_loader *ld, const char *path, size_t *ret)
{
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	for (size_t i = 0; i < ld->folders_n; i++) {
		if (strncmp(ld->folders[i].path, path, n) == 0 && !ld->folders[i].path[n]) {
			*ret = i;
			return NULL;
		}
	}
	if (ld->folders_n == LD_FOLDERS_MAX)
		return ff_error_create(FF_ELIMIT, "more than %d folders to search for libraries", LD_FOLDERS_MAX);
	if (!ld->folders)
		ld->folders = calloc(LD_FOLDERS_MAX, sizeof(*ld->folders));
	_cleanup_free_ char *copy = ff_span_dup((struct ff_span){path, n});
	_cleanup_free_ char *hwcaps = NULL;
	if (!ld->folders || !copy || asprintf(&hwcaps, "%s/glibc-hwcaps", copy) < 0)
		return &ff_enomem;
	struct ld_folder *f = &ld->folders[ld->folders_n];
	f->exists = copy[0] == '/' && ff_host_mode_is(ld->host, copy, S_IFDIR);
	f->hwcaps = f->exists && *ld->subdirs && ff_host_mode_is(ld->host, hwcaps, S_IFDIR);
	f->path = ff_take(&copy);
	*ret = ld->folders_n++;
	return NULL;
}

static struct ff_error *add_place(struct ld_places *places, const struct ld_place *place)
{
	if (!places->at || !(places->n & (places->n - 1))) { // grow at powers of two
		struct ld_place *more = realloc(places->at, (places->n ? places->n * 2 : 1) * sizeof(*more));
		if (!more)
			return &ff_enomem;
		places->at = more;
	}
	places->at[places->n++] = *place;
	return NULL;
}

/** The pieces of a search path. Pieces that are not absolute depend on the working folder, which is not ours to know.
    */
static struct ff_error *add_path(struct ff_loader *ld, struct ld_places *places, const char *path,
	const char *separators, const struct ld_place *like)
{
	struct ld_place place = *like;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, separators);
		_cleanup_free_ char *folder = NULL;
		place.entry++;
		struct ff_error *err = n ? ff_ld_expand(ld, (struct ff_span){p, n}, place.by, &folder) : NULL;
		if (!err && folder && folder[0] == '/') {
			err = folder_of(ld, folder, &place.folder);
			if (!err && ld->folders[place.folder].exists)
				err = add_place(places, &place);
		}
		if (err)
			return err;
		p += n;
		if (*p)
			p++;
	}
	return NULL;
}

static struct ff_error *add_rpath(struct ff_loader *ld, struct ld_places *places, size_t object)
{
	const struct ff_elf *elf = ld->objects[object].elf;
	if (!elf->rpath || elf->runpath)
		return NULL;
	return add_path(ld, places, elf->rpath, ":", &(struct ld_place){.rule = FF_LD_RPATH, .by = object});
}

/** RPATHs of the object, of its loaders up to the program, and of the program in any case. */
static struct ff_error *add_inherited(struct ff_loader *ld, struct ld_places *places, size_t by)
{
	bool saw_program = false;
	for (size_t o = by, steps = 0; steps < LD_OBJECTS_MAX; o = ld->objects[o].loader, steps++) {
		struct ff_error *err = add_rpath(ld, places, o);
		if (err)
			return err;
		saw_program = saw_program || o == 0;
		if (ld->objects[o].loader == o)
			break;
	}
	return saw_program ? NULL : add_rpath(ld, places, 0);
}

static struct ff_error *make_places(struct ff_loader *ld, size_t by, struct ld_places *places)
{
	const struct ff_elf *elf = ld->objects[by].elf;
	struct ff_error *err = elf->runpath ? NULL : add_inherited(ld, places, by);
	if (!err)
		err = add_path(
			ld, places, ld->library_path, ":;", &(struct ld_place){.rule = FF_LD_LIBRARY_PATH, .by = 0});
	if (!err && elf->runpath)
		err = add_path(ld, places, elf->runpath, ":", &(struct ld_place){.rule = FF_LD_RUNPATH, .by = by});
	if (!err && ld->cache_text)
		err = add_place(places, &(struct ld_place){.rule = FF_LD_CACHE});
	for (size_t i = 0; !err && ld->defaults[i] && !(elf->flags_1 & DF_1_NODEFLIB); i++)
		err = add_path(ld, places, ld->defaults[i], "",
			&(struct ld_place){.rule = FF_LD_DEFAULT, .by = by, .entry = (unsigned)i});
	return err;
}

struct ff_error *ff_ld_places_of(struct ff_loader *ld, size_t by, const struct ld_places **ret)
{
	struct ld_places *places = &ld->places[by];
	if (!places->at) {
		struct ff_error *err = make_places(ld, by, places);
		if (err) {
			free(ff_take(&places->at));
			places->n = 0;
			return err;
		}
	}
	*ret = places;
	return NULL;
}
