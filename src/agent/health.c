// The table of states: the first row whose condition holds is the state.
//
// A worker is only called dead to its orchestrator (live = false) on evidence: its process is gone, its engine is, the
// GPU is, or requests are in work while nothing at all moves. A long generation uses CPU or GPU time, an idle worker
// has no request in work, a loading one reads and has none either: none of them is ever killed.
#include "agent/health.h"

#include <stdarg.h>
#include <stdio.h>

enum { CONTENTION = 3, SATURATED_FROM = 2 };

const char *const ff_state_names[FF_STATES] = {"starting", "loading", "ready", "idle", "busy", "saturated", "stalled",
	"gpu-lost", "driver-hung", "engine-dead", "stopping", "dead"};

static void __attribute__((format(printf, 2, 3))) say(struct ff_health *h, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(h->why, sizeof(h->why), format, ap);
	va_end(ap);
}

static bool is_stopping(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "it was told to stop");
	return o->supervision == FF_SUP_STOPPING;
}

static bool is_given_up(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "it died and is not restarted");
	return o->supervision == FF_SUP_GIVEN_UP;
}

static bool is_between(const struct ff_observed *o, struct ff_health *h)
{
	bool checking = o->supervision == FF_SUP_CHECKING;
	say(h, checking ? "the check before the start runs" : "it died; the next attempt is on its way");
	return checking || o->supervision == FF_SUP_BETWEEN;
}

static bool is_dead(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "its process is gone");
	return !o->alive;
}

static bool is_driver_hung(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "the NVIDIA driver has not answered for %.0f s", o->driver_silent_s);
	return o->driver_silent_s >= FF_DRIVER_PATIENCE_S;
}

static bool is_gpu_lost(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "%u GPU%s lost: the driver cannot reach %s any more", o->gpus_lost, o->gpus_lost == 1 ? " is" : "s are",
		o->gpus_lost == 1 ? "it" : "them");
	return o->gpus_lost > 0;
}

static bool is_engine_dead(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "the process that held the model died without a word; its parent lives on");
	return o->engines_dead > 0 && o->engines == 0 && !o->loading;
}

static bool is_stalled(const struct ff_observed *o, struct ff_health *h)
{
	bool over = o->request_max_s > 0 && o->oldest_request_s > o->request_max_s;
	bool still = o->stall_after_s > 0 && o->oldest_request_s > o->stall_after_s &&
		o->since_progress_s > o->stall_after_s;
	if (over && !still)
		say(h, "a request is in work for %.0f s, longer than any may take", o->oldest_request_s);
	else
		say(h, "%u request%s in work, the oldest for %.0f s, and no progress of any kind for %.0f s",
			o->in_flight, o->in_flight == 1 ? "" : "s", o->oldest_request_s, o->since_progress_s);
	return o->in_flight > 0 && (over || still);
}

static bool is_loading(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "a model is loading for %.0f s", o->loading_s);
	return o->loading;
}

// Without a load that we see, what speaks for readiness is a request, a listening socket, or simply time.
static bool is_starting(const struct ff_observed *o, struct ff_health *h)
{
	bool ready = o->loaded || o->served || o->in_flight || o->listening || o->up_s >= o->ready_after_s;
	say(h, "started %.0f s ago; no model load, no request and no listening socket yet", o->up_s);
	return !ready;
}

static bool is_saturated(const struct ff_observed *o, struct ff_health *h)
{
	bool full = o->max_in_flight && o->in_flight >= o->max_in_flight;
	bool slow = o->in_flight >= SATURATED_FROM && o->calm_median_s > 0 &&
		o->recent_p95_s > CONTENTION * o->calm_median_s;
	if (full)
		say(h, "%u requests in work, as many as it takes at once", o->in_flight);
	else
		say(h, "%u requests in work; p95 of the last minute is %.3g s, a request alone takes %.3g s",
			o->in_flight, o->recent_p95_s, o->calm_median_s);
	return full || slow;
}

static bool is_busy(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "%u request%s in work", o->in_flight, o->in_flight == 1 ? "" : "s");
	return o->in_flight > 0;
}

static bool is_idle(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "no request for %.0f s", o->since_request_s);
	return o->served && o->since_request_s >= o->idle_after_s;
}

static bool is_ready(const struct ff_observed *o, struct ff_health *h)
{
	say(h, "%s", o->served ? "between requests" : o->loaded ? "the model is loaded" : "it waits for work");
	return true;
}

enum { LIVE = 1, READY = 2, STARTED = 4, AS_BEFORE = 8, LIVE_WHILE_MOVING = 16 };

static const struct {
	enum ff_state state;
	bool (*holds)(const struct ff_observed *o, struct ff_health *h);
	unsigned is;
} rows[] = {
	{FF_STATE_STOPPING, is_stopping, LIVE | AS_BEFORE},
	{FF_STATE_DEAD, is_given_up, AS_BEFORE},
	{FF_STATE_STARTING, is_between, LIVE | AS_BEFORE},
	{FF_STATE_DEAD, is_dead, AS_BEFORE},
	{FF_STATE_GPU_LOST, is_gpu_lost, AS_BEFORE},
	{FF_STATE_DRIVER_HUNG, is_driver_hung, AS_BEFORE | LIVE_WHILE_MOVING},
	{FF_STATE_ENGINE_DEAD, is_engine_dead, AS_BEFORE},
	{FF_STATE_STALLED, is_stalled, AS_BEFORE},
	{FF_STATE_LOADING, is_loading, LIVE | AS_BEFORE},
	{FF_STATE_STARTING, is_starting, LIVE},
	{FF_STATE_SATURATED, is_saturated, LIVE | READY | STARTED},
	{FF_STATE_BUSY, is_busy, LIVE | READY | STARTED},
	{FF_STATE_IDLE, is_idle, LIVE | READY | STARTED},
	{FF_STATE_READY, is_ready, LIVE | READY | STARTED},
};

void ff_health_judge(const struct ff_observed *o, struct ff_health *ret)
{
	size_t i = 0;
	while (!rows[i].holds(o, ret))
		i++;
	ret->state = rows[i].state;
	bool moves =
		(rows[i].is & LIVE_WHILE_MOVING) && o->since_progress_s >= 0 && o->since_progress_s < o->stall_after_s;
	ret->live = (rows[i].is & LIVE) || moves;
	ret->ready = rows[i].is & READY;
	ret->started = (rows[i].is & STARTED) || ((rows[i].is & AS_BEFORE) && o->was_ready);
}
