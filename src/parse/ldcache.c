// /etc/ld.so.cache, written by ldconfig. The loader searches it by bisection, so an entry out of order is never found
// by it, nor by us.
//
//	old  "ld.so-1.7.0\0" u32 count, count x {i32 flags, u32 name, u32 path}, then texts; the new format may follow, 8-aligned
//	new  "glibc-ld.so.cache1.1" u32 count, u32 bytes of texts, u8 byte order, u8 x3, u32 extensions, u32 x3,
//	     count x {i32 flags, u32 name, u32 path, u32 OS version, u64 hwcap}
//	     extensions: u32 magic, u32 count, count x {u32 tag, u32 flags, u32 offset, u32 bytes}; tag 1 names hwcaps folders
// How the source lies: an image copied between machines keeps a cache that names files which are not there; containers
// add libraries (nvidia-container-toolkit mounts libcuda.so.1) and run ldconfig after, or forget to.
#include "parse/ldcache.h"

static const char old_magic[] = "ld.so-1.7.0";
static const char new_magic[] = "glibc-ld.so.cache1.1";

enum {
	OLD_HEADER = 16,
	OLD_ENTRY = 12,
	NEW_HEADER = 48,
	NEW_ENTRY = 24,
	EXTENSION_MAGIC_AT = 32,
	BIG_ENDIAN_FILE = 3,
};

static const uint32_t extension_magic = 0xeaa42174;
static const uint32_t tag_hwcaps = 1;

static uint32_t u32_at(const struct ff_ldcache *c, size_t at)
{
	uint32_t v;
	memcpy(&v, c->bytes.p + at, sizeof(v));
	return v;
}

static bool fits(const struct ff_ldcache *c, size_t at, uint64_t n)
{
	return at <= c->bytes.n && n <= c->bytes.n - at;
}

static bool starts_with(const struct ff_ldcache *c, size_t at, const char *magic, size_t n)
{
	return fits(c, at, n) && memcmp(c->bytes.p + at, magic, n) == 0;
}

/** Find the names of the glibc-hwcaps folders. A damaged extension is as good as none: the loader ignores it too. */
static void find_hwcaps(struct ff_ldcache *c, size_t base)
{
	size_t at = base + u32_at(c, base + EXTENSION_MAGIC_AT);
	if (at == base || !fits(c, at, 8) || u32_at(c, at) != extension_magic)
		return;
	uint32_t count = u32_at(c, at + 4);
	for (size_t i = 0; i < count && fits(c, at + 8 + i * 16, 16); i++) {
		size_t section = at + 8 + i * 16;
		if (u32_at(c, section) != tag_hwcaps)
			continue;
		size_t offset = base + u32_at(c, section + 8);
		uint32_t n = u32_at(c, section + 12);
		if (!fits(c, offset, n))
			return;
		c->hwcaps_at = offset;
		c->hwcaps_count = n / 4;
		return;
	}
}

static struct ff_error *read_new(struct ff_ldcache *c, size_t base)
{
	if (!fits(c, base, NEW_HEADER))
		return ff_error_format(c->file, base, "the cache's header is cut short");
	uint32_t count = u32_at(c, base + 20);
	uint8_t order = (uint8_t)c->bytes.p[base + 28] & 3;
	if (order == BIG_ENDIAN_FILE)
		return ff_error_create(FF_EUNSUPPORTED, "%s: a cache of a big-endian machine", c->file);
	if (!fits(c, base + NEW_HEADER, (uint64_t)count * NEW_ENTRY))
		return ff_error_format(c->file, base + 20, "%u cache entries do not fit the file", count);
	c->entries_at = base + NEW_HEADER;
	c->entry_size = NEW_ENTRY;
	c->count = count;
	c->strings_base = base;
	find_hwcaps(c, base);
	return NULL;
}

static struct ff_error *read_old(struct ff_ldcache *c)
{
	if (!fits(c, 0, OLD_HEADER))
		return ff_error_format(c->file, 0, "the cache's header is cut short");
	uint32_t count = u32_at(c, 12);
	if (!fits(c, OLD_HEADER, (uint64_t)count * OLD_ENTRY))
		return ff_error_format(c->file, 12, "%u cache entries do not fit the file", count);
	size_t end = OLD_HEADER + (size_t)count * OLD_ENTRY;
	size_t behind = (end + 7) / 8 * 8;
	if (starts_with(c, behind, new_magic, sizeof(new_magic) - 1))
		return read_new(c, behind);
	c->entries_at = OLD_HEADER;
	c->entry_size = OLD_ENTRY;
	c->count = count;
	c->strings_base = end;
	return NULL;
}

struct ff_error *ff_ldcache_init(struct ff_ldcache *cache, const char *file, const void *bytes, size_t n)
{
	struct ff_ldcache c = {.file = file, .bytes = {bytes, n}};
	struct ff_error *err;
	if (starts_with(&c, 0, new_magic, sizeof(new_magic) - 1))
		err = read_new(&c, 0);
	else if (starts_with(&c, 0, old_magic, sizeof(old_magic) - 1))
		err = read_old(&c);
	else
		err = ff_error_create(FF_EUNSUPPORTED, "%s: no loader cache of glibc", file);
	if (!err)
		*cache = c;
	return err;
}

static const char *text_at(const struct ff_ldcache *c, uint32_t offset)
{
	size_t at = c->strings_base + offset;
	if (at >= c->bytes.n || !memchr(c->bytes.p + at, '\0', c->bytes.n - at))
		return NULL;
	return c->bytes.p + at;
}

/** glibc-hwcaps folder of an entry: the upper half of its hwcap has bit 62 set, the lower half is an index. */
static const char *subdir_of(const struct ff_ldcache *c, uint64_t hwcap)
{
	uint64_t index = hwcap & UINT32_MAX;
	if ((hwcap >> 62 & 1) == 0 || index >= c->hwcaps_count)
		return NULL;
	size_t at = c->strings_base + u32_at(c, c->hwcaps_at + index * 4);
	if (at >= c->bytes.n || !memchr(c->bytes.p + at, '\0', c->bytes.n - at))
		return NULL;
	return c->bytes.p + at;
}

struct ff_error *ff_ldcache_at(const struct ff_ldcache *cache, size_t i, struct ff_ldcache_entry *ret)
{
	size_t at = cache->entries_at + i * cache->entry_size;
	struct ff_ldcache_entry e = {
		.flags = u32_at(cache, at),
		.name = text_at(cache, u32_at(cache, at + 4)),
		.path = text_at(cache, u32_at(cache, at + 8)),
	};
	if (!e.name || !e.path)
		return ff_error_format(cache->file, at, "a text of cache entry %zu lies outside the file", i);
	if (cache->entry_size == NEW_ENTRY) {
		memcpy(&e.hwcap, cache->bytes.p + at + 16, sizeof(e.hwcap));
		e.subdir = subdir_of(cache, e.hwcap);
	}
	*ret = e;
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/** Digits at *p as a number; wraps like the loader's own. */
static unsigned take_number(const char **p)
{
	unsigned n = 0;
	for (; is_digit(**p); (*p)++)
		n = n * 10 + (unsigned)(**p - '0');
	return n;
}

/** The cache's order: like strcmp, but a run of digits counts as a number and sorts behind other characters. */
static int compare_names(const char *a, const char *b)
{
	for (; *a; a++, b++) {
		if (is_digit(*a) && is_digit(*b)) {
			unsigned x = take_number(&a), y = take_number(&b);
			if (x != y)
				return x < y ? -1 : 1;
			a--;
			b--;
		} else if (is_digit(*a)) {
			return 1;
		} else if (is_digit(*b)) {
			return -1;
		} else if (*a != *b) {
			return (signed char)*a < (signed char)*b ? -1 : 1;
		}
	}
	return *b ? -1 : 0;
}

/** -1, 0, 1 as entry i's name is before, at or after the wanted one (the cache runs from last to first). */
static int side_of(const struct ff_ldcache *c, size_t i, const char *name)
{
	const char *other = text_at(c, u32_at(c, c->entries_at + i * c->entry_size + 4));
	return other ? compare_names(name, other) : -1;
}

/** Smaller is better; -1 is not for this machine. */
static int rank_of(const struct ff_ldcache_entry *e, const char *const *subdirs)
{
	int n = 0;
	for (; subdirs && subdirs[n]; n++)
		if (e->subdir && strcmp(e->subdir, subdirs[n]) == 0)
			return n;
	return e->hwcap == 0 ? n : -1;
}

const char *ff_ldcache_find(
	const struct ff_ldcache *cache, const char *name, uint32_t flags, const char *const *subdirs)
{
	size_t left = 0, right = cache->count;
	while (left < right) { // the first entry that is not before the name
		size_t middle = left + (right - left) / 2;
		if (side_of(cache, middle, name) < 0)
			left = middle + 1;
		else
			right = middle;
	}
	const char *best = NULL;
	int best_rank = 0;
	for (size_t i = left; i < cache->count && side_of(cache, i, name) == 0; i++) {
		struct ff_ldcache_entry e = {0};
		struct ff_error *err = ff_ldcache_at(cache, i, &e);
		if (err) {
			ff_error_destroy(err);
			break;
		}
		int rank = e.flags == flags ? rank_of(&e, subdirs) : -1;
		if (rank >= 0 && (!best || rank < best_rank)) {
			best = e.path;
			best_rank = rank;
		}
	}
	return best;
}
