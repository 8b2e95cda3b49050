// Events as JSON. Names are OpenTelemetry's where it has one.
//
//	{"schema": "firstfix.event/1", "timestamp": "2026-11-23T03:14:03.123456789Z", "event.name": "exception",
//	 "process.pid": 7, "thread.id": 9, "exception.type": "OutOfMemoryError", "exception.message": "..."}
#include "ring/json.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct ff_field *ff_event_field(const struct ff_event *event, const char *key)
{
	for (size_t i = 0; i < event->n; i++) {
		if (strcmp(event->keys[i], key) == 0)
			return &event->fields[i];
	}
	return NULL;
}

static json_t *field_value(const struct ff_field *f)
{
	switch (f->type) {
	case FF_FIELD_STRING:
		return ff_json_string(f->s, f->n);
	case FF_FIELD_INT:
		return json_integer(f->i);
	case FF_FIELD_REAL:
		// JSON has no word for these; a string says what it was.
		return isfinite(f->d) ? json_real(f->d)
				      : json_string(isnan(f->d)	   ? "NaN"
							: f->d > 0 ? "Infinity"
								   : "-Infinity");
	default:
		return json_boolean(f->b);
	}
}

static json_t *timestamp(uint64_t ns)
{
	char text[FF_TIME_LEN], full[64];
	ff_clock_format(ns, text);
	snprintf(full, sizeof(full), "%.19s.%09uZ", text, (unsigned)(ns % 1000000000));
	return json_string(full);
}

static bool add_fields(json_t *object, const struct ff_event *event)
{
	bool cut = false;
	for (size_t i = 0; i < event->n; i++) {
		cut |= event->fields[i].truncated;
		_cleanup_json_ json_t *key = ff_json_string(event->keys[i], strlen(event->keys[i]));
		if (!key || json_object_set_new(object, json_string_value(key), field_value(&event->fields[i])) < 0)
			return false;
	}
	return !cut || json_object_set_new(object, "firstfix.truncated", json_true()) == 0;
}

json_t *ff_event_to_json(const struct ff_event *event)
{
	_cleanup_json_ json_t *object = json_object();
	_cleanup_json_ json_t *name = ff_json_string(event->name, strlen(event->name));
	if (!object || !name || json_object_set_new(object, "schema", json_string("firstfix.event/1")) < 0 ||
		json_object_set_new(object, "timestamp", timestamp(event->time_ns)) < 0 ||
		json_object_set(object, "event.name", name) < 0 ||
		json_object_set_new(object, "process.pid", json_integer(event->pid)) < 0 ||
		json_object_set_new(object, "thread.id", json_integer(event->tid)) < 0 || !add_fields(object, event))
		return NULL;
	return ff_take(&object);
}
