// Eight bytes at a time, in two lanes that do not wait for each other.
#include "base/hash.h"

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

uint64_t ff_hash(struct ff_span text, bool zero_digits)
{
	uint64_t a = text.n, b = ~a;
	const char *p = text.p, *end = text.p + text.n;
	for (; end - p >= 16; p += 16) {
		uint64_t first = ff_load(p, 8), second = ff_load(p + 8, 8);
		a = mix(a, zero_digits ? ff_zero_digits(first) : first);
		b = mix(b, zero_digits ? ff_zero_digits(second) : second);
	}
	if (end - p >= 8) {
		uint64_t word = ff_load(p, 8);
		a = mix(a, zero_digits ? ff_zero_digits(word) : word);
		p += 8;
	}
	uint64_t last = ff_load(p, (size_t)(end - p));
	return mix(mix(b, zero_digits ? ff_zero_digits(last) : last), a);
}
