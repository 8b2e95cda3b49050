// From a failure inside a living process to an incident: a request that failed, a model that was not loaded, a child
// that died.
//
// The process tells what it alone knows (firstfix.failure/1, incident.h says what is in it); facts are collected of it
// while it lives. It tells in good faith and may be in a bad way: sizes are bounded, what has the wrong type is left
// out.
//
//	{"schema": "firstfix.failure/1", "how": "failure", "title": "REQUEST FAILED", "pid": 4711, "phase": "request",
//	 "request": {"id": "42", "method": "POST", "path": "/generate"}, "exception": {"type": "OSError", "message": "..."},
//	 "log": "Traceback (most recent call last): ..."}
#include "incident/incident.h"

#include "base/io.h"
#include "diagnose/diagnose.h"
#include "host/host.h"
#include "incident/assemble.h"
#include "probe/probe.h"
#include "ring/json.h"

#include <firstfix/event.h>

#include <fcntl.h>
#include <unistd.h>

enum { FAILURE_MAX = 4 << 20, COLLECT_MS = 3000, BELOW_MAX = 1024, CHILDREN_KEPT = 4, EVENTS_READ_MAX = 200000 };

struct ff_error *ff_failure_read(const char *path, json_t **ret)
{
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_json_ json_t *doc = NULL;
	bool stdin_ = strcmp(path, "-") == 0;
	_cleanup_close_ int opened = stdin_ ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (!stdin_ && opened < 0)
		return ff_error_os(errno, "%s", path);
	const char *name = stdin_ ? "standard input" : path;
	struct ff_error *err = ff_read_all(stdin_ ? STDIN_FILENO : opened, name, FAILURE_MAX, &text);
	if (!err)
		err = ff_json_parse(name, text.p ? text.p : "", text.n, &doc);
	const char *found = ff_json_text(doc, "schema");
	if (!err && (!found || strcmp(found, "firstfix.failure/1") != 0))
		err = ff_error_create(FF_EFORMAT, "%s: its schema is '%.60s', not 'firstfix.failure/1'", name,
			found ? found : "missing");
	if (!err)
		*ret = ff_take(&doc);
	return err;
}

static void put_facts(const json_t *failure, json_t *incident)
{
	_cleanup_host_ struct ff_host *host = NULL;
	int64_t pid = 0;
	json_t *facts = NULL;
	ff_json_int(failure, "pid", &pid);
	const struct ff_host_options whom = {
		.pid = pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0, .environ_file = ff_json_text(failure, "environ")};
	_cleanup_error_ struct ff_error *err = ff_host_create(&whom, &host);
	if (err) { // it ended meanwhile, or is sealed: its child sees the same machine and was given the same variables
		_cleanup_error_ struct ff_error *unseen = ff_host_create(&(struct ff_host_options){0}, &host);
		if (unseen)
			return;
	}
	const struct ff_collect_options options = {
		.trigger = "failure", .deadline_ms = COLLECT_MS, .python = ff_json_text(failure, "python")};
	_cleanup_error_ struct ff_error *failed = ff_collect_facts(host, &options, &facts);
	if (facts)
		ff_incident_optional(ff_json_put(incident, "facts.failure", facts));
}

// The processes below the one that failed.
struct below {
	uint32_t pids[BELOW_MAX];
	size_t n, kept;
	struct ff_buf *log;
};

static bool is_below(const struct below *b, uint32_t pid)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->pids[i] == pid)
			return true;
	}
	return false;
}

// A process recorded its start before it started others.
static void take_of_child(struct below *b, const struct ff_event *event)
{
	if (event->kind == FF_EV_PROCESS_START) {
		const struct ff_field *parent = ff_event_field(event, "process.parent_pid");
		bool ours = parent && parent->type == FF_FIELD_INT && is_below(b, (uint32_t)parent->i);
		if (ours && b->n < BELOW_MAX)
			b->pids[b->n++] = event->pid;
		return;
	}
	if (event->kind != FF_EV_EXCEPTION || event->pid == b->pids[0] || !is_below(b, event->pid))
		return;
	const struct ff_field *trace = ff_event_field(event, "exception.stacktrace");
	if (trace && trace->type == FF_FIELD_STRING && b->kept < CHILDREN_KEPT) {
		ff_buf_add(b->log, trace->s, trace->n);
		ff_buf_char(b->log, '\n');
		b->kept++;
	}
}

// An engine's parent learns that a child died and not of what: vLLM's says "See root cause above". The child's lane has
// it.
static void add_children(const json_t *failure, struct ff_buf *log)
{
	int64_t since = 0, pid = 0;
	struct ff_events *events = NULL;
	if (!ff_json_int(failure, "children_since_ns", &since) || !ff_json_int(failure, "pid", &pid) || since < 0)
		return;
	struct below b = {.pids = {(uint32_t)pid}, .n = 1, .log = log};
	_cleanup_error_ struct ff_error *err =
		ff_events_open(&(struct ff_events_options){.since_ns = (uint64_t)since}, &events);
	const struct ff_event *event = NULL;
	for (size_t n = 0; !err && n < EVENTS_READ_MAX; n++) {
		err = ff_events_next(events, &event);
		if (err || !event)
			break;
		take_of_child(&b, event);
	}
	ff_events_close(events);
}

// What was said, and where the process is dead what the kernel's signal means.
static struct ff_error *put_diagnosis(const json_t *failure, json_t *incident)
{
	_cleanup_buf_ struct ff_buf log = {0};
	_cleanup_close_ int fd = -1;
	const char *said = ff_json_text(failure, "log"), *signal = ff_json_text(failure, "exit.name"),
		   *by = ff_json_text(failure, "sent_by");
	json_t *diagnosis = NULL;
	add_children(failure, &log);
	const char *stack = ff_json_text(incident, "crash_stack");
	if (said)
		ff_buf_printf(&log, "%s\n", said);
	else if (stack)
		ff_buf_printf(&log, "%s\n", stack);
	if (by && strstr(by, "OOM killer"))
		ff_buf_str(&log, "Memory cgroup out of memory: Killed process (worker)\n");
	else if (signal && !by) // a signal that somebody sent tells nothing of the program
		ff_buf_printf(&log, "worker died with <Signals.%s>\n", signal);
	struct ff_error *err = ff_incident_log_fd(&log, &fd);
	if (!err)
		err = ff_diagnose(&(struct ff_diagnose_options){.facts = ff_json_at(incident, "facts.failure"),
					  .facts_what = "this process",
					  .log_fd = fd,
					  .log_name = "the worker's own account"},
			&diagnosis);
	return err ? err : ff_json_put(incident, "diagnosis", diagnosis);
}

// A dead child's last request stands in its lane as a begin without an end.
void ff_incident_put_request(json_t *incident)
{
	static const struct {
		const char *key, *path;
	} told[] = {{"firstfix.request.id", "request.id"}, {"http.request.method", "request.method"},
		{"url.path", "request.path"}, {"code.function.name", "request.function"},
		{"gen_ai.request.model", "model"}, {"firstfix.phase.id", "request.phase_id"}};
	const json_t *open = json_object_get(incident, "working_on");
	const json_t *newest = json_array_get(open, json_array_size(open) ? json_array_size(open) - 1 : 0);
	for (size_t i = 0; newest && i < sizeof(told) / sizeof(told[0]); i++) {
		json_t *value = json_object_get(newest, told[i].key); // its keys hold dots: no paths
		if (value)
			ff_incident_optional(ff_json_put(incident, told[i].path, json_incref(value)));
	}
}

// A process that came to its end records that last, when it has told of whatever it ended by.
static bool came_to_its_end(const json_t *incident)
{
	const json_t *events = json_object_get(incident, "events");
	const json_t *last = json_array_get(events, json_array_size(events) ? json_array_size(events) - 1 : 0);
	const char *name = json_string_value(json_object_get(last, "event.name"));
	return name && strcmp(name, "firstfix.process.stop") == 0;
}

// A child that its parent killed, or that left with a code, and had nothing in hand cost nobody anything.
static bool is_worth_it(const json_t *failure, const json_t *incident)
{
	return !json_is_true(json_object_get(failure, "only_at_work")) ||
		(json_object_get(incident, "working_on") && !came_to_its_end(incident));
}

struct ff_error *ff_incident_of_failure(const json_t *failure, struct ff_store *store, json_t **ret)
{
	static const char *const copied[] = {"how", "title", "pid", "process", "worker", "run_id", "command", "argv",
		"cwd", "command_key", "phase", "request", "model", "lasted_ms", "exit", "sent_by", "exception",
		"gpu_memory"};
	_cleanup_json_ json_t *incident = json_pack("{s:s}", "schema", "firstfix.incident/1");
	if (!incident)
		return &ff_enomem;
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		json_t *value = json_object_get(failure, copied[i]);
		if (value && json_object_set(incident, copied[i], value) < 0)
			return &ff_enomem;
	}
	ff_incident_optional(ff_incident_lanes(failure, incident));
	if (!is_worth_it(failure, incident))
		return NULL;
	if (json_object_get(failure, "exit"))
		ff_incident_put_request(incident);
	ff_incident_put_crash(failure, incident);
	put_facts(failure, incident);
	ff_incident_optional(put_diagnosis(failure, incident));
	ff_incident_put_changes(store, incident);
	struct ff_error *err = ff_incident_put_identity(incident);
	if (!err)
		*ret = ff_take(&incident);
	return err;
}
