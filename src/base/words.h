// Many fixed words looked for in a text at once.
#pragma once

#include "base/str.h"

#include <stdint.h>

enum { FF_WORDS_MAX = 64 };

/** Words of two bytes or more; made once by ff_words_init(). */
struct ff_words {
	const char *const *list;
	size_t n;
	bool caseless;
	size_t length[FF_WORDS_MAX];
	uint64_t begins[3][1 << 8];   /**< words by their first, second and third byte, one bit each */
	uint8_t halves[3][2][1 << 4]; /**< the same by half a byte, the low one first; one bit a group of words */
};

/** `list` stays where it is. With `caseless` its words are in lower case. */
void ff_words_init(struct ff_words *words, const char *const *list, size_t n, bool caseless);

/** A word stands at `at`; false to look for no more. */
typedef bool ff_word_fn(size_t word, size_t at, void *context);

/** Report all places of all words, in order. */
void ff_words_find(const struct ff_words *words, struct ff_span text, ff_word_fn *fn, void *context);

/** Which of them stand in the text, one bit each. */
uint64_t ff_words_in(const struct ff_words *words, struct ff_span text);
