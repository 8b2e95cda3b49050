// /v1/requests: what was served and how: rates and percentiles of the last minute, errors by type, how latency and
// memory go with the number of requests at once, the slowest with their ids, and those in work.
//
//	{"schema": "firstfix.requests/1", "totals": {"ok": 12, ...}, "last_minute": {"per_second": 3.2, "p50_ms": 31, ...},
//	 "contention": "at 5-8 at once p95 is 3.1 times that of a request alone, and 0.4 GB stay free", "slowest": [{"id": "42", ...}]}
#include "agent/answers.h"

#include "agent/agent.h"
#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES = 60, LEVEL_LEAST = 5 };
static const double contention_from = 2.5;

static json_t *ms(double seconds)
{
	return isnan(seconds) || seconds < 0 ? NULL : json_real(round(seconds * 1e6) / 1e3);
}

static void put(json_t *o, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(o, key, value);
}

static json_t *text(const char *s)
{
	return s[0] ? ff_json_string(s, strlen(s)) : NULL;
}

static json_t *moment(uint64_t epoch_ns)
{
	char at[FF_TIME_LEN];
	ff_clock_format(epoch_ns, at);
	return json_string(at);
}

// Of the requests that ended in the last minute; of the newest FF_TALLY_RECENT, where there were more.
static json_t *last_minute(const struct ff_tally *t, uint64_t now)
{
	float seconds[FF_TALLY_RECENT];
	size_t n = ff_tally_last_minute(t, now, seconds), failed = 0;
	uint64_t oldest = now;
	for (size_t i = 0; i < FF_TALLY_RECENT; i++) {
		const struct ff_tally_recent *r = &t->recent[i];
		if (!r->ended_mono_ns || r->ended_mono_ns > now ||
			now - r->ended_mono_ns > FF_TALLY_RECENT_S * UINT64_C(1000000000))
			continue;
		failed += r->outcome == FF_OUTCOME_ERROR;
		oldest = r->ended_mono_ns < oldest ? r->ended_mono_ns : oldest;
	}
	double over = n == FF_TALLY_RECENT && now > oldest ? (double)(now - oldest) / 1e9 : FF_TALLY_RECENT_S;
	json_t *o =
		json_pack("{s:i, s:i, s:f}", "requests", (int)n, "errors", (int)failed, "per_second", (double)n / over);
	static const struct {
		const char *key;
		double q;
	} rows[] = {{"p50_ms", 0.5}, {"p95_ms", 0.95}, {"p99_ms", 0.99}};
	for (size_t i = 0; n && o && i < sizeof(rows) / sizeof(rows[0]); i++)
		put(o, rows[i].key, ms((double)seconds[(size_t)(rows[i].q * (double)(n - 1))]));
	return o;
}

static json_t *levels(const struct ff_tally *t)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < FF_TALLY_LEVELS; i++) {
		const struct ff_tally_level *l = &t->levels[i];
		if (!l->n)
			continue;
		json_t *o = json_pack("{s:s, s:I}", "at_once", ff_tally_level_names[i], "requests", (json_int_t)l->n);
		put(o, "p50_ms", ms(ff_histogram_quantile(&l->latency, 0.5)));
		put(o, "p95_ms", ms(ff_histogram_quantile(&l->latency, 0.95)));
		if (l->peak_allocated)
			put(o, "peak_allocated", json_integer((json_int_t)l->peak_allocated));
		json_array_append_new(list, o);
	}
	return list;
}

// The least number of requests at once from which on they cost each other: said in words, with the memory that is left
// then.
static json_t *contention(const struct ff_agent *a, const struct ff_tally *t)
{
	double alone = ff_histogram_quantile(&t->levels[0].latency, 0.95);
	if (t->levels[0].n < LEVEL_LEAST || isnan(alone) || alone <= 0)
		return NULL;
	for (unsigned i = 1; i < FF_TALLY_LEVELS; i++) {
		const struct ff_tally_level *l = &t->levels[i];
		double p95 = ff_histogram_quantile(&l->latency, 0.95);
		if (l->n < LEVEL_LEAST || p95 < contention_from * alone)
			continue;
		char say[200];
		int n = snprintf(say, sizeof(say), "at %s at once p95 is %.1f times that of a request alone",
			ff_tally_level_names[i], p95 / alone);
		uint64_t total =
			a->gpu.now.n && a->gpu.now.gpu[0].has_memory ? a->gpu.now.gpu[0].total : t->devices[0].total;
		if (l->peak_allocated && total > l->peak_allocated)
			snprintf(say + n, sizeof(say) - (size_t)n, ", and %.1f GB of GPU memory stay free",
				(double)(total - l->peak_allocated) / (1 << 30));
		return json_string(say);
	}
	return NULL;
}

static int slower_first(const void *a, const void *b)
{
	const struct ff_tally_request *x = *(const struct ff_tally_request *const *)a,
				      *y = *(const struct ff_tally_request *const *)b;
	return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

static json_t *slowest(const struct ff_tally *t)
{
	const struct ff_tally_request *rows[FF_TALLY_SLOW];
	json_t *list = json_array();
	for (size_t i = 0; i < FF_TALLY_SLOW; i++)
		rows[i] = &t->slow[i];
	qsort(rows, FF_TALLY_SLOW, sizeof(rows[0]), slower_first);
	for (size_t i = 0; i < FF_TALLY_SLOW && rows[i]->ended_ns; i++) {
		const struct ff_tally_request *r = rows[i];
		json_t *o = json_pack("{s:o, s:o?, s:s, s:i}", "ended_at", moment(r->ended_ns), "duration_ms",
			ms(r->seconds), "outcome", ff_outcome_names[r->outcome % FF_OUTCOMES], "at_once",
			(int)r->concurrent);
		put(o, "id", text(r->id));
		put(o, "model", text(r->model));
		put(o, "route", text(r->route));
		put(o, "error_type", text(r->error));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *in_flight(const struct ff_agent *a, const struct ff_tally *t)
{
	json_t *list = json_array();
	uint64_t now = ff_clock_ns();
	for (size_t i = 0; i < FF_TALLY_OPEN; i++) {
		const struct ff_tally_open *p = &t->open[i];
		if (!p->id || !p->request)
			continue;
		json_t *o = json_pack("{s:o, s:o?}", "began_at", moment(p->began_ns), "for_ms",
			ms(now > a->seen_ns[i] ? (double)(now - a->seen_ns[i]) / 1e9 : 0));
		put(o, "id", text(p->request_id));
		put(o, "model", text(p->model));
		json_array_append_new(list, o);
	}
	return list;
}

// Requests that ended in each of the last SERIES seconds, the current one last.
static json_t *per_second(const struct ff_tally *t, uint64_t now)
{
	unsigned ended[SERIES] = {0};
	json_t *list = json_array();
	for (size_t i = 0; i < FF_TALLY_RECENT; i++) {
		uint64_t at = t->recent[i].ended_mono_ns, age = (now - at) / UINT64_C(1000000000);
		if (at && at <= now && age < SERIES)
			ended[SERIES - 1 - age]++;
	}
	for (size_t i = 0; i < SERIES; i++)
		json_array_append_new(list, json_integer(ended[i]));
	return list;
}

static json_t *named(const struct ff_named *rows)
{
	json_t *list = json_array();
	for (size_t i = 0; i < FF_TALLY_NAMES; i++)
		if (rows[i].name[0])
			json_array_append_new(list,
				json_pack("{s:o, s:I}", "type", text(rows[i].name), "count", (json_int_t)rows[i].n));
	return list;
}

static json_t *requests_document(const struct ff_agent *a)
{
	const struct ff_tally *t = ff_tally_now(a->tally);
	uint64_t now = ff_clock_ns();
	json_t *totals = json_object();
	for (unsigned i = 0; i < FF_OUTCOMES; i++)
		put(totals, ff_outcome_names[i], json_integer((json_int_t)t->requests[i]));
	json_t *doc = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:I, s:I}}", "schema",
		"firstfix.requests/1", "totals", totals, "last_minute", last_minute(t, now), "per_second",
		per_second(t, now), "errors", named(t->errors), "concurrency", levels(t), "slowest", slowest(t),
		"in_flight", in_flight(a, t), "tokens", "input", (json_int_t)t->input_tokens, "output",
		(json_int_t)t->output_tokens);
	if (!doc)
		return NULL;
	put(doc, "contention", contention(a, t));
	put(doc, "p50_ms", ms(ff_histogram_quantile(&t->latency, 0.5)));
	put(doc, "p95_ms", ms(ff_histogram_quantile(&t->latency, 0.95)));
	put(doc, "queue_p95_ms", ms(ff_histogram_quantile(&t->queue, 0.95)));
	return doc;
}

void ff_answer_requests(struct ff_request *r, struct ff_answer *out)
{
	pthread_mutex_lock(&r->agent->lock);
	_cleanup_json_ json_t *doc = requests_document(r->agent);
	pthread_mutex_unlock(&r->agent->lock);
	ff_answer_json(out, doc);
}
