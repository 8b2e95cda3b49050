// Patterns as people read them.
#pragma once

#include "base/str.h"

/** Append the text that a pattern looks for, simplified and bounded: the first of several alternatives, <name> for a
    named group, N for digits, "..." for what may be anything. */
void ff_pattern_text(const char *pattern, struct ff_buf *out);
