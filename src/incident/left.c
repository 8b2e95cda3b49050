// From the lane of a process that ended without a word to an incident: killed for memory with its whole container, by
// `docker kill`, or gone by os._exit(), and nobody was beside it to see. Its own code, or a shell, had started it.
//
//	process.start	process.command "python -m worker"
//	phase.begin	request 42 POST /generate		the last record: it has no end
//
// A stop signal that a process does not handle leaves the same, so one that had nothing in hand is no incident.
#include "incident/assemble.h"
#include "incident/incident.h"

#include <stdio.h>
#include <string.h>

static json_t *text_of(const json_t *event, const char *key)
{
	return json_object_get(event, key); // its keys hold dots: no paths
}

static struct ff_error *put_events(json_t *incident)
{
	const json_t *events = json_object_get(incident, "events"), *event;
	size_t i;
	struct ff_error *err = NULL;
	json_array_foreach (events, i, event) {
		json_t *command = text_of(event, "process.command"), *at = text_of(event, "timestamp");
		if (!err && json_is_string(command) && !json_object_get(incident, "command"))
			err = ff_json_put(incident, "command", json_incref(command));
		if (!err && json_is_string(at))
			err = ff_json_put(incident, "last_sign_at", json_incref(at));
	}
	return err;
}

struct ff_error *ff_incident_of_left(
	const char *lane, uint32_t pid, bool other_boot, struct ff_store *store, json_t **ret)
{
	static const char ended[] =
		"it was killed (by somebody, or by the kernel for memory), stopped by a signal that "
		"it does not handle, or left by _exit(); nobody was beside it",
			  restarted[] = "the machine has been restarted since";
	_cleanup_json_ json_t *left = json_pack("{s:s, s:[I]}", "lane", lane, "pids", (json_int_t)pid);
	_cleanup_json_ json_t *incident = json_pack("{s:s, s:s, s:s, s:I, s:s}", "schema", "firstfix.incident/1", "how",
		"vanished", "title", "PROCESS ENDED WITHOUT A WORD", "pid", (json_int_t)pid, "error",
		other_boot ? restarted : ended);
	struct ff_error *err = left && incident ? ff_incident_lanes(left, incident) : &ff_enomem;
	if (err || !json_object_get(incident, "working_on"))
		return err;
	ff_incident_put_request(incident);
	err = put_events(incident);
	if (err)
		return err;
	ff_incident_put_facts_of_now(NULL, incident);
	ff_incident_put_changes(store, incident);
	err = ff_incident_put_identity(incident);
	if (!err)
		*ret = ff_take(&incident);
	return err;
}
