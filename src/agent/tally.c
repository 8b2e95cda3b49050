// Counts the events of the lanes. An event whose position in its lane is behind what was read is new, every other was
// counted by this agent or by one before it.
//
//	firstfix.phase.begin {firstfix.phase: request, firstfix.phase.id: 7, firstfix.request.id: "42"}
//	firstfix.phase.end   {firstfix.phase: request, firstfix.phase.id: 7, firstfix.outcome: ok, firstfix.duration_ms: 31.5}
//
// How the source lies: a process that was killed leaves a begin without an end; names are the worker's and may be
// anything, so tables of them are bounded and the last row takes the rest.
#include "agent/tally.h"

#include "base/str.h"
#include "ring/json.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_WORD_KEPT = 8 };

const char *const ff_outcome_names[FF_OUTCOMES] = {"ok", "error", "cancelled", "killed", "refused"};
const char *const ff_tally_level_names[FF_TALLY_LEVELS] = {"1", "2", "3-4", "5-8", "9-16", "17-32", "33-64", "65+"};
const double ff_bucket_bounds[FF_BUCKETS - 1] = {
	0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600};

static const char other[] = "other";

struct ff_error *ff_tally_open_file(const char *dir, const char *name, struct ff_twin **ret)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s.tally", dir, name) >= (int)sizeof(path))
		return ff_error_os(ENAMETOOLONG, "%s", dir);
	return ff_twin_open(
		path, "FFTALLY2", sizeof(struct ff_tally), true, "another agent watches this worker already", ret);
}

const struct ff_tally *ff_tally_now(const struct ff_twin *file)
{
	return ff_twin_now(file);
}

// How much of a text that is too long is kept: whole words, for half a secret is no longer known as one.
static size_t whole_words(const char *text)
{
	size_t m = FF_ID - 1;
	while (m && !strchr(" \t,;:=?&/|\"'()[]{}<>", text[m]))
		m--;
	return m ? m : LONG_WORD_KEPT;
}

// Bytes of a text that fit, without those that could not stand in a line.
static void copy(char ret[FF_ID], const char *text, size_t n)
{
	size_t m = n < FF_ID ? n : whole_words(text);
	for (size_t i = 0; i < m; i++)
		ret[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
	ret[m] = '\0';
}

static bool text_of(const struct ff_event *e, const char *key, char ret[FF_ID])
{
	const struct ff_field *f = ff_event_field(e, key);
	if (!f || f->type != FF_FIELD_STRING)
		return false;
	copy(ret, f->s, f->n);
	return true;
}

static bool is_text(const struct ff_event *e, const char *key, const char *text)
{
	const struct ff_field *f = ff_event_field(e, key);
	return f && f->type == FF_FIELD_STRING && ff_span_eq((struct ff_span){f->s, f->n}, text);
}

static bool number_of(const struct ff_event *e, const char *key, double *ret)
{
	const struct ff_field *f = ff_event_field(e, key);
	if (!f || (f->type != FF_FIELD_INT && f->type != FF_FIELD_REAL))
		return false;
	double value = f->type == FF_FIELD_INT ? (double)f->i : f->d;
	if (!(value >= 0 && value < 1e18))
		return false;
	*ret = value;
	return true;
}

static bool count_of(const struct ff_event *e, const char *key, uint64_t *ret)
{
	double value;
	if (!number_of(e, key, &value))
		return false;
	*ret = (uint64_t)value;
	return true;
}

static void observe(struct ff_histogram *h, double seconds, unsigned *ret_bucket)
{
	unsigned i = 0;
	while (i < FF_BUCKETS - 1 && seconds > ff_bucket_bounds[i])
		i++;
	h->n[i]++;
	h->sum += seconds;
	if (ret_bucket)
		*ret_bucket = i;
}

double ff_histogram_quantile(const struct ff_histogram *h, double q)
{
	uint64_t all = 0, below = 0;
	for (unsigned i = 0; i < FF_BUCKETS; i++)
		all += h->n[i];
	if (!all)
		return NAN;
	double rank = q * (double)all;
	for (unsigned i = 0; i < FF_BUCKETS - 1; i++) {
		if ((double)(below + h->n[i]) >= rank && h->n[i]) {
			double low = i ? ff_bucket_bounds[i - 1] : 0;
			return low + (ff_bucket_bounds[i] - low) * (rank - (double)below) / (double)h->n[i];
		}
		below += h->n[i];
	}
	return ff_bucket_bounds[FF_BUCKETS - 2];
}

static int shorter_first(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

size_t ff_tally_last_minute(const struct ff_tally *t, uint64_t now_ns, float ret[FF_TALLY_RECENT])
{
	size_t n = 0;
	for (size_t i = 0; i < FF_TALLY_RECENT; i++) {
		uint64_t at = t->recent[i].ended_mono_ns;
		if (at && at <= now_ns && now_ns - at <= FF_TALLY_RECENT_S * UINT64_C(1000000000))
			ret[n++] = t->recent[i].seconds;
	}
	qsort(ret, n, sizeof(ret[0]), shorter_first);
	return n;
}

unsigned ff_tally_level_of(uint32_t concurrent)
{
	unsigned level = 0;
	while (level < FF_TALLY_LEVELS - 1 && concurrent > 1u << level)
		level++;
	return level;
}

struct ff_named *ff_named_row(struct ff_named *rows, size_t n, const char *name)
{
	struct ff_named *last = &rows[n - 1];
	for (struct ff_named *row = rows; row < last && name[0] && strcmp(name, other) != 0; row++) {
		if (!row->name[0])
			copy(row->name, name, strlen(name));
		if (strncmp(row->name, name, FF_ID - 1) == 0)
			return row;
	}
	memcpy(last->name, other, sizeof(other));
	return last;
}

// The place of a lane; a new one takes that of the dead one that was silent longest when all are taken.
static struct ff_tally_lane *lane_of(struct ff_tally *t, const struct ff_event *e)
{
	struct ff_tally_lane *place = NULL;
	for (unsigned i = 0; i < FF_TALLY_LANES; i++) {
		struct ff_tally_lane *l = &t->lanes[i];
		if (strncmp(l->name, e->lane, FF_ID - 1) == 0 && l->name[0])
			return l;
		bool better = !l->name[0] ||
			(l->dead && (!place || (place->name[0] && l->last_mono_ns < place->last_mono_ns)));
		if (better && (!place || place->name[0]))
			place = l;
	}
	if (!place)
		return NULL;
	*place = (struct ff_tally_lane){.pid = e->pid, .began_mono_ns = e->mono_ns};
	copy(place->name, e->lane, strlen(e->lane));
	return place;
}

static struct ff_tally_open *open_of(struct ff_tally *t, uint32_t lane, uint64_t id)
{
	for (unsigned i = 0; i < FF_TALLY_OPEN; i++)
		if (t->open[i].id == id && (!id || t->open[i].lane == lane))
			return &t->open[i];
	return NULL;
}

static void phase_begins(struct ff_tally *t, uint32_t lane, const struct ff_event *e)
{
	uint64_t id = 0, concurrent = 0;
	struct ff_tally_open *o = open_of(t, lane, 0);
	if (!o || !count_of(e, "firstfix.phase.id", &id) || !id)
		return;
	count_of(e, "firstfix.request.concurrent", &concurrent);
	*o = (struct ff_tally_open){.id = id,
		.lane = lane,
		.began_ns = e->time_ns,
		.began_mono_ns = e->mono_ns,
		.concurrent = concurrent < 1u << 16 ? (uint32_t)concurrent : 0};
	text_of(e, "firstfix.phase", o->phase);
	text_of(e, "firstfix.request.id", o->request_id);
	text_of(e, "gen_ai.request.model", o->model);
	o->load = strcmp(o->phase, "model.load") == 0;
	o->request = ff_event_field(e, "firstfix.request.concurrent") || strcmp(o->phase, "request") == 0;
	if (o->load && o->model[0])
		memcpy(t->model, o->model, sizeof(t->model));
}

static enum ff_outcome outcome_of(const struct ff_event *e)
{
	for (unsigned i = 0; i < FF_OUTCOMES; i++)
		if (is_text(e, "firstfix.outcome", ff_outcome_names[i]))
			return (enum ff_outcome)i;
	return FF_OUTCOME_ERROR;
}

static void keep_slow(struct ff_tally *t, const struct ff_tally_request *r)
{
	struct ff_tally_request *least = &t->slow[0];
	for (unsigned i = 1; i < FF_TALLY_SLOW; i++)
		if (t->slow[i].seconds < least->seconds)
			least = &t->slow[i];
	if (r->seconds > least->seconds)
		*least = *r;
}

static void keep_recent(struct ff_tally *t, const struct ff_tally_request *r, uint64_t ended_mono_ns)
{
	t->recent[t->recent_n++ % FF_TALLY_RECENT] = (struct ff_tally_recent){ended_mono_ns, (float)r->seconds,
		(uint16_t)r->outcome, (uint16_t)(r->concurrent < UINT16_MAX ? r->concurrent : UINT16_MAX)};
}

// Requests of a process that are in work now.
static uint32_t at_once(const struct ff_tally *t, uint32_t lane)
{
	uint32_t n = 0;
	for (unsigned i = 0; i < FF_TALLY_OPEN; i++)
		n += t->open[i].id && t->open[i].request && t->open[i].lane == lane;
	return n;
}

static void request_ended(struct ff_tally *t, const struct ff_tally_open *o, const struct ff_event *e, double seconds)
{
	struct ff_tally_request r = {
		.ended_ns = e->time_ns, .seconds = seconds, .outcome = outcome_of(e), .concurrent = o->concurrent};
	unsigned bucket;
	double queued;
	uint32_t now = at_once(t, o->lane); // others may have come after it began
	r.concurrent = now > r.concurrent ? now : r.concurrent;
	uint64_t tokens, allocated = 0;
	memcpy(r.id, o->request_id, sizeof(r.id));
	memcpy(r.model, o->model, sizeof(r.model));
	if (!text_of(e, "http.route", r.route))
		text_of(e, "code.function.name", r.route);
	if (text_of(e, "error.type", r.error) && r.outcome == FF_OUTCOME_ERROR)
		ff_named_row(t->errors, FF_TALLY_NAMES, r.error)->n++;
	t->requests[r.outcome]++;
	t->last_request_mono_ns = e->mono_ns;
	observe(&t->latency, seconds, &bucket);
	t->exemplars[bucket] = (struct ff_exemplar){.value = seconds, .at_ns = e->time_ns};
	memcpy(t->exemplars[bucket].id, r.id, sizeof(r.id));
	if (number_of(e, "firstfix.request.queue_ms", &queued))
		observe(&t->queue, queued / 1e3, NULL);
	if (count_of(e, "gen_ai.usage.input_tokens", &tokens))
		t->input_tokens += tokens;
	if (count_of(e, "gen_ai.usage.output_tokens", &tokens))
		t->output_tokens += tokens;
	struct ff_tally_level *level = &t->levels[ff_tally_level_of(r.concurrent)];
	level->n++;
	observe(&level->latency, seconds, NULL);
	if (count_of(e, "firstfix.gpu.memory.peak", &allocated) ||
		count_of(e, "firstfix.gpu.memory.allocated", &allocated))
		level->peak_allocated = allocated > level->peak_allocated ? allocated : level->peak_allocated;
	keep_slow(t, &r);
	keep_recent(t, &r, e->mono_ns);
}

static void load_ended(struct ff_tally *t, uint32_t lane, const struct ff_event *e, double seconds)
{
	bool ok = outcome_of(e) == FF_OUTCOME_OK;
	t->loads += ok;
	t->loads_failed += !ok;
	if (!ok)
		return;
	t->lanes[lane].loaded = true;
	t->load_seconds = seconds;
	t->load_ended_mono_ns = e->mono_ns;
}

static void device_told(struct ff_tally *t, const struct ff_event *e)
{
	uint64_t index = 0;
	count_of(e, "firstfix.gpu.index", &index);
	if (index >= FF_TALLY_DEVICES || !ff_event_field(e, "firstfix.gpu.memory.allocated"))
		return;
	struct ff_tally_device *d = &t->devices[index];
	count_of(e, "firstfix.gpu.memory.allocated", &d->allocated);
	count_of(e, "firstfix.gpu.memory.reserved", &d->reserved);
	count_of(e, "firstfix.gpu.memory.peak", &d->peak);
	count_of(e, "firstfix.gpu.memory.total", &d->total);
	count_of(e, "firstfix.gpu.memory.free", &d->free);
	d->at_mono_ns = e->mono_ns;
}

static void phase_ends(struct ff_tally *t, uint32_t lane, const struct ff_event *e)
{
	uint64_t id = 0;
	double ms = 0;
	count_of(e, "firstfix.phase.id", &id);
	struct ff_tally_open *o = id ? open_of(t, lane, id) : NULL;
	struct ff_tally_open unknown = {.lane = lane};
	if (!o) { // its begin was overwritten, or there were too many at once
		o = &unknown;
		text_of(e, "firstfix.phase", o->phase);
		o->load = strcmp(o->phase, "model.load") == 0;
		o->request = strcmp(o->phase, "request") == 0;
	}
	if (!number_of(e, "firstfix.duration_ms", &ms) && o->began_mono_ns && e->mono_ns > o->began_mono_ns)
		ms = (double)(e->mono_ns - o->began_mono_ns) / 1e6;
	struct ff_named *phase = ff_named_row(t->phases, FF_TALLY_NAMES, o->phase);
	phase->n++;
	phase->seconds += ms / 1e3;
	if (o->request)
		request_ended(t, o, e, ms / 1e3);
	if (o->load)
		load_ended(t, lane, e, ms / 1e3);
	device_told(t, e);
	o->id = 0;
}

void ff_tally_missed(struct ff_tally *t, const struct ff_event *e, uint64_t ordinal)
{
	struct ff_tally_lane *l = lane_of(t, e);
	uint64_t before = e->kind == FF_EV_LOST ? ordinal : ordinal - 1;
	if (!l || !ordinal || ordinal <= l->ordinal)
		return;
	t->lost += before - l->ordinal;
	l->ordinal = ordinal;
}

void ff_tally_count(struct ff_tally *t, const struct ff_event *e)
{
	if (e->kind == FF_EV_LOST) // ff_tally_missed() counts them
		return;
	struct ff_tally_lane *l = lane_of(t, e);
	if (!l || e->position <= l->read)
		return;
	uint32_t lane = (uint32_t)(l - t->lanes);
	l->read = e->position;
	l->last_mono_ns = e->mono_ns;
	t->events++;
	if (e->kind == FF_EV_PHASE_BEGIN)
		phase_begins(t, lane, e);
	else if (e->kind == FF_EV_PHASE_END)
		phase_ends(t, lane, e);
	else if (e->kind == FF_EV_MEMORY)
		device_told(t, e);
	else if (e->kind == FF_EV_EXCEPTION)
		t->exceptions++;
	else if (e->kind == FF_EV_PROCESS_STOP)
		l->stopped = true;
}

void ff_tally_lane_died(struct ff_tally *t, uint32_t lane)
{
	t->lanes[lane].dead = true;
	for (unsigned i = 0; i < FF_TALLY_OPEN; i++) {
		if (!t->open[i].id || t->open[i].lane != lane)
			continue;
		t->requests[FF_OUTCOME_KILLED] += t->open[i].request;
		t->loads_failed += t->open[i].load;
		t->open[i].id = 0;
	}
}
