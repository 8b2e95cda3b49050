// Events of firstfix.event/1 are log records; the two of a phase are a span as well; an incident is a log record.
//
//	{"event.name": "exception", "exception.type": "ValueError", "firstfix.phase.id": 7, ...}
//	-> {"timeUnixNano": "...", "severityNumber": 17, "eventName": "exception", "attributes": [...], "traceId": ...}
//
// Keys of events are OpenTelemetry's own names where those exist (event.def), so most go out as they are.
//
// How the source lies: every text is the worker's. It is masked before anything is made of it; ids of traces count only
// where they have the form of W3C's; a phase may end that never began, and begin without an end.
#include "agent/export_records.h"

#include "agent/export_fleet.h"
#include "base/clock.h"
#include "base/hash.h"
#include "emit/redact.h"
#include "ring/json.h"

#include <ctype.h>
#include <stdio.h>

enum { SEVERITY_INFO = 9, SEVERITY_WARN = 13, SEVERITY_ERROR = 17, SEVERITY_MAX = 24, ID_TEXT = 256 };
enum { KIND_INTERNAL = 1, KIND_SERVER = 2, KIND_CONSUMER = 5, STATUS_ERROR = 2 };
enum { FLAG_SAMPLED = 1, FLAG_HAS_REMOTE = 0x100, FLAG_REMOTE = 0x200 };

static const char scope_name[] = "firstfix", schema_url[] = "https://opentelemetry.io/schemas/1.37.0";

// What becomes a field of a record, or says the same as one.
static const char *const no_attributes[] = {"schema", "timestamp", "event.name", "body", "severity_text",
	"severity_number", "trace_id", "span_id", "parent_span_id", "trace_state", "trace_flags", "firstfix.event"};

struct ff_export_lane *ff_export_lane_of(struct ff_export_state *st, const char *name, bool make)
{
	struct ff_export_lane *place = NULL;
	for (unsigned i = 0; i < FF_TALLY_LANES; i++) {
		struct ff_export_lane *l = &st->lanes[i];
		if (l->name[0] && strncmp(l->name, name, FF_ID - 1) == 0)
			return l;
		if (!place || (place->name[0] && (!l->name[0] || l->last_ns < place->last_ns)))
			place = l;
	}
	if (!make)
		return NULL;
	*place = (struct ff_export_lane){0};
	snprintf(place->name, sizeof(place->name), "%s", name);
	for (unsigned i = 0; i < FF_TALLY_OPEN; i++)
		if (st->open[i].lane == (uint32_t)(place - st->lanes))
			st->open[i].id = 0;
	return place;
}

struct ff_export_open *ff_export_open_of(struct ff_export_state *st, uint32_t lane, uint64_t phase)
{
	for (unsigned i = 0; i < FF_TALLY_OPEN; i++)
		if (st->open[i].id == phase && (!phase || st->open[i].lane == lane))
			return &st->open[i];
	return NULL;
}

static const char *text(const json_t *event, const char *key)
{
	return json_string_value(json_object_get(event, key));
}

static uint64_t count(const json_t *event, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(event, key));
	return n > 0 ? (uint64_t)n : 0;
}

static void copy(char *ret, size_t room, const char *from)
{
	snprintf(ret, room, "%s", from ? from : "");
}

// An id as W3C has it: so many hexadecimal digits, not all of them zero.
static bool take_id(char *ret, size_t room, const char *given)
{
	if (!given || strlen(given) != room - 1 || strspn(given, "0") == room - 1)
		return false;
	for (size_t i = 0; i < room; i++) {
		ret[i] = (char)tolower((unsigned char)given[i]);
		if (given[i] && !isxdigit((unsigned char)given[i]))
			return false;
	}
	return true;
}

// The same thing has the same id whenever and by whomever it is sent. Never zero.
static void make_id(
	char ret[FF_SPAN_ID], const char *kind, const struct ff_export_state *st, const char *of, uint64_t n)
{
	char name[ID_TEXT];
	int length = snprintf(name, sizeof(name), "%s|%s|%s|%llu", kind, st->origin, of, (unsigned long long)n);
	uint64_t hash = ff_hash((struct ff_span){name, (size_t)(length < ID_TEXT ? length : ID_TEXT - 1)}, false);
	snprintf(ret, FF_SPAN_ID, "%016llx", (unsigned long long)(hash ? hash : 1));
}

static void make_long_id(
	char ret[FF_TRACE_ID], const char *kind, const struct ff_export_state *st, const char *of, uint64_t n)
{
	char second[16];
	snprintf(second, sizeof(second), "%s+", kind);
	make_id(ret, kind, st, of, n);
	make_id(ret + FF_SPAN_ID - 1, second, st, of, n);
}

// Bytes of a text that fit, cut before a character and not within it.
static size_t cut(const char *p, size_t n, size_t max)
{
	if (!max || n <= max)
		return n;
	while (max && ((unsigned char)p[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static json_t *any_value(const json_t *value, size_t max)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return json_pack("{s:s%}", "stringValue", json_string_value(value),
			cut(json_string_value(value), json_string_length(value), max));
	case JSON_INTEGER:
		return json_pack("{s:o}", "intValue", json_sprintf("%lld", (long long)json_integer_value(value)));
	case JSON_REAL:
		return json_pack("{s:f}", "doubleValue", json_real_value(value));
	case JSON_TRUE:
	case JSON_FALSE:
		return json_pack("{s:b}", "boolValue", json_is_true(value));
	default:;
		char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		json_t *made =
			dumped ? json_pack("{s:s%}", "stringValue", dumped, cut(dumped, strlen(dumped), max)) : NULL;
		free(dumped);
		return made;
	}
}

bool ff_export_attribute(json_t *list, const char *key, const json_t *value, size_t max)
{
	if (!value || json_is_null(value))
		return true;
	return json_array_append_new(list, json_pack("{s:s, s:o}", "key", key, "value", any_value(value, max))) == 0;
}

static bool add_new(json_t *list, const char *key, json_t *value)
{
	bool done = ff_export_attribute(list, key, value, 0);
	json_decref(value);
	return done;
}

static bool is_attribute(const char *key)
{
	for (size_t i = 0; i < sizeof(no_attributes) / sizeof(no_attributes[0]); i++)
		if (strcmp(no_attributes[i], key) == 0)
			return false;
	return true;
}

static bool add_fields(const struct ff_export_batch *batch, json_t *list, const json_t *event)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)event, key, value)
		if (is_attribute(key) && !ff_export_attribute(list, key, value, batch->settings->value_max))
			return false;
	return true;
}

static json_t *nanoseconds(uint64_t epoch_ns)
{
	return json_sprintf("%llu", (unsigned long long)epoch_ns);
}

static struct ff_error *append(struct ff_export_batch *batch, enum ff_signal signal, json_t *record)
{
	if (!record)
		return &ff_enomem;
	batch->n++;
	return json_array_append_new(batch->records[signal], record) < 0 ? &ff_enomem : NULL;
}

static uint64_t severity_of(const struct ff_event *event, const json_t *e)
{
	const char *outcome = text(e, "firstfix.outcome");
	uint64_t said = count(e, "severity_number");
	if (said && said <= SEVERITY_MAX)
		return said;
	if (event->kind == FF_EV_EXCEPTION || (outcome && strcmp(outcome, "error") == 0))
		return SEVERITY_ERROR;
	return event->kind == FF_EV_LOST ? SEVERITY_WARN : SEVERITY_INFO;
}

static const char *severity_name(uint64_t severity)
{
	static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};
	return names[(severity - 1) / 4 % 6];
}

// Trace and span of what an event says, else of the phase that it is in.
static bool add_trace(
	json_t *record, struct ff_export_state *st, const struct ff_export_lane *lane, const json_t *event)
{
	char trace[FF_TRACE_ID], span[FF_SPAN_ID];
	uint64_t phase = count(event, "firstfix.phase.id");
	const struct ff_export_open *o =
		phase && lane ? ff_export_open_of(st, (uint32_t)(lane - st->lanes), phase) : NULL;
	bool both = take_id(trace, sizeof(trace), text(event, "trace_id")) &&
		take_id(span, sizeof(span), text(event, "span_id"));
	if (!both && !o)
		return true;
	return json_object_set_new(record, "traceId", json_string(both ? trace : o->trace_id)) == 0 &&
		json_object_set_new(record, "spanId", json_string(both ? span : o->span_id)) == 0;
}

static struct ff_error *add_log(struct ff_export_state *st, const struct ff_export_lane *lane,
	const struct ff_event *event, const json_t *e, struct ff_export_batch *batch)
{
	char uid[FF_TRACE_ID];
	const char *name = text(e, "firstfix.event"), *body = text(e, "body");
	uint64_t severity = severity_of(event, e);
	const char *severity_text = text(e, "severity_text");
	body = body ? body : text(e, "exception.message");
	make_long_id(uid, "event", st, event->lane, event->position ? event->position : lane ? lane->read : 0);
	json_t *attributes = json_array();
	_cleanup_json_ json_t *record = json_pack("{s:o, s:o, s:I, s:s, s:s, s:o}", "timeUnixNano",
		nanoseconds(event->time_ns), "observedTimeUnixNano", nanoseconds(event->time_ns), "severityNumber",
		(json_int_t)severity, "severityText", severity_text ? severity_text : severity_name(severity),
		"eventName", name ? name : text(e, "event.name"), "attributes", attributes);
	bool good = record && add_new(attributes, "log.record.uid", json_string(uid)) &&
		add_fields(batch, attributes, e) && add_trace(record, st, lane, e);
	if (good && body)
		good = json_object_set_new(record, "body",
			       json_pack("{s:s%}", "stringValue", body,
				       cut(body, strlen(body), batch->settings->value_max))) == 0;
	return good ? append(batch, FF_SIGNAL_LOGS, ff_take(&record)) : &ff_enomem;
}

static void phase_begins(
	struct ff_export_state *st, const struct ff_export_lane *lane, const struct ff_event *event, const json_t *e)
{
	uint32_t index = (uint32_t)(lane - st->lanes);
	uint64_t id = count(e, "firstfix.phase.id");
	struct ff_export_open *o = ff_export_open_of(st, index, 0);
	if (!o || !id)
		return;
	*o = (struct ff_export_open){.id = id, .began_ns = event->time_ns, .lane = index};
	o->concurrent = (uint32_t)count(e, "firstfix.request.concurrent");
	o->request = json_object_get(e, "firstfix.request.concurrent") != NULL;
	copy(o->phase, sizeof(o->phase), text(e, "firstfix.phase"));
	copy(o->request_id, sizeof(o->request_id), text(e, "firstfix.request.id"));
	copy(o->model, sizeof(o->model), text(e, "gen_ai.request.model"));
	make_id(o->span_id, "span", st, lane->name, id);
	if (!take_id(o->trace_id, sizeof(o->trace_id), text(e, "trace_id")) ||
		!take_id(o->parent, sizeof(o->parent), text(e, "parent_span_id"))) {
		o->parent[0] = '\0';
		make_long_id(o->trace_id, "trace", st, lane->name, id);
		return;
	}
	o->has_flags = json_is_integer(json_object_get(e, "trace_flags"));
	o->flags = (uint32_t)count(e, "trace_flags") & 0xff;
	const char *state = text(e, "trace_state");
	if (state && strlen(state) < sizeof(o->trace_state)) // a cut one would be another one
		copy(o->trace_state, sizeof(o->trace_state), state);
}

// OTEL_TRACES_SAMPLER: what the caller decided, else a share of the traces by their ids, so that all processes of one
// trace decide alike.
static bool is_sampled(const struct ff_otlp_settings *s, const struct ff_export_open *o)
{
	if (o->parent[0] && s->parent_based)
		return !o->has_flags || (o->flags & FLAG_SAMPLED);
	uint64_t half = strtoull(o->trace_id + FF_SPAN_ID - 1, NULL, 16);
	return (double)(half >> 8) < s->sampled * (double)(UINT64_C(1) << 56);
}

static json_t *span_name(const struct ff_export_open *o, const json_t *e)
{
	const char *method = text(e, "http.request.method"), *route = text(e, "http.route"),
		   *operation = text(e, "gen_ai.operation.name"), *function = text(e, "code.function.name");
	if (method)
		return json_sprintf(route ? "%s %s" : "%s", method, route);
	if (operation)
		return json_sprintf(o->model[0] ? "%s %s" : "%s", operation, o->model);
	return json_string(o->request && function ? function : o->phase[0] ? o->phase : "phase");
}

static bool add_if(json_t *list, const json_t *e, const char *key, const char *value)
{
	return !value[0] || (e && json_object_get(e, key)) || add_new(list, key, json_string(value));
}

static bool add_attributes_of_span(
	struct ff_export_batch *batch, json_t *list, const struct ff_export_open *o, const json_t *e)
{
	return (!e || add_fields(batch, list, e)) && add_if(list, e, "firstfix.phase", o->phase) &&
		add_if(list, e, "firstfix.request.id", o->request_id) &&
		add_if(list, e, "gen_ai.request.model", o->model) &&
		(!o->concurrent || add_new(list, "firstfix.request.concurrent", json_integer(o->concurrent)));
}

// The span of a phase that ended at `end_ns`; `e` is its last event, NULL when its process died.
static struct ff_error *add_span(
	struct ff_export_batch *batch, const struct ff_export_open *o, const json_t *e, uint64_t end_ns)
{
	const char *outcome = e ? text(e, "firstfix.outcome") : "killed", *error = text(e, "error.type");
	bool failed = outcome && (strcmp(outcome, "error") == 0 || strcmp(outcome, "killed") == 0);
	int kind = !o->request ? KIND_INTERNAL : text(e, "http.request.method") ? KIND_SERVER : KIND_CONSUMER;
	uint32_t flags = o->parent[0] ? o->flags | FLAG_HAS_REMOTE | FLAG_REMOTE : FLAG_SAMPLED | FLAG_HAS_REMOTE;
	if (!is_sampled(batch->settings, o))
		return NULL;
	json_t *attributes = json_array();
	_cleanup_json_ json_t *span = json_pack("{s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:I}", "traceId", o->trace_id,
		"spanId", o->span_id, "name", span_name(o, e), "kind", kind, "startTimeUnixNano",
		nanoseconds(o->began_ns), "endTimeUnixNano", nanoseconds(end_ns > o->began_ns ? end_ns : o->began_ns),
		"attributes", attributes, "flags", (json_int_t)flags);
	bool good = span && add_attributes_of_span(batch, attributes, o, e);
	if (good && !e)
		good = add_new(attributes, "firstfix.outcome", json_string("killed")) &&
			add_new(attributes, "error.type", json_string("killed"));
	if (good && o->parent[0])
		good = json_object_set_new(span, "parentSpanId", json_string(o->parent)) == 0;
	if (good && o->trace_state[0])
		good = json_object_set_new(span, "traceState", json_string(o->trace_state)) == 0;
	if (good && failed)
		good = json_object_set_new(span, "status",
			       json_pack("{s:i, s:s}", "code", STATUS_ERROR, "message", error ? error : outcome)) == 0;
	return good ? append(batch, FF_SIGNAL_TRACES, ff_take(&span)) : &ff_enomem;
}

static struct ff_error *phase_ends(struct ff_export_state *st, const struct ff_export_lane *lane,
	const struct ff_event *event, const json_t *e, struct ff_export_batch *batch)
{
	uint64_t id = count(e, "firstfix.phase.id");
	struct ff_export_open *o = id ? ff_export_open_of(st, (uint32_t)(lane - st->lanes), id) : NULL;
	struct ff_export_open unknown = {.id = id};
	if (!o) { // its begin was overwritten before it was read, or there were too many at once
		double ms = json_number_value(json_object_get(e, "firstfix.duration_ms"));
		uint64_t took = ms > 0 && ms < 1e12 ? (uint64_t)(ms * 1e6) : 0;
		copy(unknown.phase, sizeof(unknown.phase), text(e, "firstfix.phase"));
		unknown.request = strcmp(unknown.phase, "request") == 0;
		unknown.began_ns = event->time_ns > took ? event->time_ns - took : event->time_ns;
		make_id(unknown.span_id, "span", st, lane->name, id);
		make_long_id(unknown.trace_id, "trace", st, lane->name, id);
		o = &unknown;
	}
	struct ff_error *err = add_span(batch, o, e, event->time_ns);
	o->id = 0;
	return err;
}

struct ff_error *ff_export_event(
	struct ff_export_state *st, const struct ff_event *event, struct ff_export_batch *batch)
{
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	_cleanup_json_ json_t *raw = ff_event_to_json(event);
	struct ff_export_lane *lane = ff_export_lane_of(st, event->lane, true);
	struct ff_error *err = raw ? ff_share(raw, &masked) : &ff_enomem;
	if (err)
		return err;
	const json_t *e = ff_shareable_document(masked);
	if (event->kind == FF_EV_PHASE_BEGIN)
		phase_begins(st, lane, event, e);
	err = add_log(st, lane, event, e, batch);
	if (!err && event->kind == FF_EV_PHASE_END)
		err = phase_ends(st, lane, event, e, batch);
	if (event->position)
		lane->read = event->position;
	lane->last_ns = event->time_ns;
	return err;
}

struct ff_error *ff_export_lane_died(
	struct ff_export_state *st, const char *lane, uint64_t now_ns, struct ff_export_batch *batch)
{
	const struct ff_export_lane *l = ff_export_lane_of(st, lane, false);
	struct ff_error *err = NULL;
	for (unsigned i = 0; l && i < FF_TALLY_OPEN && !err; i++) {
		if (!st->open[i].id || st->open[i].lane != (uint32_t)(l - st->lanes))
			continue;
		err = add_span(batch, &st->open[i], NULL, now_ns);
		st->open[i].id = 0;
	}
	return err;
}

// Where in an incident's document what stands, and its name as an attribute.
static const struct {
	const char *path, *key;
} of_incident[] = {
	{"id", "firstfix.incident.id"},
	{"count", "firstfix.incident.count"},
	{"fingerprint", "firstfix.incident.fingerprint"},
	{"how", "firstfix.incident.how"},
	{"diagnosis.verdict", "firstfix.incident.verdict"},
	{"diagnosis.diagnoses.0.cause", "firstfix.incident.cause"},
	{"diagnosis.diagnoses.0.confidence", "firstfix.incident.confidence"},
	{"diagnosis.diagnoses.0.why", "firstfix.incident.why"},
	{"diagnosis.diagnoses.0.evidence.0.text", "firstfix.incident.evidence"},
	{"diagnosis.diagnoses.0.fixes.0.say", "firstfix.incident.fix"},
	{"diagnosis.diagnoses.0.fixes.0.command", "firstfix.incident.command"},
	{"exception.type", "exception.type"},
	{"exception.message", "exception.message"},
	{"exit.code", "process.exit.code"},
	{"exit.signal", "firstfix.signal"},
	{"pid", "process.pid"},
	{"phase", "firstfix.phase"},
	{"request.id", "firstfix.request.id"},
	{"model", "gen_ai.request.model"},
	{"attempt", "firstfix.attempt"},
};

json_t *ff_export_log(const struct ff_export_state *st, const struct ff_export_log *log, json_t **ret_attributes)
{
	char uid[FF_TRACE_ID];
	json_t *attributes = json_array();
	make_long_id(uid, log->kind, st, log->of, log->n);
	_cleanup_json_ json_t *record = json_pack("{s:o, s:o, s:i, s:s, s:s, s:o}", "timeUnixNano",
		nanoseconds(log->at_ns), "observedTimeUnixNano", nanoseconds(log->at_ns), "severityNumber",
		log->error ? SEVERITY_ERROR : SEVERITY_INFO, "severityText", log->error ? "ERROR" : "INFO", "eventName",
		log->event, "attributes", attributes);
	if (!record || !add_new(attributes, "log.record.uid", json_string(uid)))
		return NULL;
	if (log->facts_hash[0] && !add_new(attributes, "firstfix.facts.hash", json_string(log->facts_hash)))
		return NULL;
	if (log->body && json_object_set_new(record, "body", json_pack("{s:s}", "stringValue", log->body)) < 0)
		return NULL;
	*ret_attributes = attributes;
	return ff_take(&record);
}

struct ff_error *ff_export_incident(
	const struct ff_export_state *st, const json_t *incident, struct ff_export_batch *batch)
{
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	struct ff_error *err = ff_share(incident, &masked);
	if (err)
		return err;
	const json_t *doc = ff_shareable_document(masked);
	const char *title = ff_json_text(doc, "diagnosis.diagnoses.0.title"), *id = ff_json_text(doc, "id"),
		   *seen = ff_json_text(doc, "last_seen");
	struct ff_export_log log = {.event = "firstfix.incident", .kind = "incident", .of = id, .error = true};
	log.n = count(doc, "count");
	log.body = title ? title : ff_json_text(doc, "title");
	log.body = log.body ? log.body : "incident";
	if (!id || !seen || !ff_clock_parse(seen, &log.at_ns))
		return NULL;
	ff_export_facts_hash(ff_json_at(doc, "facts.startup"), log.facts_hash);
	json_t *attributes;
	_cleanup_json_ json_t *record = ff_export_log(st, &log, &attributes);
	bool good = record != NULL;
	for (size_t i = 0; good && i < sizeof(of_incident) / sizeof(of_incident[0]); i++)
		good = ff_export_attribute(attributes, of_incident[i].key, ff_json_at(doc, of_incident[i].path),
			batch->settings->value_max);
	return good ? append(batch, FF_SIGNAL_LOGS, ff_take(&record)) : &ff_enomem;
}

json_t *ff_export_request(enum ff_signal signal, const json_t *attributes, json_t *records)
{
	static const char *const names[FF_SIGNALS][3] = {{"resourceLogs", "scopeLogs", "logRecords"},
		{"resourceSpans", "scopeSpans", "spans"}, {"resourceMetrics", "scopeMetrics", "metrics"}};
	return json_pack("{s:[{s:{s:O}, s:[{s:{s:s, s:s}, s:o}], s:s}]}", names[signal][0], "resource", "attributes",
		attributes, names[signal][1], "scope", "name", scope_name, "version", FF_VERSION, names[signal][2],
		records, "schemaUrl", schema_url);
}
