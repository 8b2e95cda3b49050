// SHA-256 as FIPS 180-4 has it. The constants are the first 32 bits of the fractions of the square roots of the first 8
// primes, and of the cube roots of the first 64.
#include "base/sha256.h"

#include <stdint.h>
#include <string.h>

enum { BLOCK = 64, ROUNDS = 64, LENGTH_AT = 56 };

static const uint32_t start[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint32_t constants[ROUNDS] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7,
	0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
	0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

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
