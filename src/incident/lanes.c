// What the ring lanes of a run tell about its end: the last events, memory over time, and which phase was open.
//
// Lanes may be torn, of other runs, or not there at all; then there is nothing to say and that is no failure of the
// incident.
#include "incident/incident.h"

#include "base/since.h"
#include "incident/untold.h"
#include "ring/json.h"

#include <firstfix/event.h>

enum { EVENTS_READ_MAX = 200000, PHASES_MAX = 64, TOLD_MAX = 64 };

struct story {
	json_t *events, *memory, *phases; // phases: stack of begin events that have not ended
	bool shown;			  // what ended it was shown to a person
	json_t *ended_by, *told;	  // id of an incident; [{incident, type, message}]
	json_t *untold;			  // [{times, ...}], untold.h
	json_t *pids;
	bool below; // of what our processes started, too
};

static bool is_ours(const struct story *s, uint32_t pid)
{
	size_t i;
	json_t *value;
	json_array_foreach (s->pids, i, value) {
		if (json_integer_value(value) == pid)
			return true;
	}
	return !json_array_size(s->pids);
}

// A process records its start before it starts others.
static bool is_child(const struct story *s, const struct ff_event *event)
{
	const struct ff_field *parent =
		event->kind == FF_EV_PROCESS_START ? ff_event_field(event, "process.parent_pid") : NULL;
	return parent && parent->type == FF_FIELD_INT && is_ours(s, (uint32_t)parent->i);
}

static void keep_newest(json_t *list, json_t *entry, size_t max)
{
	if (json_array_size(list) >= max)
		json_array_remove(list, 0);
	json_array_append(list, entry);
}

// Phases nest; an end without its begin (overwritten) is passed over.
static void end_phase(json_t *phases, const json_t *end)
{
	const json_t *id = json_object_get(end, "firstfix.phase.id");
	for (size_t i = json_array_size(phases); i-- > 0;) {
		if (json_equal(json_object_get(json_array_get(phases, i), "firstfix.phase.id"), id)) {
			json_array_remove(phases, i);
			return;
		}
	}
}

// What the process told of its own incidents. Its keys hold dots: no paths.
static void take_incident(struct story *s, const json_t *entry)
{
	const char *custom = json_string_value(json_object_get(entry, "firstfix.event"));
	json_t *id = json_object_get(entry, "firstfix.incident");
	if (custom && strcmp(custom, "ended.by") == 0) {
		json_decref(s->ended_by);
		s->ended_by = json_incref(id);
		s->shown = json_is_true(json_object_get(entry, "firstfix.shown"));
	} else if (custom && strcmp(custom, "incident") == 0 && json_string_length(id)) {
		_cleanup_json_ json_t *told = json_pack("{s:O, s:O*, s:O*, s:O*}", "incident", id, "type",
			json_object_get(entry, "exception.type"), "message",
			json_object_get(entry, "exception.message"), "shown", json_object_get(entry, "firstfix.shown"));
		if (told)
			keep_newest(s->told, told, TOLD_MAX);
	}
}

static void take(struct story *s, const struct ff_event *event)
{
	_cleanup_json_ json_t *entry = ff_event_to_json(event);
	if (!entry)
		return;
	if (event->kind == FF_EV_PROCESS_START && !is_ours(s, event->pid))
		json_array_append_new(s->pids, json_integer(event->pid));
	if (event->kind == FF_EV_MEMORY)
		keep_newest(s->memory, entry, FF_INCIDENT_SAMPLES);
	else
		keep_newest(s->events, entry, FF_INCIDENT_EVENTS);
	if (event->kind == FF_EV_PHASE_BEGIN)
		keep_newest(s->phases, entry, PHASES_MAX);
	else if (event->kind == FF_EV_PHASE_END)
		end_phase(s->phases, entry);
	take_incident(s, entry);
	ff_untold_take(s->untold, entry);
}

// A process of an earlier run may have had the same pid: in a container it always has.
static void read_lanes(struct story *s, const json_t *death)
{
	struct ff_events *events = NULL;
	struct ff_events_options options = {
		.dir = ff_json_text(death, "state_dir"), .lane = ff_json_text(death, "lane")};
	const char *started = ff_json_text(death, "started_at");
	if ((!options.dir && !options.lane) || (started && !ff_since_parse(started, &options.since_ns)))
		return;
	_cleanup_error_ struct ff_error *err = ff_events_open(&options, &events);
	if (err)
		return;
	for (size_t n = 0; n < EVENTS_READ_MAX; n++) {
		const struct ff_event *event = NULL;
		struct ff_error *failed = ff_events_next(events, &event);
		if (failed || !event) {
			ff_error_destroy(failed);
			break;
		}
		if (is_ours(s, event->pid) || (s->below && is_child(s, event)))
			take(s, event);
	}
	ff_events_close(events);
}

struct ff_error *ff_incident_own_words(json_t *incident)
{
	json_t *shown = json_object_get(incident, "exception");
	const char *type = ff_json_text(shown, "type"), *message = ff_json_text(shown, "message");
	const json_t *events = json_object_get(incident, "events");
	for (size_t i = json_array_size(events); type && message && i-- > 0;) {
		const json_t *event = json_array_get(events, i); // its keys hold dots: no paths
		const char *name = json_string_value(json_object_get(event, "exception.type"));
		json_t *said = json_object_get(event, "exception.message");
		size_t n = json_string_length(said);
		if (name && n && strcmp(name, type) == 0 && strncmp(message, json_string_value(said), n) == 0)
			return ff_json_put(shown, "message", json_incref(said));
	}
	return NULL;
}

struct ff_error *ff_incident_lanes(const json_t *death, json_t *incident)
{
	_cleanup_json_ json_t *events = json_array(), *memory = json_array(), *phases = json_array();
	_cleanup_json_ json_t *told = json_array(), *untold = json_array();
	if (!events || !memory || !phases || !told || !untold)
		return &ff_enomem;
	const char *how = ff_json_text(death, "how");
	_cleanup_json_ json_t *pids = json_deep_copy(json_object_get(death, "pids"));
	struct story s = {.events = events,
		.memory = memory,
		.phases = phases,
		.told = told,
		.untold = untold,
		.pids = pids,
		.below = how && strcmp(how, "vanished") == 0 && json_array_size(pids)};
	read_lanes(&s, death);
	// A shell that starts the worker records nothing; what it started does.
	if (!s.below && json_array_size(pids) && !json_array_size(events) && !json_array_size(memory)) {
		s.below = true;
		read_lanes(&s, death);
	}
	ff_untold_settle(untold);
	_cleanup_json_ json_t *ended_by = s.ended_by;
	json_t *open = json_array_get(phases, json_array_size(phases) ? json_array_size(phases) - 1 : 0);
	json_t *phase = json_object_get(open, "firstfix.phase");
	struct ff_error *err = ff_json_put(incident, "events", json_incref(events));
	if (!err)
		err = ff_json_put(incident, "memory", json_incref(memory));
	if (!err && phase && !json_object_get(incident, "phase"))
		err = ff_json_put(incident, "phase", json_incref(phase));
	if (!err && open)
		err = ff_json_put(incident, "working_on", json_incref(phases));
	if (!err && json_array_size(told))
		err = ff_json_put(incident, "told", json_incref(told));
	if (!err && json_array_size(untold))
		err = ff_json_put(incident, "untold", json_incref(untold));
	if (!err && ended_by)
		err = ff_json_put(incident, "ended_by", json_incref(ended_by));
	if (!err && ended_by)
		err = ff_json_put(incident, "shown", json_boolean(s.shown));
	return err;
}
