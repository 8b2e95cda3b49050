// Ids and names of keys and kinds: those of firstfix/event.def, and keys that the process adds with ff_key().
#pragma once

#include "ring/format.h"

/** Write all names known so far into the tables of a lane. Signal zone. */
void ff_keys_copy(struct ff_ring_name lane[FF_RING_KEYS]);
void ff_kinds_copy(struct ff_ring_name lane[FF_RING_KINDS]);

/** The id of a name, made if it is new: then it is first written to `lane` (may be NULL), so that no event can use an
    id whose name is not in the lane. FF_KEY_OVERFLOW when the table is full or the name empty or longer than 61 bytes.
    Two threads that bring the same new name at once may get two ids for it, which does no harm. Signal zone. */
uint16_t ff_keys_id(const char *name, struct ff_ring_name *lane);
