// The word that somebody meant: the nearest of those that exist, by letters changed, left out, put in or exchanged.
#pragma once

#include "base/str.h"

#include <stdint.h>

/** Set `wrong`, try every word that would be right, then read `best`: NULL when none is near enough to be meant. */
struct ff_nearest {
	struct ff_span wrong;
	const char *best;
	size_t distance;  /**< of the best */
	uint64_t letters; /**< of `wrong`, found when first needed */
};

void ff_nearest_try(struct ff_nearest *n, const char *right);

/** "; did you mean 'report'?", or "" without a word that is near; written into `text`. */
const char *ff_nearest_hint(const struct ff_nearest *n, char text[128]);
