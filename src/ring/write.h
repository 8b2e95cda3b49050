// The writing end of one lane. Signal zone: any thread, any signal handler; no lock, no allocation, nothing returned.
// Making the lane is in ring/lane.h, the recorder of a process in ring/record.c.
#pragma once

#include "ring/format.h"

#include <firstfix/event.h>

/** A lane mapped for writing; filled by ff_lane_make(). */
struct ff_lane {
	uint8_t *base;
	struct ff_ring_live *live;
	struct ff_ring_block *blocks;
	uint8_t *data;
	struct ff_ring_name *keys;
	size_t size; // of the mapping
	uint32_t n_blocks, block_size;
	uint32_t seed, clock;
	bool crc_hardware, sync;
	uint32_t pid; // whose: the thread id cached per thread is valid for this pid
};

/** Publish one event, or count it as dropped. Fields beyond 64 are cut, strings so that all fits into 32 KiB. */
void ff_lane_write(struct ff_lane *lane, uint32_t kind, const struct ff_field *fields, size_t n);

/** A step further towards the disk: everything written so far, with msync(). */
void ff_lane_sync(const struct ff_lane *lane);

/** Give an id its name in the lane's table; the first name stays. */
void ff_lane_name(struct ff_ring_name *row, const char *name, size_t n);
