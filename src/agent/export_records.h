// From events and incidents to records of OTLP: log records and spans. Pure but for the state.
#pragma once

#include "agent/export_state.h"
#include "otlp/settings.h"

/** Records that wait to become a request. */
struct ff_export_batch {
	const struct ff_otlp_settings *settings;
	json_t *records[FF_SIGNALS]; /**< arrays */
	size_t n;
};

/** One event, that is new in its lane, which `st` notes. */
struct ff_error *ff_export_event(
	struct ff_export_state *st, const struct ff_event *event, struct ff_export_batch *batch);

/** A process is gone: what it had in work ends now. */
struct ff_error *ff_export_lane_died(
	struct ff_export_state *st, const char *lane, uint64_t now_ns, struct ff_export_batch *batch);

/** An incident as the store has it. */
struct ff_error *ff_export_incident(
	const struct ff_export_state *st, const json_t *incident, struct ff_export_batch *batch);

/** A log record of ours: its event, what makes its id (`kind`, `of`, `n`), and what it says. */
struct ff_export_log {
	const char *event, *kind, *of;
	uint64_t n, at_ns;
	bool error;
	const char *body;    /**< NULL: none */
	char facts_hash[17]; /**< "": none */
};

/** Make it; its attributes, borrowed, take more. NULL: no memory. */
json_t *ff_export_log(const struct ff_export_state *st, const struct ff_export_log *log, json_t **ret_attributes);

/** {"resourceLogs": [...]}: records with the resource that they are of. Steals `records`. */
json_t *ff_export_request(enum ff_signal signal, const json_t *attributes, json_t *records);

/** Append {"key", "value"} to a list of attributes; texts longer than `max` bytes are cut (0: none is). */
bool ff_export_attribute(json_t *list, const char *key, const json_t *value, size_t max);
