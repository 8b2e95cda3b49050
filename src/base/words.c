// Looks at each pair of bytes once: few of them begin a word, and only there words are compared.
#include "base/words.h"

#include <ctype.h>

static unsigned slot_of(unsigned char a, unsigned char b)
{
	return (a << 8 | b) & 0xffff;
}

static void add_pair(struct ff_words *words, unsigned char a, unsigned char b)
{
	unsigned slot = slot_of(a, b);
	words->pairs[slot >> 6] |= 1ull << (slot & 63);
}

void ff_words_init(struct ff_words *words, const char *const *list, size_t n, bool caseless)
{
	memset(words, 0, sizeof(*words));
	words->list = list;
	words->n = n < FF_WORDS_MAX ? n : FF_WORDS_MAX;
	words->caseless = caseless;
	for (size_t i = 0; i < words->n; i++) {
		unsigned char a = (unsigned char)list[i][0], b = (unsigned char)list[i][1];
		unsigned char upper_a = (unsigned char)toupper(a), upper_b = (unsigned char)toupper(b);
		words->begins[a] |= 1ull << i;
		add_pair(words, a, b);
		if (!caseless)
			continue;
		words->begins[upper_a] |= 1ull << i;
		add_pair(words, a, upper_b);
		add_pair(words, upper_a, b);
		add_pair(words, upper_a, upper_b);
	}
}

static bool stands(const struct ff_words *words, size_t word, const char *p, size_t room)
{
	size_t n = strlen(words->list[word]);
	return n <= room &&
		(words->caseless ? strncasecmp(p, words->list[word], n) : memcmp(p, words->list[word], n)) == 0;
}

void ff_words_find(const struct ff_words *words, struct ff_span text, ff_word_fn *fn, void *context)
{
	const unsigned char *p = (const unsigned char *)text.p;
	for (size_t i = 0; i + 1 < text.n; i++) {
		unsigned slot = slot_of(p[i], p[i + 1]);
		if (!(words->pairs[slot >> 6] >> (slot & 63) & 1))
			continue;
		for (uint64_t left = words->begins[p[i]]; left; left &= left - 1) {
			size_t word = (size_t)__builtin_ctzll(left);
			if (stands(words, word, text.p + i, text.n - i) && !fn(word, i, context))
				return;
		}
	}
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
