// How far the export of one worker has come: what was read of each lane and is safely queued, phases that are open,
// and incidents that were told. Plain data in a twin file (twin.h): an event that was queued when we died is queued
// again, with the same ids; none is passed over.
#pragma once

#include "agent/tally.h"

enum { FF_EXPORT_INCIDENTS = 64, FF_EXPORT_RESOURCE = 8192, FF_TRACE_ID = 33, FF_SPAN_ID = 17, FF_TRACE_STATE = 257 };

struct ff_export_lane {
	char name[FF_ID]; // "" is a free place
	uint64_t read;	  // position behind the last event that is safe
	uint64_t last_ns;
};

/** A phase that began: what its span needs. */
struct ff_export_open {
	uint64_t id; // of the phase; 0 is a free place
	uint64_t began_ns;
	uint32_t lane, concurrent;
	bool request, has_flags;
	uint32_t flags;
	char phase[FF_ID], request_id[FF_ID], model[FF_ID];
	char trace_id[FF_TRACE_ID], span_id[FF_SPAN_ID], parent[FF_SPAN_ID], trace_state[FF_TRACE_STATE];
};

struct ff_export_told {
	char id[FF_ID];
	uint64_t count;
};

struct ff_export_state {
	char origin[FF_ID]; // of the machine's boot: makes ids of lanes unique
	uint64_t began_ns;  // since when what we count is counted
	uint64_t incidents_since_ns;
	uint64_t told_n;
	struct ff_export_told told[FF_EXPORT_INCIDENTS];
	struct ff_export_lane lanes[FF_TALLY_LANES];
	struct ff_export_open open[FF_TALLY_OPEN];
	char resource[FF_EXPORT_RESOURCE]; // JSON: for whoever finishes what we could not
};

/** The place of a lane, NULL without one; `make` takes a free one, else that which was silent longest. */
struct ff_export_lane *ff_export_lane_of(struct ff_export_state *st, const char *name, bool make);

/** The place of an open phase, NULL without one. Phase 0 finds a free place. */
struct ff_export_open *ff_export_open_of(struct ff_export_state *st, uint32_t lane, uint64_t phase);
