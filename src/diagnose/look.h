// What a line that was sifted out holds, as far as the matcher can say, and whether that is worth reading it.
#pragma once

#include "diagnose/reading.h"
#include "diagnose/repeat.h"
#include "diagnose/sieve.h"

struct ff_look {
	bool any;      /**< something to be read */
	bool fresh;    /**< more than context that has been found often enough */
	bool unlike;   /**< a landmark that each line stands for itself with */
	bool settings; /**< a list of an engine's settings */
	struct ff_shape shape;
};

struct ff_looks;

struct ff_error *ff_looks_create(
	struct ff_rules *rules, struct ff_matcher *matcher, const struct ff_reading *reading, struct ff_looks **ret);
void ff_looks_destroy(struct ff_looks *looks);

/** Look at a line of the chunk. Lines of one kind are scanned once, as long as it is remembered. */
struct ff_error *ff_look(
	struct ff_looks *looks, struct ff_span chunk, const struct ff_sifted *line, struct ff_look *ret);
