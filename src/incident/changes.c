// What changed since the last good start of the command.
//
// A good start is remembered as its start-up report saw it: beside the supervisor, before the worker or what starts it
// (a shim of pyenv, a script that activates an environment) had set anything. A death is seen from there too. A failure
// that the living worker tells of is seen from inside, where PATH, PYTHONPATH and whatever the worker has set are other
// than there, at a good start as now; so what belongs to the process is taken of the start-up report of its own run.
//
//	[{"path": "driver.version", "before": "570.86.10", "after": "575.51.03", "weight": 90}]
#include "incident/assemble.h"

#include "base/statedir.h"
#include "know/facts_diff.h"

enum { REPORT_MAX = 64 << 20, CHANGES_KEPT = 60 };

static json_t *report_of(const char *run)
{
	char path[640];
	json_t *report = NULL;
	_cleanup_free_ char *state = NULL;
	_cleanup_error_ struct ff_error *none = ff_statedir_path(NULL, &state);
	if (none || !run || !*run || strchr(run, '/'))
		return NULL;
	snprintf(path, sizeof(path), "%s/reports/%s.json", state, run);
	_cleanup_error_ struct ff_error *unread = ff_incident_read_json(path, REPORT_MAX, "firstfix.facts/1", &report);
	return report;
}

// The machine as it is now, the process as it was started. Without a report of the start: the machine alone.
static json_t *as_started(const json_t *incident, const json_t *now, json_t *good)
{
	static const char *const of_the_machine[] = {"system", "driver", "gpus"};
	json_t *report = report_of(ff_json_text(incident, "run_id")), *seen = report ? report : json_object();
	_cleanup_json_ json_t *known = json_object();
	for (size_t i = 0; i < sizeof(of_the_machine) / sizeof(of_the_machine[0]); i++) {
		json_t *part = json_object_get(now, of_the_machine[i]);
		if (seen && (!part || json_object_set(seen, of_the_machine[i], part) < 0))
			json_object_del(seen, of_the_machine[i]);
		if (known)
			json_object_set(known, of_the_machine[i], json_object_get(good, of_the_machine[i]));
	}
	if (!report && known) {
		json_object_clear(good);
		json_object_update(good, known);
	}
	return seen;
}

void ff_incident_put_changes(struct ff_store *store, json_t *incident)
{
	const char *key = ff_json_text(incident, "command_key");
	_cleanup_json_ json_t *good = NULL, *changes = NULL, *matters = json_array(), *seen = NULL;
	const json_t *now = ff_json_at(incident, "facts.failure");
	size_t i;
	json_t *entry;
	if (!store || !key || !now)
		return;
	_cleanup_error_ struct ff_error *none = ff_store_get_good(store, key, &good);
	if (none)
		return;
	if (json_object_get(incident, "pid")) // told from inside
		now = seen = as_started(incident, now, good);
	json_array_foreach (ff_json_at(incident, "diagnosis.diagnoses.0.evidence"), i, entry) {
		if (json_object_get(entry, "fact"))
			json_array_append(matters, json_object_get(entry, "fact"));
	}
	_cleanup_error_ struct ff_error *err = now ? ff_facts_diff(good, now, matters, &changes) : NULL;
	while (json_array_size(changes) > CHANGES_KEPT)
		json_array_remove(changes, json_array_size(changes) - 1);
	if (changes)
		ff_incident_optional(ff_json_put(incident, "changed", json_incref(changes)));
}
