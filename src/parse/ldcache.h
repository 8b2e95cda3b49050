// The loader's cache of library names, /etc/ld.so.cache, as glibc writes it (both the format of libc5 days with the new
// one behind it, and the new one alone).
#pragma once

#include "base/error.h"
#include "base/str.h"

/** A view of the cache's bytes, which the caller keeps. */
struct ff_ldcache {
	const char *file; /**< borrowed, for messages */
	struct ff_span bytes;
	size_t entries_at, entry_size, count;
	size_t strings_base; /**< what string offsets count from */
	size_t hwcaps_at, hwcaps_count;
};

/** Check the headers. FF_EFORMAT when they lie about sizes, FF_EUNSUPPORTED when this is no such cache. */
struct ff_error *ff_ldcache_init(struct ff_ldcache *cache, const char *file, const void *bytes, size_t n);

/** One line of `ldconfig -p`. Texts point into the cache. */
struct ff_ldcache_entry {
	const char *name, *path;
	uint32_t flags;	    /**< kind of library: FF_LDCACHE_X86_64, ... */
	uint64_t hwcap;	    /**< 0 for every machine */
	const char *subdir; /**< glibc-hwcaps folder that this entry is of, "x86-64-v3"; NULL for none */
};

enum {
	FF_LDCACHE_X86_64 = 0x0303,
	FF_LDCACHE_AARCH64 = 0x0a03,
};

/** Entry i; FF_EFORMAT when its texts lie outside the file. */
struct ff_error *ff_ldcache_at(const struct ff_ldcache *cache, size_t i, struct ff_ldcache_entry *ret);

/** The path the loader takes for a name, or NULL: entries of the wrong kind are passed over, the first of `subdirs`
    (the machine's glibc-hwcaps folders, best first, NULL ends) wins over a plain entry. Borrowed from the cache. */
const char *ff_ldcache_find(
	const struct ff_ldcache *cache, const char *name, uint32_t flags, const char *const *subdirs);
