// How a worker is, from what was observed of it: one table, no I/O, no clock.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ff_state {
	FF_STATE_STARTING,
	FF_STATE_LOADING,
	FF_STATE_READY,
	FF_STATE_IDLE,
	FF_STATE_BUSY,
	FF_STATE_SATURATED,
	FF_STATE_STALLED,
	FF_STATE_GPU_LOST,
	FF_STATE_DRIVER_HUNG,
	FF_STATE_ENGINE_DEAD,
	FF_STATE_STOPPING,
	FF_STATE_DEAD,
	FF_STATES
};

extern const char *const ff_state_names[FF_STATES];

/** What the supervisor said last; FF_SUP_NONE when there is none. */
enum ff_supervision {
	FF_SUP_NONE,
	FF_SUP_CHECKING,
	FF_SUP_STARTING,
	FF_SUP_UP,
	FF_SUP_STOPPING,
	FF_SUP_BETWEEN,
	FF_SUP_GIVEN_UP
};

/** Everything that a state is judged by. Times are seconds; negative ones are not known or did not happen. */
struct ff_observed {
	enum ff_supervision supervision;
	bool alive;			   /**< the worker's process */
	bool records;			   /**< it has a lane */
	bool loading;			   /**< a model load is open */
	bool loaded;			   /**< one ended well */
	bool listening;			   /**< it has a listening socket */
	bool was_ready;			   /**< it was ready before */
	unsigned in_flight, max_in_flight; /**< max 0: nobody said */
	bool served;			   /**< a request ended */
	double up_s, loading_s, oldest_request_s, since_request_s;
	double since_progress_s; /**< of any kind: an event, CPU or GPU time, bytes read or written */
	unsigned gpus_lost, engines, engines_dead;
	double driver_silent_s;		    /**< a question to the driver is open for so long; 0: none is */
	double recent_p95_s, calm_median_s; /**< of the last minute's requests; of those that ran alone */
	// What was asked for.
	double stall_after_s, request_max_s, ready_after_s, idle_after_s;
};

/** The verdict. `why` is one line. */
struct ff_health {
	enum ff_state state;
	bool live, ready, started;
	char why[256];
};

enum { FF_DRIVER_PATIENCE_S = 5 };

void ff_health_judge(const struct ff_observed *o, struct ff_health *ret);
