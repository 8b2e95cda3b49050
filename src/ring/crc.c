// CRC-32C (Castagnoli, reflected 0x82f63b78) over words, without the usual inversion at both ends: the start value is a
// random seed and nobody else computes it. The instruction is chosen by the caller's flag, not by an ifunc: a resolver
// runs before sanitizers and some loaders are ready. A CPU without it (x86 before 2008, early ARMv8) takes the table of
// nibbles, which is slow and small.
#include "ring/crc.h"

#if defined(__aarch64__)
#include <sys/auxv.h>

enum { HWCAP_CRC32_BIT = 1 << 7 };
#endif

bool ff_crc_hardware(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("sse4.2");
#elif defined(__aarch64__)
	return getauxval(AT_HWCAP) & HWCAP_CRC32_BIT;
#else
	return false;
#endif
}

uint32_t ff_crc_word_portable(uint32_t crc, uint64_t word)
{
	static const uint32_t nibbles[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
		0xe330a81a, 0xf36e6f75};
	word ^= crc;
	crc = 0;
	for (int k = 0; k < 16; k++, word >>= 4)
		crc = crc >> 4 ^ nibbles[(crc ^ word) & 15];
	return crc;
}

uint32_t ff_crc_words(bool hardware, uint32_t crc, const uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		crc = hardware ? ff_crc_word_hardware(crc, words[i]) : ff_crc_word_portable(crc, words[i]);
	return crc;
}
