// The lookup of one key in the atlas (know/atlas.h): what is found is the releases that have it and its text.
//
//	"N transformers HybridCache"  ->  FNV-1a, the shard "transformers", its bucket by the first bits of the mixed hash
//
// A bucket begins with the number of its records; each is, the lowest bit first, the gap from the key before (zeros, a
// one, then GAP_BITS bits), the rank of its value from 1 on (as many zeros as bits behind its first one, that one,
// those bits), and where the value is marked so the number of its text. How the source lies: every number may be
// wrong; no record is read outside its section, and a bucket has at most 255.
#include "know/atlas.h"

#include <stdarg.h>

enum { WORDS_MAX = 8, LOW_BITS = 30, GAP_BITS = 24, BUCKET_BITS_MAX = 24 };
enum { ZEROS_MAX = 1 << (LOW_BITS - GAP_BITS), WIDTH_MAX = 31, AT_ONCE = 32 };

static const uint32_t unsure_bit = UINT32_C(1) << 31, text_bit = UINT32_C(1) << 30;

struct shard {
	uint64_t name;
	uint32_t first_bucket, bucket_bits, first_value, first_text, text_width, seed;
};

struct bits {
	const uint8_t *p;
	size_t n, at; // bytes that may be read, the bit that is next
	bool bad;
};

uint64_t ff_atlas_hash(uint64_t h, struct ff_span bytes)
{
	const char *p = bytes.p;
	for (size_t i = 0; i < bytes.n; i++)
		h = (h ^ (uint8_t)p[i]) * 0x100000001b3;
	return h;
}

static uint64_t mixed(uint64_t key, uint64_t seed)
{
	key ^= seed * 0x9e3779b97f4a7c15;
	key = (key ^ key >> 33) * 0xff51afd7ed558ccd;
	key = (key ^ key >> 33) * 0xc4ceb9fe1a85ec53;
	return key ^ key >> 33;
}

// At least 57 bits from the one that is next.
static uint64_t window(struct bits *b)
{
	uint64_t v;
	if (b->at / 8 + sizeof(v) > b->n) {
		b->bad = true;
		return 1;
	}
	memcpy(&v, b->p + b->at / 8, sizeof(v));
	return v >> b->at % 8;
}

static uint64_t take(struct bits *b, unsigned int width)
{
	uint64_t v = window(b) & ((UINT64_C(1) << width) - 1);
	b->at += width;
	return v;
}

// Zeros up to a one: at most as many as a gap of LOW_BITS can ask for.
static unsigned int zeros(struct bits *b)
{
	unsigned int n = 0, few;
	do {
		few = (unsigned int)__builtin_ctzll(window(b) | UINT64_C(1) << AT_ONCE);
		n += few;
		b->at += few;
		b->bad |= n > ZEROS_MAX;
	} while (few == AT_ONCE && !b->bad);
	b->at++;
	return n;
}

static bool find_shard(const struct ff_atlas *a, uint64_t name, struct shard *ret)
{
	const struct shard *shards = a->sections[FF_ATLAS_SHARDS].p;
	size_t low = 0, high = a->sections[FF_ATLAS_SHARDS].count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (shards[middle].name < name)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == a->sections[FF_ATLAS_SHARDS].count || shards[low].name != name)
		return false;
	*ret = shards[low];
	return ret->bucket_bits <= BUCKET_BITS_MAX && ret->text_width <= WIDTH_MAX;
}

static uint32_t u32_at(const struct ff_atlas *a, enum ff_atlas_section section, uint64_t i)
{
	return i < a->sections[section].count ? ((const uint32_t *)a->sections[section].p)[i] : 0;
}

static void read_value(
	const struct ff_atlas *a, const struct shard *s, uint64_t rank, uint64_t text, struct ff_atlas_entry *ret)
{
	uint32_t value = u32_at(a, FF_ATLAS_VALUES, s->first_value + rank), number = value & ~(unsure_bit | text_bit);
	*ret = (struct ff_atlas_entry){.unsure = value & unsure_bit};
	if (number < a->sections[FF_ATLAS_SETS].count)
		ret->set = ((const uint64_t *)a->sections[FF_ATLAS_SETS].p)[number];
	if (value & text_bit)
		ret->text = ff_atlas_string(a, u32_at(a, FF_ATLAS_TEXTS, s->first_text + text));
}

bool ff_atlas_find(const struct ff_atlas *a, struct ff_span shard, uint64_t key, struct ff_atlas_entry *ret)
{
	struct shard s;
	*ret = (struct ff_atlas_entry){0};
	if (!find_shard(a, ff_atlas_hash(FF_ATLAS_HASH, shard), &s))
		return false;
	key = mixed(key, s.seed);
	uint64_t bucket = s.bucket_bits ? key >> (64 - s.bucket_bits) : 0;
	uint64_t low = key >> (64 - s.bucket_bits - LOW_BITS) & ((UINT64_C(1) << LOW_BITS) - 1), at = 0;
	struct bits b = {a->sections[FF_ATLAS_RECORDS].p, a->sections[FF_ATLAS_RECORDS].count,
		(size_t)u32_at(a, FF_ATLAS_BUCKETS, s.first_bucket + bucket) * 8, false};
	for (uint64_t left = take(&b, 8); left && !b.bad; left--) {
		at += (uint64_t)zeros(&b) << GAP_BITS;
		at += take(&b, GAP_BITS);
		unsigned int width = zeros(&b);
		b.bad |= width > WIDTH_MAX;
		uint64_t rank = b.bad ? 0 : (take(&b, width) | UINT64_C(1) << width) - 1, text = 0;
		if (u32_at(a, FF_ATLAS_VALUES, s.first_value + rank) & text_bit)
			text = take(&b, s.text_width);
		if (at > low || b.bad)
			return false;
		if (at == low) {
			read_value(a, &s, rank, text, ret);
			return true;
		}
	}
	return false;
}

// ---- keys made of words ----

static bool find_words(const struct ff_atlas *a, const char *kind, va_list words, struct ff_atlas_entry *ret)
{
	uint64_t h = ff_atlas_hash(FF_ATLAS_HASH, ff_span_of(kind));
	struct ff_span shard = ff_span_of(kind);
	const char *word;
	for (size_t i = 0; i < WORDS_MAX && (word = va_arg(words, const char *)); i++) {
		h = ff_atlas_hash(h, FF_SPAN(" "));
		h = ff_atlas_hash(h, ff_span_of(word));
		if (!i && *kind != 'O')
			shard = (struct ff_span){word, strcspn(word, ".")};
	}
	return ff_atlas_find(a, shard, h, ret);
}

bool ff_atlas_set(const struct ff_atlas *a, uint64_t *ret, const char *kind, ...)
{
	struct ff_atlas_entry entry;
	va_list words;
	va_start(words, kind);
	bool found = find_words(a, kind, words, &entry);
	va_end(words);
	*ret = entry.set;
	return found;
}

bool ff_atlas_unsure(const struct ff_atlas *a, const char *module, const char *name)
{
	struct ff_atlas_entry entry;
	uint64_t key = ff_atlas_hash(FF_ATLAS_HASH, FF_SPAN("N "));
	key = ff_atlas_hash(ff_atlas_hash(key, ff_span_of(module)), FF_SPAN(" "));
	struct ff_span shard = {module, strcspn(module, ".")};
	return ff_atlas_find(a, shard, ff_atlas_hash(key, ff_span_of(name)), &entry) && entry.unsure;
}

const char *ff_atlas_text(const struct ff_atlas *a, const char *kind, ...)
{
	struct ff_atlas_entry entry;
	va_list words;
	va_start(words, kind);
	find_words(a, kind, words, &entry);
	va_end(words);
	return entry.text;
}
