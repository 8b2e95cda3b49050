// What a lane reader holds. Private to ring/read.c (opening) and ring/walk.c (events).
#pragma once

#include "ring/decode.h"
#include "ring/read.h"

struct ff_lane_name {
	char name[64];
};

struct ff_lane_reader {
	struct ff_ring_source source;
	char *name;
	bool patient;
	struct ff_ring_header h;
	struct ff_record_rules rules;
	struct ff_lane_name *keys, kinds[FF_RING_KINDS];
	struct ff_lane_seen {
		uint64_t number;
		uint32_t n;
	} * seen;	// per slot of the table: of which block how many events were read
	uint8_t *table; // copy of the block table

	uint64_t *block; // copy of the block that is being read
	uint64_t number; // its number; the next one to read where it is not `loaded`
	bool loaded;
	bool closed;	     // nothing will be added to it
	uint32_t at, n;	     // next record; how far the copy goes
	uint64_t cost;	     // words whose CRC was tried in vain
	uint64_t hole_since; // when the hole at `at` was first seen, 0 for none

	struct ff_ring_anchor anchor; // of this block
	double ns_per_tick;
	uint64_t overwritten_before; // by the writer, when we began
	uint64_t gone;		     // of what we read, this much has been overwritten since
	struct ff_lane_counts counts;
	uint64_t lost_told, given; // of the lost, those that were told; events that were given

	struct ff_event event;
	struct ff_field fields[FF_RING_FIELDS_MAX];
	const char *field_keys[FF_RING_FIELDS_MAX];
};

/** Up to n bytes at `at`; fewer where the file ends. */
size_t ff_source_some(const struct ff_ring_source *s, uint64_t at, size_t n, void *ret);

/** A counter of the live part; 0 where it cannot be read. */
uint64_t ff_reader_live(const struct ff_lane_reader *r, size_t offset);

/** The name of a key; never NULL. */
const char *ff_reader_key(struct ff_lane_reader *r, uint16_t key);

/** Take the clock anchor of the current block, if its row has one. */
void ff_reader_anchor(struct ff_lane_reader *r, const struct ff_ring_block *row);

/** Nanoseconds since the epoch; of CLOCK_MONOTONIC. */
uint64_t ff_reader_time(const struct ff_lane_reader *r, uint64_t ticks);
uint64_t ff_reader_mono(const struct ff_lane_reader *r, uint64_t ticks);
