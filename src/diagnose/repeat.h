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

/** The shape of a line. `matched` tells apart lines that the matcher found different things in; with `numbers` a short
    number that stands alone (an exit code, not a clock) counts as well. Returns whether there is such a number. */
bool ff_shape_of(struct ff_span line, uint64_t matched, bool numbers, struct ff_shape *ret);

/** Length of an identifier in hexadecimal (a request, a part of a UUID, an address) that begins here, 0 for none. */
size_t ff_name_length(struct ff_span line, size_t from);

/** What a line left behind. */
struct ff_outcome {
	uint64_t state; /**< what is open now; 0 for nothing */
	bool begun;	/**< that depends on this line alone, not on what was open before */
	bool landmark;	/**< it is one that each line stands for itself with */
};

/** A line of this shape was read while `state` was open. */
void ff_repeats_read(
	struct ff_repeats *repeats, uint64_t state, const struct ff_shape *shape, struct ff_outcome outcome);

/** True when so many were read, one after the other with the same outcome, that one more tells nothing: *ret is that
    outcome. */
bool ff_repeats_known(
	const struct ff_repeats *repeats, uint64_t state, const struct ff_shape *shape, struct ff_outcome *ret);

/** True when so many were read, whatever came of it. */
bool ff_repeats_often(const struct ff_repeats *repeats, uint64_t state, const struct ff_shape *shape);
