// Shared by the files of the loader's emulation. For loader*.c only.
#pragma once

#include "host/loader.h"
#include "parse/ldcache.h"

enum {
	LD_OBJECTS_MAX = 2048,
	LD_FOLDERS_MAX = 1024,
	LD_NAMES_MAX = 4096,
	LD_TRIES_MAX = 200000, // files looked for; importing torch takes some hundred
};

/** A folder that is searched; looked at once. */
struct ld_folder {
	char *path;
	bool exists;
	bool hwcaps; // it has a glibc-hwcaps folder
};

/** One step of a search: a folder, or the cache. */
struct ld_place {
	enum ff_ld_rule rule;
	size_t folder; // unused for the cache
	size_t by;
	unsigned entry;
};

struct ld_places {
	struct ld_place *at;
	size_t n;
};

/** A name that an object answers to beside its SONAME. */
struct ld_name {
	char *name;
	size_t object;
};

struct ff_loader {
	struct ff_host *host;
	char *library_path, *preload;
	const char *const *subdirs; // glibc-hwcaps folders of this processor, best first
	uint16_t machine;

	struct ff_ld_object *objects;
	struct ld_places *places; // of each object; made when first searched
	size_t n, cap;
	unsigned tries;

	struct ld_folder *folders;
	size_t folders_n;
	struct ld_name *names;
	size_t names_n;

	char *cache_text;
	struct ff_ldcache cache; // valid when cache_text is not NULL
	uint32_t cache_flags;
	const char *const *defaults; // default folders of this distribution, NULL ends
	const char *lib;	     // what $LIB means
	const char *platform;
};

/** Find out what the machine says about searching: cache, default folders, processor. */
struct ff_error *ff_ld_learn_machine(struct ff_loader *ld);

/** The places in which object `by` looks for a plain name, in order; borrowed. */
struct ff_error *ff_ld_places_of(struct ff_loader *ld, size_t by, const struct ld_places **ret);

/** A name with $ORIGIN, $LIB and $PLATFORM of an object put in; *ret NULL when it cannot be expanded. Caller frees. */
struct ff_error *ff_ld_expand(struct ff_loader *ld, struct ff_span text, size_t object, char **ret);
