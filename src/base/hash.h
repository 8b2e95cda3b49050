// A hash of a text, and of a text with zeros for its digits.
#pragma once

#include "base/str.h"

#include <stdint.h>

/** The first n bytes at p, 8 at most, as a word; zeros behind them. */
static inline uint64_t ff_load(const char *p, size_t n)
{
	uint64_t word = 0;
	memcpy(&word, p, n);
	return word;
}

/** Eight bytes with zeros for digits. */
static inline uint64_t ff_zero_digits(uint64_t word)
{
	const uint64_t each = 0x0101010101010101u;
	uint64_t x = word ^ (each * '0');
	uint64_t others = ((x & (each * 0x7f)) + each * (0x7f - 9)) | x; // the high bit of each byte that is no digit
	uint64_t digits = (~others & (each * 0x80)) >> 7;
	return word ^ (x & (digits * 0xff));
}

/** Not for keys that somebody chooses to collide where that would harm. */
uint64_t ff_hash(struct ff_span text, bool zero_digits);
