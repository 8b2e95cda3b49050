// The other programs of firstfix, found from where this one lies.
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** Where this program lies; false when /proc does not say. */
bool ff_sibling_self(char *ret, size_t n);

/** Path of the program `name`: beside this one, in ../libexec/firstfix, where the build leaves it, or `installed`.
    False when none of these can be executed. */
bool ff_sibling_find(const char *name, const char *installed, char *ret, size_t n);
