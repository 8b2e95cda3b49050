// Reads one lane: of a living process, of a dead one, of another version, or hostile. Nothing in the file is trusted:
// offsets are checked, every record has a CRC, and the file is read with pread(), because a mapping of a file that
// somebody truncates is a SIGBUS.
#pragma once

#include "base/error.h"
#include "ring/format.h"

#include <firstfix/event.h>

/** Where the bytes come from: a file, or memory (fuzzing, a lane inside a bundle). */
struct ff_ring_source {
	int fd; /**< -1 for memory */
	const uint8_t *bytes;
	uint64_t n;
};

struct ff_lane_reader;

enum ff_lane_got {
	FF_LANE_EVENT,	 /**< *ret is set */
	FF_LANE_NOTHING, /**< no more now; ask again later if the writer may live */
};

/** Look at the header and the tables. Takes over the file descriptor, also on failure. `name` is for messages and
    events. `patient`: wait up to a tenth of a second for a record that is reserved and not yet published; else pass
    over it. */
struct ff_error *ff_lane_reader_create(
	struct ff_ring_source source, const char *name, bool patient, struct ff_lane_reader **ret);
void ff_lane_reader_destroy(struct ff_lane_reader *r);

/** The next event, oldest first; borrowed until the next call. Overwritten ones are told as one FF_EV_LOST. */
enum ff_lane_got ff_lane_reader_next(struct ff_lane_reader *r, const struct ff_event **ret);

/** So far: bytes' worth of records that could not be read whole (counted as holes), events overwritten unread, events
    that the writer says it dropped. */
struct ff_lane_counts {
	uint64_t torn, lost, dropped;
};
struct ff_lane_counts ff_lane_reader_counts(const struct ff_lane_reader *r);

/** The how manieth event of its lane the last one is that was given, of all that were ever published there; of an
    FF_EV_LOST, the last one that was lost. */
uint64_t ff_lane_reader_ordinal(const struct ff_lane_reader *r);

static inline void ff_cleanup_lane_reader(struct ff_lane_reader **r)
{
	ff_lane_reader_destroy(*r);
}
#define _cleanup_lane_reader_ __attribute__((__cleanup__(ff_cleanup_lane_reader)))
