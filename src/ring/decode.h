// One record's bytes into an event. Private to ring/.
#pragma once

#include "ring/format.h"

#include <firstfix/event.h>

/** What checking a record needs to know of its lane. */
struct ff_record_rules {
	bool crc_hardware;
	uint32_t seed;
	uint32_t names; /**< keys in the table */
};

enum ff_record_is { FF_RECORD_NONE, FF_RECORD_END, FF_RECORD_EVENT };

/** What stands at `words` (at most `n` of them), which is position `pos` of the lane. *ret_words is its length unless
    NONE; *cost grows by the words that were looked at. */
enum ff_record_is ff_record_check(const struct ff_record_rules *rules, const uint64_t *words, size_t n, uint64_t pos,
	size_t *ret_words, uint64_t *cost);

/** The fields of a record that was checked. A field that makes no sense ends the list: what stood before it counts.
    Strings point into `words`. Returns how many. */
size_t ff_record_fields(
	const struct ff_record_rules *rules, const uint64_t *words, size_t n, struct ff_field ret[FF_RING_FIELDS_MAX]);
