// The reader of the atlas's bytes (know/atlas.h has the format and how it lies): opening, texts, packages and releases;
// know/atlas_keys.c looks up a key.
//
//	package 7  ->  name "transformers", modules "transformers", releases "4.14.1", "4.15.0", ...
#include "know/atlas.h"

#include "parse/requirement.h"
#include "parse/version.h"

#include <pthread.h>

enum { HEAD = 24, PACKAGE_WORDS = 8 };

static const char magic[8] = "FFATLAS\2";

static const struct {
	const char *name;
	uint64_t unit;
} sections[FF_ATLAS_SECTIONS] = {
	[FF_ATLAS_SHARDS] = {"shards", 32},
	[FF_ATLAS_BUCKETS] = {"buckets", 4},
	[FF_ATLAS_RECORDS] = {"records", 1},
	[FF_ATLAS_VALUES] = {"values", 4},
	[FF_ATLAS_SETS] = {"sets", 8},
	[FF_ATLAS_PACKAGES] = {"packages", 4UL * PACKAGE_WORDS},
	[FF_ATLAS_RELEASES] = {"releases", 4},
	[FF_ATLAS_REQUIRES] = {"requires", 16},
	[FF_ATLAS_NEEDS] = {"needs", 16},
	[FF_ATLAS_TEXTS] = {"texts", 4},
	[FF_ATLAS_STRINGS] = {"strings", 1},
};

// The check is made over the text that the bytes are in Latin-1, written as UTF-8: a byte above 127 counts as two.
static uint64_t check_of(const uint8_t *p, size_t n)
{
	uint64_t h = FF_ATLAS_HASH;
	for (size_t i = 0; i < n; i++) {
		char two[2] = {(char)(0xc0 | p[i] >> 6), (char)(0x80 | (p[i] & 0x3f))}, one[1] = {(char)p[i]};
		h = ff_atlas_hash(h, p[i] < 0x80 ? (struct ff_span){one, 1} : (struct ff_span){two, 2});
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
	if (!size || strings[size - 1])
		return ff_error_format("atlas", HEAD, "its strings do not end");
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

const char *ff_atlas_string(const struct ff_atlas *a, uint32_t offset)
{
	return offset < a->sections[FF_ATLAS_STRINGS].count ? (const char *)a->sections[FF_ATLAS_STRINGS].p + offset
							    : "";
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

static bool same_minor(const struct ff_version *x, const struct ff_version *y)
{
	for (size_t i = 0; i < 2; i++) {
		uint64_t m = 0, n = 0;
		if ((i < x->n_release && !ff_span_u64(x->release[i], &m)) ||
			(i < y->n_release && !ff_span_u64(y->release[i], &n)) || m != n)
			return false;
	}
	return true;
}

bool ff_atlas_same_minor(const char *a, const char *b)
{
	struct ff_version x, y;
	return ff_version_parse(ff_span_of(a), &x) && ff_version_parse(ff_span_of(b), &y) && same_minor(&x, &y);
}

int ff_atlas_position(const struct ff_atlas *a, const struct ff_atlas_package *p, const char *version, bool *same)
{
	int at = -1;
	struct ff_version asked, one;
	bool is_version = ff_version_parse(ff_span_of(version), &asked);
	*same = false;
	for (size_t i = 0; i < p->release_count; i++) {
		const char *release = ff_atlas_string(a, p->releases[i]);
		bool both = is_version && ff_version_parse(ff_span_of(release), &one),
		     minor = both && same_minor(&asked, &one),
		     later = (both ? ff_version_order(&one, &asked) : ff_version_compare(release, version)) > 0;
		if (later && (!minor || *same)) // of the minor release the last one before, else the first
			break;
		at = (int)i;
		*same = minor;
		if (later)
			break;
	}
	return at;
}
