// What the agent has counted: requests, loads, phases, errors, tokens, and how far each lane is read.
//
// It lies in a twin file (twin.h) of the state folder. So whatever kills the agent, and whenever, each event is counted
// once: the next agent goes on where the copy in use ends. Plain data, no pointers. Text in it is as the lane has it:
// not masked. `_ns` is the time of day, to be shown; `_mono_ns` the monotonic clock, for ages and what came first: the
// time of day may be set at any moment.
#pragma once

#include "agent/twin.h"

#include <firstfix/event.h>

#include <stdatomic.h>

enum {
	FF_TALLY_LANES = 128,
	FF_TALLY_OPEN = 256,
	FF_TALLY_NAMES = 24, // of errors, of phases: what comes later is counted under the last
	FF_TALLY_SLOW = 16,
	FF_TALLY_RECENT = 512,
	FF_TALLY_RECENT_S = 60,
	FF_TALLY_DEVICES = 16,
	FF_TALLY_LEVELS = 8,
	FF_BUCKETS = 16,
	FF_ID = 64,
};

/** How a request ended. */
enum ff_outcome {
	FF_OUTCOME_OK,
	FF_OUTCOME_ERROR,
	FF_OUTCOME_CANCELLED,
	FF_OUTCOME_KILLED,
	FF_OUTCOME_REFUSED,
	FF_OUTCOMES
};
extern const char *const ff_outcome_names[FF_OUTCOMES];

/** Upper bounds of the buckets in seconds; the last is infinity and not in the table. */
extern const double ff_bucket_bounds[FF_BUCKETS - 1];

/** One observation that stands for a bucket. */
struct ff_exemplar {
	char id[FF_ID];
	double value;
	uint64_t at_ns;
};

struct ff_histogram {
	uint64_t n[FF_BUCKETS];
	double sum;
};

/** A name and how often. */
struct ff_named {
	char name[FF_ID];
	uint64_t n;
	double seconds;
};

/** One process that records. */
struct ff_tally_lane {
	char name[FF_ID]; // of its file; "" is a free place
	uint64_t read;	  // position behind the last event that was counted
	uint64_t ordinal; // the how manieth of its lane that was
	uint64_t began_mono_ns, last_mono_ns;
	uint32_t pid;
	bool stopped; // it said that it ends
	bool loaded;  // a model load ended well in it
	bool dead;    // its process is gone
};

/** A phase that began and did not end. */
struct ff_tally_open {
	uint64_t id; // of the phase; 0 is a free place
	uint64_t began_ns, began_mono_ns;
	uint32_t lane, concurrent;
	bool request, load;
	char request_id[FF_ID], model[FF_ID], phase[FF_ID];
};

struct ff_tally_request {
	uint64_t ended_ns;
	double seconds;
	uint32_t outcome, concurrent;
	char id[FF_ID], model[FF_ID], error[FF_ID], route[FF_ID];
};

/** A request among the last ones, for rates and percentiles. */
struct ff_tally_recent {
	uint64_t ended_mono_ns;
	float seconds;
	uint16_t outcome, concurrent;
};

/** The allocator of one CUDA device as the worker counts devices. */
struct ff_tally_device {
	uint64_t allocated, reserved, peak, total, free, at_mono_ns;
};

/** Requests that ran while so many were in work: 1, 2, 3-4, 5-8, ... */
struct ff_tally_level {
	struct ff_histogram latency;
	uint64_t n, peak_allocated;
};

struct ff_tally {
	uint64_t events, lost, exceptions;
	uint64_t requests[FF_OUTCOMES], input_tokens, output_tokens, last_request_mono_ns;
	struct ff_histogram latency, queue;
	struct ff_exemplar exemplars[FF_BUCKETS];
	uint64_t loads, loads_failed, load_ended_mono_ns;
	double load_seconds;
	char model[FF_ID];
	struct ff_named errors[FF_TALLY_NAMES], phases[FF_TALLY_NAMES];
	struct ff_tally_device devices[FF_TALLY_DEVICES];
	struct ff_tally_level levels[FF_TALLY_LEVELS];
	struct ff_tally_request slow[FF_TALLY_SLOW];
	struct ff_tally_recent recent[FF_TALLY_RECENT];
	uint64_t recent_n;
	struct ff_tally_lane lanes[FF_TALLY_LANES];
	struct ff_tally_open open[FF_TALLY_OPEN];
};

/** Open DIR/NAME.tally, or make it where it is missing or of another version. FF_EDENIED when another agent holds
    it. */
struct ff_error *ff_tally_open_file(const char *dir, const char *name, struct ff_twin **ret);

/** The copy in use. */
const struct ff_tally *ff_tally_now(const struct ff_twin *file);

/** The row of a name; the last of `n` takes what has none and what comes when all others are taken. */
struct ff_named *ff_named_row(struct ff_named *rows, size_t n, const char *name);

/** Count what its lane has overwritten between the last event that was counted and this one, which is the `ordinal`th
    of the lane; also while no agent was there. To be called before ff_tally_count(). */
void ff_tally_missed(struct ff_tally *t, const struct ff_event *event, uint64_t ordinal);

/** Count one event into a tally; what this lane told before is passed over. Pure but for the tally. */
void ff_tally_count(struct ff_tally *t, const struct ff_event *event);

/** A lane's process is gone: what it had open will never end. */
void ff_tally_lane_died(struct ff_tally *t, uint32_t lane);

/** The level that so many requests at once belong to, and its name ("5-8"). */
unsigned ff_tally_level_of(uint32_t concurrent);
extern const char *const ff_tally_level_names[FF_TALLY_LEVELS];

/** How long the requests took that ended within a minute of `now_ns`, the shortest first, and how many they are. */
size_t ff_tally_last_minute(const struct ff_tally *t, uint64_t now_ns, float ret[FF_TALLY_RECENT]);

/** A value below which the share `q` of a histogram lies, in seconds, by linear interpolation; NAN without
    observations. */
double ff_histogram_quantile(const struct ff_histogram *h, double q);
