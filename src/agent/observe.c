// One look: events, processes, control group, GPUs, incidents; and what follows from them.
#include "agent/agent.h"
#include "agent/answers.h"
#include "agent/stream.h"

#include "base/clock.h"
#include "base/statedir.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static const uint64_t second_ns = UINT64_C(1000000000);
enum {
	CPU_MOVES = 5,	     // hundredths of a CPU: what an event loop that only waits stays below
	IO_MOVES = 64 << 10, // bytes a second
	GPU_MOVES = 5,	     // percent
	RECENT_LEAST = 5,
};

static double since_s(uint64_t now_ns, uint64_t then_ns)
{
	return then_ns ? (now_ns > then_ns ? (double)(now_ns - then_ns) / 1e9 : 0) : -1;
}

bool ff_agent_gpu_ours(const struct ff_agent *a, const struct ff_gpu *gpu, uint64_t *ret)
{
	bool found = false;
	uint64_t used = 0;
	for (uint32_t i = 0; i < gpu->n_procs; i++) {
		for (unsigned k = 0; k < a->machine.n; k++) {
			if ((uint32_t)a->machine.list[k].pid != gpu->procs[i].pid)
				continue;
			found = true;
			used += gpu->procs[i].used;
		}
	}
	*ret = used;
	return found;
}

// A GPU counts as moving for us when one of our processes is on it, or nobody can tell whose it is.
static bool gpu_moves(const struct ff_agent *a)
{
	uint64_t used;
	for (uint32_t i = 0; i < a->gpu.now.n && a->gpu.now.state == FF_GPUS_OK; i++) {
		const struct ff_gpu *g = &a->gpu.now.gpu[i];
		if (g->utilization >= GPU_MOVES && (ff_agent_gpu_ours(a, g, &used) || !g->n_procs))
			return true;
	}
	return false;
}

static void note_progress(struct ff_agent *a, uint64_t now_ns, double seconds)
{
	const struct ff_usage_of *now = &a->machine.usage, *then = &a->before;
	double ticks = (double)sysconf(_SC_CLK_TCK) * seconds / 100;
	uint64_t events = ff_tally_now(a->tally)->events;
	bool moves = events != a->events_before || gpu_moves(a);
	if (now->cpu_ticks > then->cpu_ticks)
		moves |= (double)(now->cpu_ticks - then->cpu_ticks) >= CPU_MOVES * ticks;
	if (now->io_bytes > then->io_bytes)
		moves |= (double)(now->io_bytes - then->io_bytes) >= IO_MOVES * seconds;
	if (moves)
		a->progress_ns = now_ns;
	a->before = *now;
	a->events_before = events;
}

// The share q of the last requests took at most so long; -1 with too few of them.
static double recent_quantile(const struct ff_tally *t, uint64_t now_ns, double q)
{
	float seconds[FF_TALLY_RECENT];
	size_t n = ff_tally_last_minute(t, now_ns, seconds);
	return n < RECENT_LEAST ? -1 : seconds[(size_t)(q * (double)(n - 1))];
}

static void observe_requests(struct ff_agent *a, struct ff_observed *o, uint64_t now_ns)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	uint64_t oldest = 0, load = 0;
	for (unsigned i = 0; i < FF_TALLY_OPEN; i++) {
		if (!t->open[i].id)
			continue;
		if (t->open[i].load)
			load = load && load < a->seen_ns[i] ? load : a->seen_ns[i];
		if (!t->open[i].request)
			continue;
		o->in_flight++;
		oldest = oldest && oldest < a->seen_ns[i] ? oldest : a->seen_ns[i];
	}
	o->served = t->last_request_mono_ns && t->last_request_mono_ns >= a->root_began_ns;
	o->loading = load != 0;
	o->loading_s = since_s(now_ns, load);
	o->oldest_request_s = since_s(now_ns, oldest);
	o->since_request_s = since_s(now_ns, t->last_request_mono_ns);
	o->recent_p95_s = recent_quantile(t, now_ns, 0.95);
	double calm = ff_histogram_quantile(&t->levels[0].latency, 0.5);
	o->calm_median_s = t->levels[0].n >= RECENT_LEAST && !isnan(calm) ? calm : -1;
}

static void observe_lanes(const struct ff_agent *a, struct ff_observed *o)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	for (unsigned i = 0; i < FF_TALLY_LANES; i++) {
		const struct ff_tally_lane *l = &t->lanes[i];
		if (!l->name[0] || l->last_mono_ns < a->root_began_ns)
			continue;
		o->records |= !l->dead;
		o->loaded |= l->loaded && !l->dead;
		if (!l->loaded || (pid_t)l->pid == a->root)
			continue;
		o->engines += !l->dead;
		o->engines_dead += l->dead && !l->stopped;
	}
	if (!a->root) // whoever records in the folder
		o->alive = o->records;
}

static void observe_gpus(const struct ff_agent *a, struct ff_observed *o, uint64_t now_ns)
{
	o->driver_silent_s = ff_gpu_silent_s(&a->gpu, now_ns);
	for (uint32_t i = 0; i < a->gpu.now.n; i++)
		o->gpus_lost += a->gpu.now.state == FF_GPUS_OK && a->gpu.now.gpu[i].error != 0;
}

void ff_agent_judge(struct ff_agent *a, uint64_t now_ns)
{
	const struct ff_agent_options *options = &a->options;
	struct ff_observed o = {.supervision = a->supervision,
		.was_ready = a->was_ready,
		.listening = a->machine.usage.listening,
		.max_in_flight = (unsigned)options->max_in_flight,
		.stall_after_s = options->stall_after,
		.request_max_s = options->request_max,
		.ready_after_s = options->ready_after,
		.idle_after_s = options->idle_after};
	o.alive = a->root && ff_proc_lives(a->root, a->root_ticks, NULL);
	o.up_s = since_s(now_ns, a->root_began_ns ? a->root_began_ns : a->began_ns);
	o.since_progress_s = since_s(now_ns, a->progress_ns);
	observe_requests(a, &o, now_ns);
	observe_lanes(a, &o);
	observe_gpus(a, &o, now_ns);
	if (!a->root && a->supervision == FF_SUP_STARTING)
		o.alive = true; // forked, not yet told
	a->observed = o;
	ff_health_judge(&o, &a->health);
	a->was_ready |= a->health.ready;
}

// Without the lock: the kernel sums up a large process' memory in milliseconds, and a disk may hang.
static void look_at_machine(struct ff_agent *a, uint64_t now_ns, struct ff_machine *ret)
{
	struct statvfs shm;
	if (a->root)
		ff_procs_look(&a->looking, a->root, !a->was_ready, now_ns);
	*ret = (struct ff_machine){.usage = a->looking.now, .n = a->looking.n};
	memcpy(ret->list, a->looking.list, sizeof(ret->list));
	ff_group_read(a->root ? a->root : getpid(), &ret->group);
	if (statvfs("/dev/shm", &shm) == 0) {
		ret->shm_size = (uint64_t)shm.f_blocks * shm.f_frsize;
		ret->shm_used = (uint64_t)(shm.f_blocks - shm.f_bfree) * shm.f_frsize;
	}
}

void ff_agent_look(struct ff_agent *a)
{
	uint64_t now = ff_clock_ns();
	bool whole = now - a->looked_ns >= second_ns - second_ns / 8; // once a second
	struct ff_machine machine;
	ff_agent_take_events(a);
	if (whole)
		look_at_machine(a, now, &machine);
	pthread_mutex_lock(&a->lock);
	ff_gpu_tick(&a->gpu, now);
	if (whole) {
		a->machine = machine;
		note_progress(a, now, a->looked_ns ? (double)(now - a->looked_ns) / 1e9 : 1);
		a->looked_ns = now;
	}
	enum ff_state before = a->health.state;
	ff_agent_judge(a, now);
	a->generation++;
	bool changed = before != a->health.state || a->store_reads != a->store_reads_told;
	_cleanup_json_ json_t *health = changed && ff_stream_wanted() ? ff_health_document(a) : NULL;
	a->store_reads_told = a->store_reads;
	pthread_mutex_unlock(&a->lock);
	if (whole)
		ff_memory_sample(a);
	if (health)
		ff_stream_document("firstfix.health", health);
	ff_stream_flush();
	if (a->http)
		ff_http_tick(a->http);
}

// When a process began, on both clocks: its ticks are counted from the boot.
static void note_begin(struct ff_agent *a, uint64_t ticks)
{
	struct timespec boot;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	uint64_t up = (uint64_t)boot.tv_sec * second_ns + (uint64_t)boot.tv_nsec;
	uint64_t began = ticks * (second_ns / (uint64_t)sysconf(_SC_CLK_TCK));
	uint64_t age = ticks && up > began ? up - began : 0, epoch = ff_clock_epoch_ns(), now = ff_clock_ns();
	a->root_began_epoch_ns = epoch > age ? epoch - age : 0;
	a->root_began_ns = now > age ? now - age : 1;
}

void ff_agent_set_root(struct ff_agent *a, pid_t pid)
{
	a->root = pid;
	a->root_ticks = 0;
	a->n_known = 0;
	a->looked_ns = 0;
	ff_proc_lives(pid, 0, &a->root_ticks);
	note_begin(a, a->root_ticks);
	ff_memory_visible(a);
	a->progress_ns = ff_clock_ns();
	a->since_epoch_ns = a->since_epoch_ns ? a->since_epoch_ns : a->root_began_epoch_ns;
}

void ff_agent_hear(struct ff_agent *a, const char *line)
{
	static const struct {
		const char *name;
		enum ff_supervision is;
	} states[] = {{"CHECKING", FF_SUP_CHECKING}, {"STARTING", FF_SUP_STARTING}, {"UP", FF_SUP_UP},
		{"HUNG", FF_SUP_UP}, {"STOPPING", FF_SUP_STOPPING}, {"DRAINING", FF_SUP_BETWEEN},
		{"INCIDENT", FF_SUP_BETWEEN}, {"BACKOFF", FF_SUP_BETWEEN}, {"HOPELESS", FF_SUP_GIVEN_UP},
		{"LEAVING", FF_SUP_STOPPING}, {"GONE", FF_SUP_STOPPING}};
	int pid;
	unsigned attempt;
	pthread_mutex_lock(&a->lock);
	if (sscanf(line, "worker %d %u", &pid, &attempt) == 2 && pid > 0) {
		a->attempt = attempt;
		ff_agent_set_root(a, pid);
	}
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strncmp(line, "state ", 6) == 0 && strcmp(line + 6, states[i].name) == 0)
			a->supervision = states[i].is;
	pthread_mutex_unlock(&a->lock);
}
