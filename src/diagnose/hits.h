// Where one signature stands in a log: the first places, the newest one, and how many there are.
#pragma once

#include "base/json.h"

/** A place where a signature of a rule stands. */
struct ff_hit {
	size_t signature, event;
	uint64_t line;
	uint64_t subject; /**< hash of all that the signature was matched against */
	char *text;	  /**< the line, without prefixes, bounded */
	json_t *captures; /**< named groups that took part */
};

enum { FF_HITS_PER_SIGNATURE = 24 }; /**< the first ones, and the newest in the last place */

struct ff_hits {
	struct ff_hit list[FF_HITS_PER_SIGNATURE];
	size_t n;
	uint64_t total, read_on; /**< read_on: the line that was last read on from */
};

void ff_hits_destroy(struct ff_hits *hits);

/** Room for one more, of which nothing is filled in; *hits is made when needed. NULL when memory is out. */
struct ff_hit *ff_hits_add(struct ff_hits **hits);

/** True when one of them belongs to this event. */
bool ff_hits_of_event(const struct ff_hits *hits, size_t event);

/** One in the same text as this hash is of; NULL for none. */
const struct ff_hit *ff_hits_like(const struct ff_hits *hits, uint64_t subject);

/** True when all but the last are there to stay. */
bool ff_hits_sated(const struct ff_hits *hits);

/** True when the lines behind a hit in this line are to be read: behind each of the first, and ever more seldom behind
    one of very many. */
bool ff_hits_read_on(struct ff_hits *hits, uint64_t number);
