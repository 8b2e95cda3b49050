// From the lane of a dead process to the failures that it did not come to tell; untold.h shows one.
//
// A process counts its failures by what made them (key). Numbers tell more than a list of events could: the ring may
// have overwritten all but the newest. Threads that fail at once come by in any order.
#include "incident/untold.h"

#include "diagnose/diagnose.h"
#include "incident/assemble.h"
#include "incident/incident.h"

#include <firstfix/event.h>

#include <stdlib.h>

enum { FAILURES_MAX = 16 };

// The keys of events hold dots: no paths.
static const char *text_of(const json_t *event, const char *key)
{
	return json_string_value(json_object_get(event, key));
}

static int64_t number_of(const json_t *event, const char *key)
{
	return json_integer_value(json_object_get(event, key));
}

static bool is_same(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "firstfix.failure.key"), json_object_get(b, "firstfix.failure.key")) &&
		json_equal(json_object_get(a, "process.pid"), json_object_get(b, "process.pid"));
}

static void put_larger(json_t *entry, const char *name, int64_t count)
{
	if (count > number_of(entry, name))
		json_object_set_new(entry, name, json_integer(count));
}

// Its entry: {event, came, begun, token, told, incident}. The one that was quiet for the longest makes room.
static json_t *entry_of(json_t *untold, const json_t *event)
{
	size_t n = json_array_size(untold), at = 0;
	while (at < n && !is_same(json_object_get(json_array_get(untold, at), "event"), event))
		at++;
	json_t *entry = at < n ? json_incref(json_array_get(untold, at)) : json_pack("{s:O}", "event", event);
	if (at < n || n >= FAILURES_MAX)
		json_array_remove(untold, at < n ? at : 0);
	return json_array_append_new(untold, entry) < 0 ? NULL : entry;
}

void ff_untold_take(json_t *untold, const json_t *event)
{
	const char *custom = text_of(event, "firstfix.event");
	int64_t count = number_of(event, "firstfix.failure.count");
	if (count < 1 || !text_of(event, "firstfix.failure.key"))
		return;
	json_t *entry = entry_of(untold, event), *token = json_object_get(event, "firstfix.failure.token");
	if (!entry)
		return;
	if (custom && token) {
		json_object_set(entry, "token", token);
		put_larger(entry, "begun", count);
	} else if (custom) {
		json_object_set(entry, "incident", json_object_get(event, "firstfix.incident"));
		put_larger(entry, "told", count);
	} else {
		if (count >= number_of(entry, "came"))
			json_object_set(entry, "event", (json_t *)event);
		put_larger(entry, "came", count);
	}
}

void ff_untold_settle(json_t *untold)
{
	for (size_t i = json_array_size(untold); i-- > 0;) {
		json_t *entry = json_array_get(untold, i);
		int64_t came = number_of(entry, "came"), told = number_of(entry, "told"),
			begun = number_of(entry, "begun");
		if (came <= told) {
			json_array_remove(untold, i);
			continue;
		}
		begun = begun > told ? begun : told;
		json_object_set_new(entry, "times", json_integer(came - told));
		json_object_set_new(entry, "begun", json_integer(begun - told));
		json_object_del(entry, "came");
		json_object_del(entry, "told");
	}
}

// Somebody or the kernel ended it, whatever it was doing.
static bool ended_from_outside(const json_t *incident)
{
	static const char *const signals[] = {"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"};
	const char *how = ff_json_text(incident, "how"), *name = ff_json_text(incident, "exit.name");
	if (!how || strcmp(how, "signal") != 0 || !name)
		return how && strcmp(how, "vanished") == 0;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (strcmp(signals[i], name) == 0)
			return true;
	}
	return false;
}

// Behind the last line of the text that is "TYPE: MESSAGE", as a traceback ends; `text` when there is none.
static const char *behind(const char *text, const char *type, const char *message)
{
	_cleanup_free_ char *line = NULL;
	const char *found = text;
	if (!type || !message || !*message || asprintf(&line, "%s: %s", type, message) < 0)
		return text;
	for (const char *at = text; (at = strstr(at, line)); at++)
		found = at + strlen(line);
	return found;
}

const char *ff_incident_behind_survived(const json_t *incident, const char *text)
{
	const char *from = text;
	size_t i;
	json_t *each;
	if (!ended_from_outside(incident))
		return text;
	json_array_foreach (json_object_get(incident, "told"), i, each)
		from = behind(from, ff_json_text(each, "type"), ff_json_text(each, "message"));
	json_array_foreach (json_object_get(incident, "untold"), i, each) {
		const json_t *event = json_object_get(each, "event");
		from = behind(from, text_of(event, "exception.type"), text_of(event, "exception.message"));
	}
	return from;
}

static struct ff_error *put_diagnosis(const char *trace, json_t *incident)
{
	_cleanup_buf_ struct ff_buf log = {0};
	_cleanup_close_ int fd = -1;
	json_t *diagnosis = NULL;
	ff_buf_printf(&log, "%s\n", trace);
	struct ff_error *err = ff_incident_log_fd(&log, &fd);
	if (!err)
		err = ff_diagnose(&(struct ff_diagnose_options){.facts = ff_json_at(incident, "facts.failure"),
					  .facts_what = "this machine",
					  .log_fd = fd,
					  .log_name = "the worker's own account"},
			&diagnosis);
	if (err)
		return err;
	const json_t *frames = ff_json_at(diagnosis, "exception.frames");
	if (frames)
		ff_incident_optional(ff_json_put(incident, "exception.frames", json_incref((json_t *)frames)));
	return ff_json_put(incident, "diagnosis", diagnosis);
}

struct ff_error *ff_incident_of_untold(const json_t *entry, const json_t *of, json_t **ret)
{
	static const struct {
		const char *key, *path;
	} said[] = {{"firstfix.title", "title"}, {"firstfix.phase", "phase"}, {"process.pid", "pid"},
		{"timestamp", "at"}, {"gen_ai.request.model", "model"}, {"firstfix.request.id", "request.id"},
		{"http.request.method", "request.method"}, {"url.path", "request.path"},
		{"code.function.name", "request.function"}, {"firstfix.phase.id", "request.phase_id"},
		{"exception.type", "exception.type"}, {"exception.message", "exception.message"}};
	static const char *const shared[] = {"command", "argv", "cwd", "command_key", "run_id", "worker"};
	const json_t *event = json_object_get(entry, "event"), *facts = ff_json_at(of, "facts.failure");
	_cleanup_json_ json_t *incident = json_pack("{s:s, s:s}", "schema", "firstfix.incident/1", "how", "failure");
	struct ff_error *err = incident ? NULL : &ff_enomem;
	for (size_t i = 0; !err && i < sizeof(shared) / sizeof(shared[0]); i++) {
		json_t *value = json_object_get(of, shared[i]);
		err = value ? ff_json_put(incident, shared[i], json_incref(value)) : NULL;
	}
	for (size_t i = 0; !err && i < sizeof(said) / sizeof(said[0]); i++) {
		json_t *value = json_object_get(event, said[i].key);
		err = value ? ff_json_put(incident, said[i].path, json_incref(value)) : NULL;
	}
	const char *trace = text_of(event, "exception.stacktrace");
	if (!err && facts)
		err = ff_json_put(incident, "facts.failure", json_incref((json_t *)facts));
	if (!err)
		ff_incident_optional(put_diagnosis(trace ? trace : "", incident));
	if (!err)
		err = ff_incident_put_identity(incident);
	if (!err)
		*ret = ff_take(&incident);
	return err;
}
