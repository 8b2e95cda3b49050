// CRC-32C over 8-byte words: with the CPU's instruction where it has one, else from tables. Both give the same number.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Which way this CPU allows; ask once and keep the answer. Safe in a signal handler. */
bool ff_crc_hardware(void);

/** Continue `crc` over n words in memory order. Safe in a signal handler. */
uint32_t ff_crc_words(bool hardware, uint32_t crc, const uint64_t *words, size_t n);
