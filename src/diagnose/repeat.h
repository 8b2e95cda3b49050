// Lines of a log that differ in their numbers only, and how often each was read.
#pragma once

#include "base/str.h"

struct ff_repeats;

struct ff_repeats *ff_repeats_create(void);
void ff_repeats_destroy(struct ff_repeats *repeats);

/** What such lines have in common. */
struct ff_shape {
	uint64_t exact; /**< with short numbers that stand alone, where they count */
	uint64_t blind; /**< without them */
};

/** The shape of a line. `matched` tells apart lines that the matcher found different things in; with `numbers` a short number that stands
    alone (an exit code, not a clock) counts as well. Returns whether there is such a number. */
bool ff_shape_of(struct ff_span line, uint64_t matched, bool numbers, struct ff_shape *ret);

/** A line of this shape was read. `whole`: nothing is left open that the next line may belong to. */
void ff_repeats_read(struct ff_repeats *repeats, const struct ff_shape *shape, bool whole);

/** True when so many whole lines of this shape were read that one more tells nothing. */
bool ff_repeats_known(const struct ff_repeats *repeats, const struct ff_shape *shape);

/** True when so many lines of this shape were read, whole or not. */
bool ff_repeats_often(const struct ff_repeats *repeats, const struct ff_shape *shape);
