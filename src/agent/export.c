// The collector's thread: lanes, incidents and metrics to requests in the queue.
//
//	otlp/NAME/state			how far it has come (export_state.h), locked while its agent lives
//	otlp/NAME/0000000000000017.logs	requests that wait (otlp/queue.h)
//
// The lanes are the first queue: what was read of them counts as read when the request with it is on disk, or was
// sent. With a full disk a request waits in memory, and with that full nothing more is read. So neither a SIGKILL
// of the agent nor a full disk loses an event that its lane still has, and what is sent twice has the same ids.
#include "agent/export.h"

#include "agent/export_metrics.h"
#include "agent/export_private.h"
#include "agent/export_records.h"
#include "agent/export_resource.h"
#include "base/clock.h"
#include "base/complain.h"
#include "base/statedir.h"
#include "store/store.h"

#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LOOK_MS = 100,
	STACK = 512 << 10,
	QUEUE_SHARE = 16, // of what the state folder may hold
	AT_ONCE = 5000,	  // events in one pass
	HOLD_MS = 3000,	  // how long an event waits for the word whose lane it is in
	RETRY_MS = 5000,
	ADOPT_MS = 60000,
	BEFORE_S = 2, // incidents that were stored a moment before we began are of this run too
};

static const uint64_t ms_ns = 1000000;
static const char magic[8] = {'F', 'F', 'E', 'X', 'P', 'O', 'R', '1'};

struct ff_export ff_export;

bool ff_export_counts(struct ff_otlp_counts *ret)
{
	struct ff_otlp_queue *queue = atomic_load(&ff_export.queue);
	if (queue)
		*ret = ff_otlp_queue_counts(queue);
	return queue != NULL;
}

// The copy that is being changed; what is in it counts when it is committed.
static struct ff_export_state *working(struct ff_export *x)
{
	if (!x->state)
		x->state = ff_twin_begin(x->twin);
	return x->state;
}

// The records of a signal become a request and wait. False when there is no room: they stay.
static bool queue_signal(struct ff_export *x, enum ff_signal signal, const json_t *attributes)
{
	json_t *records = x->batch.records[signal];
	size_t n = json_array_size(records);
	if (!n)
		return true;
	if (x->settings.targets[signal].url) {
		_cleanup_json_ json_t *request = ff_export_request(signal, attributes, json_incref(records));
		_cleanup_error_ struct ff_error *err = request ? ff_export_hash_names(request) : &ff_enomem;
		_cleanup_free_ char *text = err ? NULL : json_dumps(request, JSON_COMPACT);
		if (!text || !ff_otlp_queue_put(x->queue, signal, text, strlen(text), n))
			return false;
	}
	json_array_clear(records);
	return true;
}

bool ff_export_flush(struct ff_export *x, const json_t *attributes)
{
	bool done = true;
	for (unsigned i = 0; i < FF_SIGNALS; i++)
		done = queue_signal(x, (enum ff_signal)i, attributes) && done;
	if (done)
		x->batch.n = 0;
	return done;
}

// What was read is safe: say so.
static void commit(struct ff_export *x)
{
	if (!x->state || x->batch.n || !ff_otlp_queue_is_safe(x->queue))
		return;
	ff_twin_commit(x->twin);
	x->state = NULL;
}

// The next event that is the worker's, NULL for none now. One in a lane that the agent has not judged yet is held.
static const struct ff_event *next_event(struct ff_export *x, uint64_t now)
{
	for (int i = 0; i < AT_ONCE; i++) {
		if (!x->held) {
			ff_error_destroy(ff_events_next(x->events, &x->held));
			x->held_ns = now;
		}
		if (!x->held)
			return NULL;
		const struct ff_event *e = x->held;
		pthread_mutex_lock(&x->agent->lock);
		enum ff_lane_is is = ff_agent_lane_is(x->agent, e->lane);
		bool waits = x->agent->options.run && !x->agent->root;
		pthread_mutex_unlock(&x->agent->lock);
		if (is == FF_LANE_UNKNOWN && (waits || now - x->held_ns < HOLD_MS * ms_ns))
			return NULL;
		x->held = NULL;
		if (is == FF_LANE_OURS)
			return e;
	}
	return NULL;
}

// True when all was read.
static bool take_events(struct ff_export *x, uint64_t now)
{
	const struct ff_event *e;
	for (int i = 0; i < AT_ONCE; i++) {
		if (x->batch.n >= x->settings.batch_max && !ff_export_flush(x, x->resource))
			return false;
		e = next_event(x, now);
		if (!e)
			return !x->held;
		struct ff_export_lane *lane = ff_export_lane_of(working(x), e->lane, true);
		if (!e->position || e->position > lane->read)
			ff_error_destroy(ff_export_event(x->state, e, &x->batch));
	}
	return false;
}

// Processes that were gone before we read their lanes to the end: what they had in work was killed.
static void take_dead(struct ff_export *x, char (*dead)[FF_ID], size_t n)
{
	const struct ff_export_state *st = x->state ? x->state : ff_twin_now(x->twin);
	for (size_t i = 0; i < n; i++) {
		for (unsigned k = 0; k < FF_TALLY_OPEN; k++) {
			const struct ff_export_open *o = &st->open[k];
			if (!o->id || strcmp(st->lanes[o->lane % FF_TALLY_LANES].name, dead[i]) != 0)
				continue;
			ff_error_destroy(ff_export_lane_died(working(x), dead[i], ff_clock_epoch_ns(), &x->batch));
			break;
		}
	}
}

static size_t dead_lanes(struct ff_export *x, char (*ret)[FF_ID])
{
	size_t n = 0;
	pthread_mutex_lock(&x->agent->lock);
	const struct ff_tally *t = ff_tally_now(x->agent->tally);
	for (unsigned i = 0; i < FF_TALLY_LANES; i++)
		if (t->lanes[i].name[0] && t->lanes[i].dead)
			memcpy(ret[n++], t->lanes[i].name, FF_ID);
	pthread_mutex_unlock(&x->agent->lock);
	return n;
}

static bool was_told(const struct ff_export_state *st, const char *id, uint64_t count)
{
	for (unsigned i = 0; i < FF_EXPORT_INCIDENTS; i++)
		if (strncmp(st->told[i].id, id, FF_ID - 1) == 0 && st->told[i].count == count)
			return true;
	return false;
}

static struct ff_error *tell_incident(struct ff_export *x, struct ff_store *store, const json_t *row)
{
	_cleanup_json_ json_t *doc = NULL;
	const char *id = ff_json_text(row, "id");
	uint64_t count = (uint64_t)json_integer_value(json_object_get(row, "count"));
	if (!id || was_told(x->state ? x->state : ff_twin_now(x->twin), id, count))
		return NULL;
	struct ff_error *err = ff_store_get(store, id, &doc);
	if (!err)
		err = ff_export_incident(working(x), doc, &x->batch);
	if (err)
		return err;
	struct ff_export_told *told = &x->state->told[x->state->told_n++ % FF_EXPORT_INCIDENTS];
	snprintf(told->id, sizeof(told->id), "%s", id);
	told->count = count;
	return NULL;
}

// Those stored since this worker began, when somebody wrote to the database.
static void take_incidents(struct ff_export *x)
{
	_cleanup_store_ struct ff_store *store = NULL;
	_cleanup_json_ json_t *list = NULL;
	char since[FF_TIME_LEN];
	uint64_t files = ff_incidents_files(x->agent);
	size_t i;
	json_t *row;
	if (files == x->store_files)
		return;
	const struct ff_export_state *st = x->state ? x->state : ff_twin_now(x->twin);
	ff_clock_format(st->incidents_since_ns, since);
	struct ff_error *err = ff_store_open(x->agent->dir, true, &store);
	if (!err)
		err = ff_store_since(store, since, &list);
	json_array_foreach (list, i, row)
		if (!err)
			err = tell_incident(x, store, row);
	bool again = err && err->code != FF_EABSENT;
	ff_error_destroy(err);
	if (!again)
		x->store_files = files;
}

// The facts of the start and whether it went well; last of all once more, for a worker that lived for a moment.
static void take_start(struct ff_export *x, bool last)
{
	if (!x->agent->options.run)
		return;
	if (last)
		x->fleet.look_ns = 0;
	const struct ff_export_state *st = x->state ? x->state : ff_twin_now(x->twin);
	ff_error_destroy(ff_export_fleet_look(&x->fleet, st, x->agent->dir, x->agent->options.run, &x->batch));
}

static void take_metrics(struct ff_export *x, uint64_t now, bool at_once)
{
	if (!x->settings.targets[FF_SIGNAL_METRICS].url || (!at_once && now < x->metrics_ns))
		return;
	x->metrics_ns = now + x->settings.metrics_every_ms * ms_ns;
	const struct ff_export_state *st = x->state ? x->state : ff_twin_now(x->twin);
	pthread_mutex_lock(&x->agent->lock);
	json_t *list = ff_export_metrics(x->agent, st->began_ns, ff_clock_epoch_ns());
	pthread_mutex_unlock(&x->agent->lock);
	if (!list)
		return;
	json_decref(x->batch.records[FF_SIGNAL_METRICS]);
	x->batch.records[FF_SIGNAL_METRICS] = list;
	queue_signal(x, FF_SIGNAL_METRICS, x->resource); // else the next ones stand for them
	json_array_clear(list);
}

static struct ff_error *begin_state(struct ff_export *x)
{
	struct ff_export_state *st = working(x);
	if (!st->began_ns) {
		uint64_t since = x->agent->since_epoch_ns, before = BEFORE_S * 1000 * ms_ns;
		st->began_ns = ff_clock_epoch_ns();
		st->incidents_since_ns = since > before ? since - before : since;
		ff_export_origin(st->origin, sizeof(st->origin));
	}
	_cleanup_free_ char *resource = json_dumps(x->resource, JSON_COMPACT);
	if (!resource)
		return &ff_enomem;
	snprintf(st->resource, sizeof(st->resource), "%s", strlen(resource) < sizeof(st->resource) ? resource : "[]");
	ff_twin_commit(x->twin);
	x->state = NULL;
	return NULL;
}

struct ff_error *ff_export_state_open(const char *folder, bool make, struct ff_twin **ret)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/state", folder) >= (int)sizeof(path))
		return ff_error_os(ENAMETOOLONG, "%s", folder);
	return ff_twin_open(
		path, magic, sizeof(struct ff_export_state), make, "another agent exports this worker", ret);
}

void ff_export_state_remove(const char *folder)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/state", folder) < (int)sizeof(path))
		unlink(path);
	rmdir(folder);
}

// The lanes as they are now: a reader that follows looks for new ones every half second only. What was read before is
// passed over by its position.
static struct ff_error *open_events(const struct ff_agent *a, struct ff_events **ret)
{
	struct ff_events *events;
	struct ff_error *err = ff_events_open(
		&(struct ff_events_options){.dir = a->dir, .follow = true, .since_ns = a->events_since_ns}, &events);
	if (err)
		return err;
	if (*ret)
		ff_events_close(*ret);
	*ret = events;
	return NULL;
}

// Folder, state, queue and lanes; tried again while the disk is full.
static struct ff_error *open_all(struct ff_export *x)
{
	char sub[96];
	_cleanup_free_ char *folder = NULL;
	struct ff_otlp_queue *queue;
	snprintf(sub, sizeof(sub), "otlp/%s", x->agent->name);
	struct ff_error *err = ff_statedir_make(x->agent->dir, sub, &folder);
	if (!err)
		err = ff_export_state_open(folder, true, &x->twin);
	if (!err)
		err = begin_state(x);
	if (!err && !x->events)
		err = open_events(x->agent, &x->events);
	if (!err)
		err = ff_otlp_queue_open(folder, ff_statedir_max_bytes() / QUEUE_SHARE, &queue);
	if (err) {
		ff_twin_close(x->twin);
		x->twin = NULL;
		return err;
	}
	snprintf(x->folder, sizeof(x->folder), "%s", folder);
	atomic_store(&x->queue, queue);
	return NULL;
}

static bool is_open(struct ff_export *x, uint64_t now)
{
	if (x->twin)
		return true;
	if (now < x->again_ns)
		return false;
	x->again_ns = now + RETRY_MS * ms_ns;
	struct ff_error *err = open_all(x);
	if (err && !x->said)
		ff_complain("firstfix agent: nothing is exported yet: %s", err->message);
	x->said |= err != NULL;
	ff_error_destroy(err);
	return x->twin != NULL;
}

// The worker may be another process than before, or have executed another program.
static void know_worker(struct ff_export *x)
{
	char program[PATH_MAX];
	json_t *resource = NULL;
	pthread_mutex_lock(&x->agent->lock);
	pid_t root = x->agent->root;
	if (!root || !ff_export_program(root, program))
		snprintf(program, sizeof(program), "%s", root == x->root ? x->program : "");
	if (!x->resource || root != x->root || strcmp(program, x->program) != 0)
		resource = ff_export_resource(x->agent, &x->settings);
	pthread_mutex_unlock(&x->agent->lock);
	if (!resource)
		return;
	if (x->batch.n) // it is of the one before
		ff_export_flush(x, x->resource);
	json_decref(x->resource);
	x->resource = resource;
	x->root = root;
	snprintf(x->program, sizeof(x->program), "%s", program);
}

static void look(struct ff_export *x, bool last)
{
	static char dead[FF_TALLY_LANES][FF_ID];
	uint64_t now = ff_clock_ns();
	know_worker(x);
	if (!x->resource || !is_open(x, now))
		return;
	size_t n_dead = dead_lanes(x, dead);
	if (!x->batch.n)
		x->batch_ns = now;
	if (take_events(x, now))
		take_dead(x, dead, n_dead);
	take_start(x, last);
	take_incidents(x);
	if (x->batch.n && (last || now - x->batch_ns >= x->settings.delay_ms * ms_ns))
		ff_export_flush(x, x->resource);
	commit(x);
	take_metrics(x, now, last);
	if (now >= x->adopt_ns && !last && !x->batch.n && !x->state) { // what waits in the batch is of our own worker
		x->adopt_ns = now + ADOPT_MS * ms_ns;
		ff_export_adopt(x);
	}
}

static void *collect(void *arg)
{
	struct ff_export *x = arg;
	while (!atomic_load(&x->ending)) {
		look(x, false);
		for (int i = 0; i < LOOK_MS / 10 && !atomic_load(&x->ending); i++)
			poll(NULL, 0, 10);
	}
	x->held = NULL;
	if (x->events)
		ff_error_destroy(open_events(x->agent, &x->events));
	look(x, true);
	atomic_store(&x->collected, true);
	return NULL;
}

struct ff_error *ff_export_thread(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int code = pthread_create(&thread, &attributes, run, arg);
	pthread_attr_destroy(&attributes);
	return code ? ff_error_os(code, "a thread for the export") : NULL;
}

static const char *variable(const char *name)
{
	return getenv(name);
}

struct ff_error *ff_export_start(struct ff_agent *agent)
{
	struct ff_export *x = &ff_export;
	struct ff_error *err = ff_otlp_settings_read(variable, &x->settings);
	for (size_t i = 0; !err && i < x->settings.n_problems && !getenv("FIRSTFIX_AGENT_AGAIN"); i++)
		ff_complain("firstfix agent: %s", x->settings.problems[i]);
	if (err || !x->settings.on)
		return err;
	mallopt(M_ARENA_MAX,
		1); // threads that allocate for a moment and in turn: room of their own would only lie there
	x->agent = agent;
	x->batch.settings = &x->settings;
	for (unsigned i = 0; i < FF_SIGNALS; i++) {
		x->batch.records[i] = json_array();
		if (!x->batch.records[i])
			return &ff_enomem;
	}
	err = ff_export_senders_start(x);
	if (!err)
		err = ff_export_thread(collect, x);
	x->started = !err;
	return err;
}

void ff_export_end(unsigned ms)
{
	struct ff_export *x = &ff_export;
	uint64_t until = ff_clock_ns() + ms * ms_ns;
	if (!x->started)
		return;
	ff_error_destroy(open_events(x->agent, &x->agent->events));
	ff_agent_look(x->agent); // whose the newest lanes are
	atomic_store(&x->ending, true);
	while (ff_clock_ns() < until && (!atomic_load(&x->collected) || atomic_load(&x->sending) > 0))
		poll(NULL, 0, 5);
	struct ff_otlp_counts counts;
	bool over = x->agent->root && !ff_proc_lives(x->agent->root, x->agent->root_ticks, NULL);
	if (!over || !atomic_load(&x->collected) || !ff_export_counts(&counts) || counts.bytes || x->state)
		return;
	ff_export_state_remove(x->folder); // nothing is left to do
}
