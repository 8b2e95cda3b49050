// One character of UTF-8 from hostile bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

/** Bytes of the well-formed character at p (1..4) and its code point in *ret; 0 (and *ret untouched) when there is none
    in the n bytes: cut short, overlong, a surrogate, above U+10FFFF. */
size_t ff_utf8_decode(const void *p, size_t n, uint32_t *ret);
