// Versions that libraries carry as text.
#pragma once

#include "base/str.h"

/** glibc's own words: "GNU C Library (Ubuntu GLIBC 2.35-0ubuntu3.8) stable release version 2.35." Spans into the bytes;
    false when this is no glibc. */
bool ff_glibc_banner(struct ff_span library, struct ff_span *ret_version, struct ff_span *ret_build);
