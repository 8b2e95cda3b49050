// What is read of a log: lines, in order, become events, runs and hits of signatures.
#pragma once

#include "diagnose/hits.h"
#include "diagnose/matcher.h"
#include "log/event.h"
#include "log/run.h"

struct ff_reading;

struct ff_error *ff_reading_create(struct ff_rules *rules, struct ff_matcher *matcher, struct ff_reading **ret);
void ff_reading_destroy(struct ff_reading *reading);

/** Read a line of the file, in order; it may have been written as several, or be one of several with the same
    number. */
struct ff_error *ff_reading_line(struct ff_reading *reading, struct ff_span raw, uint64_t number);

/** From this line on they are the last ones of the log: a program may say there in any words why it ended. */
void ff_reading_last(struct ff_reading *reading, uint64_t number);

/** True when each line of this kind of landmark matters, however often such lines were read. */
bool ff_reading_landmark_matters(enum ff_landmark_kind kind);

/** True when such a landmark stood in the line just read. */
bool ff_reading_landed(const struct ff_reading *reading);

/** True when the line of this number is needed, whatever stands in it. */
bool ff_reading_busy(const struct ff_reading *reading, uint64_t number);

enum { FF_READING_WATCHED = 1 }; /**< of states: a hit is near, and its lines are read whatever they are */

/** What is open for the line of this number, as ff_events_state() says it. */
uint64_t ff_reading_state(const struct ff_reading *reading, uint64_t number, bool *ret_begun);

/** The next line that is read does not follow on the last one. */
void ff_reading_break(struct ff_reading *reading);

/** True while some run waits for a sign of work. */
bool ff_reading_waits(const struct ff_reading *reading);

/** True when a sign of work stands in this line of the file. */
bool ff_reading_works(struct ff_reading *reading, struct ff_span raw);

/** The kind of a landmark that the matcher reports. */
enum ff_landmark_kind ff_reading_landmark(const struct ff_reading *reading, int what);

/** No more lines: finish what is open, and look for signatures in messages of several lines. `lines` is the number of
    lines of the log. */
struct ff_error *ff_reading_end(struct ff_reading *reading, uint64_t lines);

const struct ff_events *ff_reading_events(const struct ff_reading *reading);
const struct ff_runs *ff_reading_runs(const struct ff_reading *reading);

/** NULL for none. */
const struct ff_hits *ff_reading_hits(const struct ff_reading *reading, size_t signature);

/** True when some rule has something to answer: a hit that is not context, or a run that was stopped. */
bool ff_reading_spoke(const struct ff_reading *reading);
