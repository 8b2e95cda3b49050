// SHA-256 as FIPS 180-4 has it. The constants are the first 32 bits of the fractions of square and cube roots of
// primes, and made so.
#include "base/sha256.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 64, ROUNDS = 64, LENGTH_AT = 56 };

static uint32_t start[8], constants[ROUNDS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

// The first 32 bits behind the point of the root. Exact: no root of these primes is near a multiple of 2^-32, and
// where `double` errs in the last place the integer is corrected.
static uint32_t fraction_of_root(unsigned prime, int power)
{
	unsigned __int128 scaled = power == 2 ? (unsigned __int128)prime << 64 : (unsigned __int128)prime << 96;
	uint64_t root = (uint64_t)((power == 2 ? sqrt(prime) : cbrt(prime)) * 4294967296.0);
	for (int step = 0; step < 4; step++) {
		unsigned __int128 square = (unsigned __int128)root * root,
				  more = (unsigned __int128)(root + 1) * (root + 1);
		unsigned __int128 low = power == 2 ? square : square * root,
				  high = power == 2 ? more : more * (root + 1);
		root += high <= scaled ? 1 : low > scaled ? (uint64_t)-1 : 0;
	}
	return (uint32_t)root;
}

static void make_constants(void)
{
	unsigned n = 0;
	for (unsigned prime = 2; n < ROUNDS; prime++) {
		bool is_prime = true;
		for (unsigned d = 2; d * d <= prime && is_prime; d++)
			is_prime = prime % d != 0;
		if (!is_prime)
			continue;
		if (n < 8)
			start[n] = fraction_of_root(prime, 2);
		constants[n++] = fraction_of_root(prime, 3);
	}
}

static uint32_t turn(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static void take_block(uint32_t state[8], const unsigned char *p)
{
	uint32_t w[ROUNDS], s[8];
	for (int i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (int i = 16; i < ROUNDS; i++)
		w[i] = w[i - 16] + w[i - 7] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
			(turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
	memcpy(s, state, sizeof(s));
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) +
			((s[4] & s[5]) ^ (~s[4] & s[6])) + constants[i] + w[i];
		uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
			((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		memmove(s + 1, s, 7 * sizeof(s[0]));
		s[4] += one;
		s[0] = one + two;
	}
	for (int i = 0; i < 8; i++)
		state[i] += s[i];
}

void ff_sha256(struct ff_span text, unsigned char ret[FF_SHA256])
{
	unsigned char last[2 * BLOCK] = {0};
	uint32_t state[8];
	size_t n = text.n;
	pthread_once(&once, make_constants);
	memcpy(state, start, sizeof(state));
	for (; n >= BLOCK; n -= BLOCK)
		take_block(state, (const unsigned char *)text.p + (text.n - n));
	if (n)
		memcpy(last, text.p + (text.n - n), n);
	last[n] = 0x80;
	size_t end = n < LENGTH_AT ? BLOCK : 2 * BLOCK;
	for (int i = 0; i < 8; i++)
		last[end - 1 - (size_t)i] = (unsigned char)((uint64_t)text.n * 8 >> (8 * i));
	for (size_t at = 0; at < end; at += BLOCK)
		take_block(state, last + at);
	for (size_t i = 0; i < FF_SHA256; i++)
		ret[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

void ff_hmac_sha256(struct ff_span key, struct ff_span text, unsigned char ret[FF_SHA256])
{
	unsigned char pad[BLOCK] = {0}, outer[BLOCK + FF_SHA256];
	_cleanup_buf_ struct ff_buf inner = {0};
	if (key.n > BLOCK)
		ff_sha256(key, pad);
	else if (key.n)
		memcpy(pad, key.p, key.n);
	for (int i = 0; i < BLOCK; i++) {
		ff_buf_char(&inner, (char)(pad[i] ^ 0x36));
		outer[i] = pad[i] ^ 0x5c;
	}
	ff_buf_span(&inner, text);
	ff_sha256((struct ff_span){inner.p, inner.failed ? 0 : inner.n}, outer + BLOCK);
	ff_sha256((struct ff_span){(const char *)outer, sizeof(outer)}, ret);
}
