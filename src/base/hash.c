// Sixteen bytes at a time, of which one multiplication makes eight, in two lanes that do not wait for each other;
// digits become zeros in sixteen at once.
#include "base/hash.h"

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

static words2 load(const char *p, bool zero_digits)
{
	bytes16 text;
	memcpy(&text, p, sizeof(text));
	bytes16 over = text - '0';
	return (words2)(zero_digits ? text - (over & (bytes16)(over < 10)) : text);
}

// Both halves of the product: each bit of one factor reaches all of them.
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xd6e8feb86659fd93u);
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_of(const char *p, size_t n, bool zero_digits)
{
	uint64_t word = ff_load(p, n);
	return zero_digits ? ff_zero_digits(word) : word;
}

// The last bytes are taken as a whole block again, with some of those before them.
uint64_t ff_hash(struct ff_span text, bool zero_digits)
{
	uint64_t a = text.n, b = ~a;
	const char *p = text.p, *end = text.p + text.n;
	if (text.n < 8)
		return mix(a ^ (text.n ? word_of(p, text.n, zero_digits) : 0), b); // an empty text may be nowhere
	if (text.n < 16)
		return mix(a ^ word_of(p, 8, zero_digits), b ^ word_of(end - 8, 8, zero_digits));
	for (; end - p > 32; p += 32) {
		words2 one = load(p, zero_digits), other = load(p + 16, zero_digits);
		a = mix(a ^ one[0], one[1]);
		b = mix(b ^ other[0], other[1]);
	}
	words2 last = load(end - 16, zero_digits);
	if (end - p > 16) {
		words2 one = load(p, zero_digits);
		a = mix(a ^ one[0], one[1]);
	}
	return mix(a, mix(b ^ last[0], last[1]));
}
