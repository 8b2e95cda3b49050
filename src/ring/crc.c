// CRC-32C (Castagnoli, reflected 0x82f63b78) over words, without the usual inversion at both ends: the start value is a
// random seed and nobody else computes it. The instruction is chosen by the caller's flag, not by an ifunc: a resolver runs
// before sanitizers and some loaders are ready. A CPU without it (x86 before 2008, early ARMv8) takes the table of nibbles,
// which is slow and small.
#include "ring/crc.h"

#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>

enum { HWCAP_CRC32_BIT = 1 << 7 };

bool ff_crc_hardware(void)
{
	return getauxval(AT_HWCAP) & HWCAP_CRC32_BIT;
}

__attribute__((target("+crc"))) static uint32_t hardware_words(uint32_t crc, const uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		crc = __crc32cd(crc, words[i]);
	return crc;
}
#elif defined(__x86_64__)
bool ff_crc_hardware(void)
{
	return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t hardware_words(uint32_t crc, const uint64_t *words, size_t n)
{
	uint64_t c = crc;
	for (size_t i = 0; i < n; i++)
		c = __builtin_ia32_crc32di(c, words[i]);
	return (uint32_t)c;
}
#else
bool ff_crc_hardware(void)
{
	return false;
}

static uint32_t hardware_words(uint32_t crc, const uint64_t *words, size_t n)
{
	(void)words, (void)n;
	return crc;
}
#endif

static uint32_t portable_words(uint32_t crc, const uint64_t *words, size_t n)
{
	static const uint32_t nibbles[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
		0xe330a81a, 0xf36e6f75};
	for (size_t i = 0; i < n; i++) {
		uint64_t word = words[i] ^ crc;
		crc = 0;
		for (int k = 0; k < 16; k++, word >>= 4)
			crc = crc >> 4 ^ nibbles[(crc ^ word) & 15];
	}
	return crc;
}

uint32_t ff_crc_words(bool hardware, uint32_t crc, const uint64_t *words, size_t n)
{
	return hardware ? hardware_words(crc, words, n) : portable_words(crc, words, n);
}
