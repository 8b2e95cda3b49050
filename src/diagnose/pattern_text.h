// Patterns as people read them.
#pragma once

#include "base/str.h"

/** Append the text that a pattern looks for, simplified and bounded: the first of several alternatives, <name> for a
    named group (its first word where it begins the pattern and is a choice of words), N for digits, "..." for what may
    be anything. */
void ff_pattern_text(const char *pattern, struct ff_buf *out);
