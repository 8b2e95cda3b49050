// One character of UTF-8 from hostile bytes, and into bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

/** Bytes of the well-formed character at p (1..4) and its code point in *ret; 0 (and *ret untouched) when there is none
    in the n bytes: cut short, overlong, a surrogate, above U+10FFFF. */
size_t ff_utf8_decode(const void *p, size_t n, uint32_t *ret);

/** The bytes of a code point up to U+10FFFF at `to`, which has room for 4; 0 for a surrogate. */
size_t ff_utf8_encode(uint32_t c, char *to);
