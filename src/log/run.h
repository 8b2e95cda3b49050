// The runs of a log: from a start of a program to its end, or to its next start. Lines of other services (a container
// of compose, a pod) are runs of their own.
#pragma once

#include "log/event.h"
#include "log/landmark.h"
#include "log/line.h"

enum ff_run_end {
	FF_RUN_CUT,	 /**< the log ends, or the next run begins, before it came to anything */
	FF_RUN_RUNNING,	 /**< it was up or at work when the log ends */
	FF_RUN_FINISHED, /**< it came to its end, and well */
	FF_RUN_STOPPED,	 /**< it was ended from outside */
	FF_RUN_DIED,
	FF_RUN_ENDS,
};

extern const char *const ff_run_end_names[FF_RUN_ENDS];

struct ff_run {
	uint32_t id;	      /**< never 0 */
	char process[64];     /**< the service, else the program; "" when nobody is named */
	uint64_t first, last; /**< line numbers */
	enum ff_run_end end;
	const char *stopped_by; /**< of one that was stopped: "outside", "probe", "evicted", "time-limit" */
	uint64_t at;		/**< the line that shows its end, 0 for none */
	size_t said;		/**< event that ended it, or says that it was stopped; FF_EVENT_NO_INNER for none */
	bool counts;		/**< no later run of the same service came to anything: the answer is about this one */
	// Lines where the newest landmark of a kind stands, 0 for none:
	uint64_t seen[FF_LANDMARK_KINDS];
	uint64_t up; /**< line that first shows it ready or at work, 0 for none */
	// While it is read:
	unsigned service;
	bool ailing;	     /**< an event waits for a sign of health */
	bool hurt;	     /**< one that is an error does */
	size_t stop;	     /**< event that says that it was stopped */
	uint64_t failing;    /**< the request that failed at `failed`, until something follows */
	uint64_t failed;     /**< line of its answer */
	uint64_t last_words; /**< one of the last lines of the log says that it failed, ... */
	size_t words;	     /**< in this event */
	unsigned elsewhere;  /**< how often others were answered since */
	unsigned since;	     /**< signs of health since the last error, counted while one waits */
	size_t start;	     /**< index of the landmark that began it + 1 */
	uint64_t pid;	     /**< of its role */
};

enum { FF_RUNS_KEPT = 64 }; /**< so many of a log's runs: the first few and the newest */

struct ff_runs;

struct ff_error *ff_runs_create(struct ff_landmarks *landmarks, struct ff_runs **ret);
void ff_runs_destroy(struct ff_runs *runs);

/** The run that a line belongs to. A line of another service, or of a new process of a known role, begins one. */
struct ff_run *ff_runs_enter(struct ff_runs *runs, const struct ff_line *line);

/** Whether this landmark tells of the run where it stands: a plain "OK" does only below the count of its tests. */
bool ff_runs_due(const struct ff_run *run, const struct ff_landmark *mark, uint64_t number);

/** A landmark stands in a line of this run. Returns the run that the line belongs to from now on: another one where it
    begins. */
struct ff_run *ff_runs_landmark(struct ff_runs *runs, struct ff_run *run, const struct ff_line *line, size_t landmark);

/** Where the run was stopped: the event of the landmark just seen. */
void ff_runs_stopped(struct ff_run *run, uint64_t number, size_t event);

/** A server of this run tells its caller in line `number` that the request was wrong: what was raised above for that
    did not matter. */
void ff_runs_refused(const struct ff_run *run, struct ff_events *events, uint64_t number);

/** This line says that the part whose traceback stands above it is left out. */
void ff_runs_skipped(const struct ff_run *run, struct ff_events *events, uint64_t number);

/** A sign of health in this line: the run came up, to its good end, or did what it is there for. */
void ff_runs_healthy(struct ff_run *run, struct ff_events *events, uint64_t number, uint64_t request);

/** A server of this run tells its caller in this line that it failed. */
void ff_runs_failed(struct ff_run *run, struct ff_events *events, uint64_t number, uint64_t request);

/** This line, one of the last of the log, says in plain words that it failed. That counts where the run shows no
    health, which tells more. 0 for the number: what it said before did not matter. */
void ff_runs_last_words(struct ff_run *run, uint64_t number, size_t event);

/** A new event of this run, made in line `number`. */
void ff_runs_event(struct ff_run *run, struct ff_events *events, const struct ff_event *event, uint64_t number);

/** True while some run waits for a sign of health: an event is open, or there was none yet. */
bool ff_runs_wait(const struct ff_runs *runs);

/** No more lines: how each run ended, and which of them count. Events of runs that were followed by a better one, that
    came to a good end, or that followed from a stop, become history. `lines` is the number of lines of the log. */
void ff_runs_end(struct ff_runs *runs, struct ff_events *events, uint64_t lines);

size_t ff_runs_count(const struct ff_runs *runs);
const struct ff_run *ff_runs_at(const struct ff_runs *runs, size_t index);

/** Runs that were forgotten for want of room. */
uint64_t ff_runs_forgotten(const struct ff_runs *runs);
