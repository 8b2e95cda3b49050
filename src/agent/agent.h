// The agent: everything it knows of one worker, in one struct under one lock.
//
// Threads: the one that watches (main.c: lanes, /proc, the GPU helper's answers, the verdict), the server's (http.c),
// whose handlers only read what the first has put here, and two for what may take long: documents (documents.c) and
// the database (incidents.c). Whoever touches the struct holds `lock`, for microseconds: what may take longer (lanes,
// /proc, a trend) the watcher does without it, in what is its own, and puts the outcome here.
#pragma once

#include "agent/gpu.h"
#include "agent/growth.h"
#include "agent/health.h"
#include "agent/http.h"
#include "agent/options.h"
#include "agent/procs.h"
#include "agent/tally.h"

#include <limits.h>
#include <pthread.h>

enum { FF_KNOWN_LANES = 1024, FF_CAUSES_MAX = 16 };

/** A lane that was met, and whether it is of the worker. */
struct ff_known_lane {
	char name[FF_ID];
	bool ours;
};

/** The worker's processes, its control group and /dev/shm at the last look. */
struct ff_machine {
	struct ff_usage_of usage;
	struct ff_proc list[FF_PROCS_MAX];
	unsigned n;
	struct ff_group group;
	uint64_t shm_size, shm_used;
};

/** The last incident of this run, masked as the store has it. */
struct ff_last_incident {
	char id[40], cause[64], title[200], fix[200];
};

struct ff_agent {
	struct ff_agent_options options;
	char dir[PATH_MAX]; /**< state folder */
	char name[64];	    /**< of what is watched, for files: RUN, pid-PID-START, all */
	pthread_mutex_t lock;
	struct ff_http *http;
	uint64_t began_ns, began_epoch_ns; /**< of the agent; the first monotonic */

	// What is watched.
	pid_t root; /**< the worker; 0: every one that records in the folder, or none was started yet */
	uint64_t root_ticks, root_began_epoch_ns, root_began_ns;
	uint64_t since_epoch_ns;  /**< of the first attempt that we saw */
	uint64_t events_since_ns; /**< older ones are not of this worker */
	enum ff_supervision supervision;
	unsigned attempt;

	// What was heard.
	struct ff_events *events;
	struct ff_twin *tally;
	struct ff_known_lane *known;
	size_t n_known;
	/** Monotonic: when each open phase was first seen, so that a clock that is set makes none old */
	uint64_t seen_ns[FF_TALLY_OPEN];
	uint64_t seen_id[FF_TALLY_OPEN];
	struct ff_gpu_watch gpu;
	struct ff_machine machine;
	struct ff_procs looking; /**< the watcher's own */
	struct ff_last_incident incident;
	uint64_t incidents, store_reads, store_reads_told;
	struct ff_named causes[FF_CAUSES_MAX];
	unsigned suspected, refused; /**< inputs that killed workers */
	char store_problem[160];

	struct ff_history *history; /**< NULL where it cannot be kept */
	char visible[512];	    /**< CUDA_VISIBLE_DEVICES that the worker was started with */

	// What follows from it.
	struct ff_growth growth; /**< the watcher's own */
	struct ff_forecast forecasts[FF_RESOURCES];
	uint64_t looked_ns, progress_ns;
	struct ff_usage_of before;
	uint64_t events_before;
	struct ff_observed observed;
	struct ff_health health;
	bool was_ready;
	uint64_t generation; /**< goes up with every look */
};

/** Open the folder, the tally and the lanes, start the GPU helper. */
struct ff_error *ff_agent_open(struct ff_agent *agent);

/** One look at everything; call it every quarter of a second. The lock is taken inside. */
void ff_agent_look(struct ff_agent *agent);

/** Take new events of the lanes. The lock is taken inside. */
void ff_agent_take_events(struct ff_agent *agent);

/** Whether the process of a lane (its file's name) lives. */
bool ff_agent_lane_lives(const struct ff_agent *agent, const char *lane);

/** Whose a lane is, as far as its events were seen. The lock is held by the caller. */
enum ff_lane_is { FF_LANE_UNKNOWN, FF_LANE_OURS, FF_LANE_OTHERS };
enum ff_lane_is ff_agent_lane_is(const struct ff_agent *agent, const char *lane);

/** A line of the supervisor: "state UP", "worker PID ATTEMPT". */
void ff_agent_hear(struct ff_agent *agent, const char *line);

/** Watch this process from now on. The lock is held, or no other thread is there yet. */
void ff_agent_set_root(struct ff_agent *agent, pid_t pid);

/** Start to watch the database: the newest incident of this run, counts by cause. */
struct ff_error *ff_incidents_start(struct ff_agent *agent);

/** A number that is another one when somebody wrote to the database. */
uint64_t ff_incidents_files(const struct ff_agent *agent);

/** Make observed and health from what is known. The lock is held. */
void ff_agent_judge(struct ff_agent *agent, uint64_t now_ns);

/** Keep samples from now on; growth goes on where the agent before us ended. */
struct ff_error *ff_memory_open(struct ff_agent *agent);
/** Take one; once a second. The lock is taken inside. */
void ff_memory_sample(struct ff_agent *agent);
/** Learn what a new worker was started with. */
void ff_memory_visible(struct ff_agent *agent);

/** What of a GPU is used by the worker's processes; false where the driver's list does not name any of them. */
bool ff_agent_gpu_ours(const struct ff_agent *agent, const struct ff_gpu *gpu, uint64_t *ret);
