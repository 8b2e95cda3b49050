// Looks at three bytes at each place: few of them begin a word, and only there words are compared. Where the machine
// can look up sixteen halves of bytes at once, most text is passed over in steps of sixteen.
#include "base/words.h"

#include <ctype.h>

#if defined(__x86_64__)
#include <tmmintrin.h>
#endif

enum { GROUPS = 8, STEP = 16, LOOKED_AT = 3 };

static void add_byte(struct ff_words *words, size_t word, size_t at, unsigned char c)
{
	uint8_t group = (uint8_t)(1u << (unsigned char)words->list[word][0] % GROUPS);
	words->begins[at][c] |= 1ull << word;
	words->halves[at][0][c & 15] |= group;
	words->halves[at][1][c >> 4] |= group;
}

void ff_words_init(struct ff_words *words, const char *const *list, size_t n, bool caseless)
{
	memset(words, 0, sizeof(*words));
	words->list = list;
	words->n = n < FF_WORDS_MAX ? n : FF_WORDS_MAX;
	words->caseless = caseless;
	for (size_t i = 0; i < words->n; i++) {
		words->length[i] = strlen(list[i]);
		for (size_t at = 0; at < LOOKED_AT && at < words->length[i]; at++) {
			unsigned char c = (unsigned char)list[i][at];
			add_byte(words, i, at, c);
			if (caseless)
				add_byte(words, i, at, (unsigned char)toupper(c));
		}
		for (unsigned c = 0; c < 256 && words->length[i] < LOOKED_AT; c++) // anything may follow
			add_byte(words, i, LOOKED_AT - 1, (unsigned char)c);
	}
}

static bool stands(const struct ff_words *words, size_t word, const char *p, size_t room)
{
	size_t n = words->length[word];
	return n <= room &&
		(words->caseless ? strncasecmp(p, words->list[word], n) : memcmp(p, words->list[word], n)) == 0;
}

// Those that may stand at `at`, which is not the last byte; mostly none.
static uint64_t beginning_at(const struct ff_words *words, struct ff_span text, size_t at)
{
	const unsigned char *p = (const unsigned char *)text.p + at;
	unsigned char third = at + 2 < text.n ? p[2] : 0;
	return words->begins[0][p[0]] & words->begins[1][p[1]] & words->begins[2][third];
}

// Those of them that stand there; false to look for no more.
static bool report(
	const struct ff_words *words, uint64_t left, struct ff_span text, size_t at, ff_word_fn *fn, void *context)
{
	for (; left; left &= left - 1) {
		size_t word = (size_t)__builtin_ctzll(left);
		if (stands(words, word, text.p + at, text.n - at) && !fn(word, at, context))
			return false;
	}
	return true;
}

#if defined(__x86_64__)
__attribute__((target("ssse3"))) static __m128i groups_at(const struct ff_words *words, size_t at, const char *p)
{
	const __m128i low = _mm_set1_epi8(15);
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i halves[2] = {_mm_and_si128(bytes, low), _mm_and_si128(_mm_srli_epi16(bytes, 4), low)};
	__m128i found = _mm_set1_epi8(-1);
	for (size_t i = 0; i < 2; i++) {
		__m128i table = _mm_loadu_si128((const __m128i *)(const void *)words->halves[at][i]);
		found = _mm_and_si128(found, _mm_shuffle_epi8(table, halves[i]));
	}
	return found;
}

// As far as it got; past the end where no more is to be looked for.
__attribute__((target("ssse3"))) static size_t find_quickly(
	const struct ff_words *words, struct ff_span text, ff_word_fn *fn, void *context)
{
	size_t i = 0;
	for (; i + STEP + LOOKED_AT - 2 < text.n; i += STEP) {
		__m128i all = groups_at(words, 0, text.p + i);
		for (size_t at = 1; at < LOOKED_AT; at++)
			all = _mm_and_si128(all, groups_at(words, at, text.p + i + at));
		unsigned none = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_setzero_si128()));
		for (unsigned left = ~none & 0xffff; left; left &= left - 1) {
			size_t at = i + (size_t)__builtin_ctz(left);
			uint64_t some = beginning_at(words, text, at);
			if (some && !report(words, some, text, at, fn, context))
				return text.n;
		}
	}
	return i;
}
#endif

void ff_words_find(const struct ff_words *words, struct ff_span text, ff_word_fn *fn, void *context)
{
	size_t i = 0;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("ssse3"))
		i = find_quickly(words, text, fn, context);
#endif
	while (i + 1 < text.n && report(words, beginning_at(words, text, i), text, i, fn, context))
		i++;
}

static bool note(size_t word, size_t at, void *context)
{
	uint64_t *found = context;
	(void)at;
	*found |= 1ull << word;
	return true;
}

uint64_t ff_words_in(const struct ff_words *words, struct ff_span text)
{
	uint64_t found = 0;
	ff_words_find(words, text, note, &found);
	return found;
}
