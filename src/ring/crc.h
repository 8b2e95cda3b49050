// CRC-32C over 8-byte words: with the CPU's instruction where it has one, else from tables. Both give the same number.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Which way this CPU allows; ask once and keep the answer. Safe in a signal handler. */
bool ff_crc_hardware(void);

/** One more word, by the instruction: only where ff_crc_hardware() said true. Inline assembly, because a function for
    another CPU than the build's cannot be inlined into one that is not. */
static inline __attribute__((always_inline)) uint32_t ff_crc_word_hardware(uint32_t crc, uint64_t word)
{
#if defined(__x86_64__)
	uint64_t c = crc;
	__asm__("crc32q %1, %0" : "+r"(c) : "r"(word));
	return (uint32_t)c;
#elif defined(__aarch64__)
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
	return crc;
#else
	(void)word;
	return crc;
#endif
}

/** The same from a table. */
uint32_t ff_crc_word_portable(uint32_t crc, uint64_t word);

/** Continue `crc` over n words in memory order. Safe in a signal handler. */
uint32_t ff_crc_words(bool hardware, uint32_t crc, const uint64_t *words, size_t n);
