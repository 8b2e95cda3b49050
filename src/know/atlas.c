// The reader of the atlas's bytes (know/atlas.h has the format and how it lies): opening, and the lookup of one key.
//
//	"N transformers HybridCache"  ->  a set such as 0b0111000: the releases of transformers that have it
#include "know/atlas.h"

#include "parse/requirement.h"
#include "parse/version.h"

#include <pthread.h>
#include <stdarg.h>

static const uint32_t unsure_bit = UINT32_C(1) << 31;
enum { HEAD = 24, WORDS_MAX = 8, PACKAGE_WORDS = 8 };

static const char magic[8] = "FFATLAS\1";

static const struct {
	const char *name;
	uint64_t unit;
} sections[FF_ATLAS_SECTIONS] = {
	[FF_ATLAS_KEYS] = {"keys", 8},
	[FF_ATLAS_VALUES] = {"values", 4},
	[FF_ATLAS_SETS] = {"sets", 8},
	[FF_ATLAS_PACKAGES] = {"packages", 4UL * PACKAGE_WORDS},
	[FF_ATLAS_RELEASES] = {"releases", 4},
	[FF_ATLAS_REQUIRES] = {"requires", 16},
	[FF_ATLAS_NEEDS] = {"needs", 16},
	[FF_ATLAS_TEXT_KEYS] = {"text_keys", 8},
	[FF_ATLAS_TEXTS] = {"texts", 4},
	[FF_ATLAS_STRINGS] = {"strings", 1},
};

static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return h;
}

// The check is made over the text that the bytes are in Latin-1, written as UTF-8: a byte above 127 counts as two.
static uint64_t check_of(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325;
	for (size_t i = 0; i < n; i++) {
		uint8_t two[2] = {(uint8_t)(0xc0 | p[i] >> 6), (uint8_t)(0x80 | (p[i] & 0x3f))};
		h = p[i] < 0x80 ? hash_bytes(h, p + i, 1) : hash_bytes(h, two, 2);
	}
	return h;
}

static uint64_t u64_at(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

enum { HEAD_SIZE = HEAD + 16 * FF_ATLAS_SECTIONS };

static uint64_t check_of_head(const uint8_t *p)
{
	uint8_t checked[HEAD_SIZE - 16];
	memcpy(checked, p + 8, 8);
	memcpy(checked + 8, p + HEAD, HEAD_SIZE - HEAD);
	return check_of(checked, sizeof(checked));
}

void ff_atlas_seal(void *bytes, size_t n)
{
	if (n < HEAD_SIZE)
		return;
	uint64_t check = check_of_head(bytes);
	memcpy((uint8_t *)bytes + 16, &check, sizeof(check));
}

struct ff_error *ff_atlas_open(const void *bytes, size_t n, struct ff_atlas *ret)
{
	const uint8_t *p = bytes;
	struct ff_atlas a;
	if (n < HEAD_SIZE || memcmp(p, magic, sizeof(magic)) != 0)
		return ff_error_format("atlas", 0, "not an atlas, or of another version");
	if ((uintptr_t)p % FF_ATLAS_ALIGNMENT)
		return ff_error_format("atlas", 0, "not aligned");
	if (u64_at(p + 8) != n)
		return ff_error_format("atlas", 8, "it has %zu bytes and says %llu: cut short or damaged", n,
			(unsigned long long)u64_at(p + 8));
	if (check_of_head(p) != u64_at(p + 16))
		return ff_error_format("atlas", 16, "its head is damaged");
	for (size_t i = 0; i < FF_ATLAS_SECTIONS; i++) {
		uint64_t at = u64_at(p + HEAD + 16 * i), count = u64_at(p + HEAD + 16 * i + 8);
		if (at > n || at % FF_ATLAS_ALIGNMENT || count > (n - at) / sections[i].unit)
			return ff_error_format("atlas", HEAD + 16 * i, "%s lie outside", sections[i].name);
		a.sections[i].p = p + at;
		a.sections[i].count = (size_t)count;
	}
	const char *strings = a.sections[FF_ATLAS_STRINGS].p;
	size_t size = a.sections[FF_ATLAS_STRINGS].count;
	if (a.sections[FF_ATLAS_KEYS].count != a.sections[FF_ATLAS_VALUES].count ||
		a.sections[FF_ATLAS_TEXT_KEYS].count != a.sections[FF_ATLAS_TEXTS].count || !size || strings[size - 1])
		return ff_error_format("atlas", HEAD, "its sections do not fit each other");
	*ret = a;
	return NULL;
}

// ---- the one of this program ----

extern const uint8_t ff_atlas_data[] __attribute__((weak)), ff_atlas_data_end[] __attribute__((weak));

static struct ff_atlas built_in;
static bool opened;

static void open_built_in(void)
{
	if (!ff_atlas_data)
		return;
	_cleanup_error_ struct ff_error *err =
		ff_atlas_open(ff_atlas_data, (size_t)(ff_atlas_data_end - ff_atlas_data), &built_in);
	opened = !err;
}

const struct ff_atlas *ff_atlas(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_built_in);
	return opened ? &built_in : NULL;
}

// ---- keys ----

static uint64_t hash_words(const char *kind, va_list words)
{
	uint64_t h = hash_bytes(0xcbf29ce484222325, kind, strlen(kind));
	const char *word;
	for (size_t i = 0; i < WORDS_MAX && (word = va_arg(words, const char *)); i++) {
		h = hash_bytes(h, " ", 1);
		h = hash_bytes(h, word, strlen(word));
	}
	return h;
}

uint64_t ff_atlas_hash(uint64_t h, struct ff_span bytes)
{
	return hash_bytes(h, bytes.p, bytes.n);
}

static bool find(const struct ff_atlas *a, enum ff_atlas_section section, uint64_t key, size_t *ret)
{
	const uint64_t *keys = a->sections[section].p;
	size_t low = 0, high = a->sections[section].count;
	uint64_t least = 0, most = UINT64_MAX;
	// Hashes lie evenly, so a key lies about where its value says: a few pages are touched instead of one for each
	// halving. Every other step halves, so that keys that do not lie evenly cost no more than twice that.
	for (bool guess = true; low < high; guess = !guess) {
		size_t n = high - low, middle = low + n / 2;
		if (guess && key >= least && key <= most)
			middle = low + (size_t)((double)n * ((double)(key - least) / ((double)(most - least) + 1)));
		if (middle >= high)
			middle = high - 1;
		if (keys[middle] < key) {
			low = middle + 1;
			least = keys[middle];
		} else {
			high = middle;
			most = keys[middle];
		}
	}
	*ret = low;
	return low < a->sections[section].count && keys[low] == key;
}

static bool set_at(const struct ff_atlas *a, uint64_t key, uint64_t *ret)
{
	size_t at;
	*ret = 0;
	if (!find(a, FF_ATLAS_KEYS, key, &at))
		return false;
	uint32_t number = ((const uint32_t *)a->sections[FF_ATLAS_VALUES].p)[at] & ~unsure_bit;
	if (number < a->sections[FF_ATLAS_SETS].count)
		*ret = ((const uint64_t *)a->sections[FF_ATLAS_SETS].p)[number];
	return true;
}

uint64_t ff_atlas_set_at(const struct ff_atlas *a, uint64_t key)
{
	uint64_t set;
	set_at(a, key, &set);
	return set;
}

bool ff_atlas_key_from(const struct ff_atlas *a, uint64_t from, uint64_t *ret)
{
	size_t at;
	find(a, FF_ATLAS_KEYS, from, &at);
	if (at >= a->sections[FF_ATLAS_KEYS].count)
		return false;
	*ret = ((const uint64_t *)a->sections[FF_ATLAS_KEYS].p)[at];
	return true;
}

bool ff_atlas_set(const struct ff_atlas *a, uint64_t *ret, const char *kind, ...)
{
	va_list words;
	va_start(words, kind);
	bool found = set_at(a, hash_words(kind, words), ret);
	va_end(words);
	return found;
}

bool ff_atlas_unsure(const struct ff_atlas *a, const char *module, const char *name)
{
	size_t at;
	uint64_t key = hash_bytes(FF_ATLAS_HASH, "N ", 2);
	key = hash_bytes(key, module, strlen(module));
	key = hash_bytes(key, " ", 1);
	key = hash_bytes(key, name, strlen(name));
	return find(a, FF_ATLAS_KEYS, key, &at) &&
		(((const uint32_t *)a->sections[FF_ATLAS_VALUES].p)[at] & unsure_bit);
}

const char *ff_atlas_string(const struct ff_atlas *a, uint32_t offset)
{
	return offset < a->sections[FF_ATLAS_STRINGS].count ? (const char *)a->sections[FF_ATLAS_STRINGS].p + offset
							    : "";
}

const char *ff_atlas_text_at(const struct ff_atlas *a, uint64_t key)
{
	size_t at;
	return find(a, FF_ATLAS_TEXT_KEYS, key, &at)
		? ff_atlas_string(a, ((const uint32_t *)a->sections[FF_ATLAS_TEXTS].p)[at])
		: NULL;
}

const char *ff_atlas_text(const struct ff_atlas *a, const char *kind, ...)
{
	va_list words;
	va_start(words, kind);
	const char *text = ff_atlas_text_at(a, hash_words(kind, words));
	va_end(words);
	return text;
}

// ---- packages ----

static size_t within(uint32_t first, uint32_t count, size_t total)
{
	return first > total ? 0 : count > total - first ? total - first : count;
}

uint64_t ff_atlas_all(const struct ff_atlas_package *p)
{
	return p->release_count >= 64 ? UINT64_MAX : (UINT64_C(1) << p->release_count) - 1;
}

bool ff_atlas_package_at(const struct ff_atlas *a, size_t i, struct ff_atlas_package *ret)
{
	if (i >= a->sections[FF_ATLAS_PACKAGES].count)
		return false;
	const uint32_t *w = (const uint32_t *)a->sections[FF_ATLAS_PACKAGES].p + i * PACKAGE_WORDS;
	size_t releases = within(w[2], w[3], a->sections[FF_ATLAS_RELEASES].count);
	*ret = (struct ff_atlas_package){
		.name = ff_atlas_string(a, w[0]),
		.modules = ff_atlas_string(a, w[1]),
		.releases = (const uint32_t *)a->sections[FF_ATLAS_RELEASES].p + (releases ? w[2] : 0),
		.release_count = releases > FF_ATLAS_RELEASES_MAX ? FF_ATLAS_RELEASES_MAX : releases,
		.first_require = w[4],
		.require_count = within(w[4], w[5], a->sections[FF_ATLAS_REQUIRES].count),
		.first_need = w[6],
		.need_count = within(w[6], w[7], a->sections[FF_ATLAS_NEEDS].count),
	};
	return true;
}

bool ff_atlas_package(const struct ff_atlas *a, const char *name, struct ff_atlas_package *ret)
{
	for (size_t i = 0; ff_atlas_package_at(a, i, ret); i++) {
		if (ff_package_name_equal(ff_span_of(ret->name), ff_span_of(name)))
			return true;
	}
	return false;
}

bool ff_atlas_package_of_module(const struct ff_atlas *a, const char *module, struct ff_atlas_package *ret)
{
	struct ff_span top = {module, strcspn(module, ".")};
	for (size_t i = 0; top.n && ff_atlas_package_at(a, i, ret); i++) {
		struct ff_span rest = ff_span_of(ret->modules), one;
		while (rest.n && ff_span_next(&rest, ' ', &one)) {
			if (ff_span_same(one, top))
				return true;
		}
	}
	return false;
}

bool ff_atlas_same_minor(const char *a, const char *b)
{
	struct ff_version x, y;
	if (!ff_version_parse(ff_span_of(a), &x) || !ff_version_parse(ff_span_of(b), &y))
		return false;
	for (size_t i = 0; i < 2; i++) {
		uint64_t m = 0, n = 0;
		if ((i < x.n_release && !ff_span_u64(x.release[i], &m)) ||
			(i < y.n_release && !ff_span_u64(y.release[i], &n)) || m != n)
			return false;
	}
	return true;
}

int ff_atlas_position(const struct ff_atlas *a, const struct ff_atlas_package *p, const char *version, bool *same)
{
	int at = -1;
	*same = false;
	for (size_t i = 0; i < p->release_count; i++) {
		const char *release = ff_atlas_string(a, p->releases[i]);
		bool minor = ff_atlas_same_minor(version, release), later = ff_version_compare(release, version) > 0;
		if (later && (!minor || *same)) // of the minor release the last one before, else the first
			break;
		at = (int)i;
		*same = minor;
		if (later)
			break;
	}
	return at;
}
