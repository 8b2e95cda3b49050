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

// The last n bytes of a text, fewer than eight. Where eight may be read up to its end, no call is needed for them.
static uint64_t load_last(struct ff_span text, size_t n)
{
	if (!n) // an empty text may be nowhere
		return 0;
	const char *end = text.p + text.n;
	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || text.n < 8)
		return ff_load(end - n, n);
	return ff_load(end - 8, 8) >> (8 - n) * 8;
}

uint64_t ff_hash(struct ff_span text, bool zero_digits)
{
	uint64_t a = text.n, b = ~a;
	const char *p = text.p, *end = text.p + text.n;
	for (; end - p >= 32; p += 32) {
		words2 one = load(p, zero_digits), other = load(p + 16, zero_digits);
		a = mix(a ^ one[0], one[1]);
		b = mix(b ^ other[0], other[1]);
	}
	if (end - p >= 16) {
		words2 two = load(p, zero_digits);
		a = mix(a ^ two[0], two[1]);
		p += 16;
	}
	if (end - p >= 8) {
		uint64_t word = ff_load(p, 8);
		b = mix(b, zero_digits ? ff_zero_digits(word) : word);
		p += 8;
	}
	uint64_t last = load_last(text, (size_t)(end - p));
	return mix(a ^ (zero_digits ? ff_zero_digits(last) : last), b);
}
