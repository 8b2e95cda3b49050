// From a death document to an incident. Every part that cannot be read is left out: an incident is as complete as can
// be.
#include "incident/assemble.h"
#include "incident/incident.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/safedir.h"
#include "diagnose/diagnose.h"
#include "emit/tail.h"
#include "host/host.h"
#include "probe/probe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { DEATH_MAX = 4 << 20, TAIL_MAX = 1 << 20, REPORT_MAX = 64 << 20, COLLECT_MS = 3000 };

struct ff_error *ff_incident_read_file(const char *path, size_t max, struct ff_buf *ret)
{
	_cleanup_close_ int fd = -1;
	struct ff_error *err = ff_safe_file_open(path, &fd);
	return err ? err : ff_read_all(fd, path, max, ret);
}

struct ff_error *ff_incident_read_json(const char *path, size_t max, const char *schema, json_t **ret)
{
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err = ff_incident_read_file(path, max, &text);
	if (!err)
		err = ff_json_parse(path, text.p ? text.p : "", text.n, &doc);
	const char *found = ff_json_text(doc, "schema");
	if (!err && (!found || strcmp(found, schema) != 0))
		err = ff_error_create(
			FF_EFORMAT, "%s: its schema is '%.60s', not '%s'", path, found ? found : "missing", schema);
	if (!err)
		*ret = ff_take(&doc);
	return err;
}

struct ff_error *ff_death_read(const char *path, json_t **ret)
{
	return ff_incident_read_json(path, DEATH_MAX, "firstfix.death/1", ret);
}

void ff_incident_optional(struct ff_error *err)
{
	ff_error_destroy(err);
}

// Of a run whose end nobody saw: when it last printed something.
static void put_last_sign(const char *path, json_t *incident)
{
	struct stat st;
	char text[FF_TIME_LEN];
	if (stat(path, &st) < 0)
		return;
	ff_clock_format((uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec, text);
	const char *known = ff_json_text(incident, "last_sign_at");
	if (!known || strcmp(known, text) < 0)
		ff_incident_optional(ff_json_put(incident, "last_sign_at", json_string(text)));
}

static void put_tails(const json_t *death, json_t *incident)
{
	size_t i;
	json_t *tail;
	json_array_foreach (json_object_get(death, "tails"), i, tail) {
		const char *path = ff_json_text(tail, "path"), *stream = ff_json_text(tail, "stream");
		_cleanup_buf_ struct ff_buf text = {0};
		if (!path || !stream || strchr(stream, '.'))
			continue;
		_cleanup_error_ struct ff_error *err = ff_incident_read_file(path, TAIL_MAX, &text);
		char key[64];
		if (!err && !json_object_get(death, "exit"))
			put_last_sign(path, incident);
		snprintf(key, sizeof(key), "tail.%.40s", stream);
		if (!err)
			ff_incident_optional(ff_json_put(incident, key, ff_json_string(text.p ? text.p : "", text.n)));
	}
}

// The interpreter that the command names; a bare "python" is found on PATH, which is ours too.
static const char *python_of(const json_t *death)
{
	const char *program = ff_json_text(death, "argv.0");
	const char *slash = program ? strrchr(program, '/') : NULL;
	return program && ff_starts(slash ? slash + 1 : program, "python") ? program : NULL;
}

static json_t *collect_now(const char *python)
{
	_cleanup_host_ struct ff_host *host = NULL;
	json_t *facts = NULL;
	_cleanup_error_ struct ff_error *err = ff_host_create(&(struct ff_host_options){0}, &host);
	if (err)
		return NULL;
	const struct ff_collect_options options = {.trigger = "failure", .deadline_ms = COLLECT_MS, .python = python};
	_cleanup_error_ struct ff_error *failed = ff_collect_facts(host, &options, &facts);
	return facts;
}

void ff_incident_put_facts_of_now(const char *python, json_t *incident)
{
	json_t *now = collect_now(python);
	if (now)
		ff_incident_optional(ff_json_put(incident, "facts.failure", now));
}

static void put_facts(const json_t *death, json_t *incident)
{
	const char *report = ff_json_text(death, "report");
	json_t *startup = NULL;
	if (report)
		ff_incident_optional(ff_incident_read_json(report, REPORT_MAX, "firstfix.facts/1", &startup));
	if (startup)
		ff_incident_optional(ff_json_put(incident, "facts.startup", startup));
	ff_incident_put_facts_of_now(python_of(death), incident);
}

struct ff_error *ff_incident_log_fd(const struct ff_buf *log, int *ret_fd)
{
	_cleanup_close_ int fd = memfd_create("firstfix-log", MFD_CLOEXEC);
	if (log->failed)
		return &ff_enomem;
	if (fd < 0)
		return ff_error_os(errno, "memfd");
	struct ff_error *err = ff_write_all(fd, "log", log->p ? log->p : "", log->n);
	if (!err && lseek(fd, 0, SEEK_SET) < 0)
		err = ff_error_os(errno, "memfd");
	if (!err)
		*ret_fd = ff_take_fd(&fd);
	return err;
}

static struct ff_error *log_of(const json_t *death, const json_t *incident, int *ret_fd)
{
	_cleanup_buf_ struct ff_buf log = {0}, printed = {0};
	_cleanup_json_ json_t *tail = ff_incident_tail_as_printed(death, incident);
	ff_tail_in_order(tail, &printed);
	if (printed.failed)
		return &ff_enomem;
	if (printed.n)
		ff_incident_add_output(&log, ff_incident_behind_survived(incident, printed.p));
	ff_incident_add_system_lines(death, &log);
	return ff_incident_log_fd(&log, ret_fd);
}

static struct ff_error *put_diagnosis(const json_t *death, json_t *incident)
{
	_cleanup_close_ int fd = -1;
	json_t *diagnosis = NULL;
	struct ff_error *err = log_of(death, incident, &fd);
	const json_t *now = ff_json_at(incident, "facts.failure"),
		     *facts = now ? now : ff_json_at(incident, "facts.startup");
	if (!err)
		err = ff_diagnose(&(struct ff_diagnose_options){.facts = facts,
					  .facts_what = now ? "this machine" : "start-up report of this run",
					  .log_fd = fd,
					  .log_name = "the worker's output"},
			&diagnosis);
	if (err)
		return err;
	ff_incident_take_own_line(death, diagnosis);
	json_t *exception = json_object_get(diagnosis, "exception");
	if (exception) {
		ff_incident_optional(ff_json_put(incident, "exception", json_incref(exception)));
		ff_incident_optional(ff_incident_own_words(incident));
	}
	return ff_json_put(incident, "diagnosis", diagnosis);
}

static bool is_running(const json_t *death)
{
	int64_t pid = 0, started = 0;
	char path[64], text[1024];
	if (!ff_json_int(death, "pid", &pid) || !ff_json_int(death, "start_time", &started))
		return false;
	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	const char *at = strrchr(text, ')');
	if (at && at[1] && (at[2] == 'Z' || at[2] == 'X')) // dead, and nobody has asked for its end
		return false;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at && strtoll(at + 1, NULL, 10) == started;
}

// Why nobody said how it ended, as far as that can be seen afterwards.
static struct ff_error *put_vanished(const json_t *death, json_t *incident)
{
	const char *how = ff_json_text(death, "how"), *then = ff_json_text(death, "boot_id");
	_cleanup_buf_ struct ff_buf now = {0};
	if (!how || strcmp(how, "vanished") != 0)
		return NULL;
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	_cleanup_error_ struct ff_error *none = fd < 0 ? NULL : ff_read_all(fd, "boot_id", 64, &now);
	struct ff_span boot = ff_span_trim((struct ff_span){now.p, now.n});
	bool restarted = then && boot.n && (strlen(then) != boot.n || memcmp(then, boot.p, boot.n) != 0);
	const char *why = "supervisor and worker were killed together, as by docker kill or when a whole container "
			  "runs out of memory";
	if (restarted)
		why = "the machine has been restarted since";
	else if (is_running(death))
		why = "the supervisor died; the worker it started still runs, with nobody beside it";
	return ff_json_put(incident, "error", json_string(why));
}

static const char *title_of(const json_t *incident)
{
	const char *phase = ff_json_text(incident, "phase"), *how = ff_json_text(incident, "how");
	if (how && strcmp(how, "stop-timeout") == 0)
		return "WORKER DID NOT STOP IN TIME";
	if (phase && strcmp(phase, "model.load") == 0)
		return "MODEL INITIALIZATION FAILED";
	if (phase && strcmp(phase, "request") == 0)
		return "REQUEST FAILED";
	const char *name = ff_json_text(incident, "exit.name");
	if (how && strcmp(how, "signal") == 0 && name && (strcmp(name, "SIGKILL") == 0 || strcmp(name, "SIGTERM") == 0))
		return "WORKER KILLED";
	static const struct {
		const char *how, *title;
	} titles[] = {{"signal", "WORKER CRASHED"}, {"oom-kill", "WORKER KILLED: OUT OF MEMORY"},
		{"hang", "WORKER HANGS"}, {"preflight", "WORKER NOT STARTED: PREFLIGHT FAILED"},
		{"not-started", "WORKER NOT STARTED"}, {"vanished", "RUN ENDED WITHOUT A WORD"}, {"log", "FAILURE"}};
	for (size_t i = 0; how && i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (strcmp(titles[i].how, how) == 0)
			return titles[i].title;
	}
	return "WORKER FAILED";
}

struct ff_error *ff_incident_put_identity(json_t *incident)
{
	char *fingerprint = NULL, now[FF_TIME_LEN];
	if (json_object_get(incident, "id")) // of one that is stored already
		return NULL;
	struct ff_error *err = ff_incident_fingerprint(incident, &fingerprint);
	if (!err)
		err = ff_json_put(incident, "fingerprint", json_string(fingerprint));
	free(fingerprint);
	ff_clock_rfc3339(now);
	if (!err && !json_object_get(incident, "at"))
		err = ff_json_put(incident, "at", json_string(now));
	if (!err && !json_object_get(incident, "command_key"))
		err = ff_json_put(incident, "command_key", json_string("0000000000000000"));
	return err || ff_json_text(incident, "title") ? err
						      : ff_json_put(incident, "title", json_string(title_of(incident)));
}

// The worker ended by an exception that it told of itself while it lived: the incident of that is this one.
static bool put_told(struct ff_store *store, json_t *incident)
{
	static const char *const kept[] = {"id", "at", "fingerprint", "command_key", "title", "pid", "process",
		"worker", "phase", "request", "model", "exception", "gpu_memory", "diagnosis", "changed", "facts",
		"run_id"};
	const char *id = ff_json_text(incident, "ended_by");
	_cleanup_json_ json_t *told = NULL;
	if (!id || !store)
		return false;
	_cleanup_error_ struct ff_error *err = ff_store_get(store, id, &told);
	for (size_t i = 0; !err && i < sizeof(kept) / sizeof(kept[0]); i++) {
		json_t *value = json_object_get(told, kept[i]);
		if (value && json_object_set(incident, kept[i], value) < 0)
			return false;
	}
	return !err;
}

// The exception of its last words was told while it lived, and caught: logged, and sys.exit(1) behind it.
static void find_told(json_t *incident)
{
	const char *type = ff_json_text(incident, "exception.type"),
		   *message = ff_json_text(incident, "exception.message"), *how = ff_json_text(incident, "how");
	size_t i;
	json_t *told;
	json_array_foreach (json_object_get(incident, "told"), i, told) {
		const char *its = ff_json_text(told, "type"), *said = ff_json_text(told, "message");
		bool same = how && strcmp(how, "exit") == 0 && type && message && its && said && ff_ends(its, type) &&
			strcmp(message, said) == 0;
		if (!same)
			continue;
		ff_incident_optional(ff_json_put(incident, "ended_by", json_incref(json_object_get(told, "incident"))));
		ff_incident_optional(
			ff_json_put(incident, "shown", json_boolean(json_is_true(json_object_get(told, "shown")))));
	}
}

struct ff_error *ff_incident_assemble(const json_t *death, struct ff_store *store, json_t **ret)
{
	static const char *const copied[] = {"command", "argv", "cwd", "command_key", "how", "exit", "lasted_ms",
		"started_at", "ended_at", "error", "hang", "stop_timeout", "stop_sent", "rusage", "cgroup", "attempt",
		"run_id"};
	_cleanup_json_ json_t *incident = json_pack("{s:s}", "schema", "firstfix.incident/1");
	if (!incident)
		return &ff_enomem;
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		json_t *value = json_object_get(death, copied[i]);
		if (value && json_object_set(incident, copied[i], value) < 0)
			return &ff_enomem;
	}
	ff_incident_optional(put_vanished(death, incident));
	put_tails(death, incident);
	ff_incident_put_order(death, incident);
	ff_incident_optional(ff_incident_lanes(death, incident));
	if (!put_told(store, incident)) {
		put_facts(death, incident);
		ff_incident_put_no_oom(death, incident);
		ff_incident_optional(ff_incident_put_killer(death, incident));
		ff_incident_optional(put_diagnosis(death, incident));
		find_told(incident);
		if (!put_told(store, incident))
			ff_incident_put_changes(store, incident);
	}
	struct ff_error *err = ff_incident_put_identity(incident);
	if (!err)
		*ret = ff_take(&incident);
	return err;
}

struct ff_error *ff_incident_of_log(const char *log_name, const json_t *facts, const json_t *diagnosis, json_t **ret)
{
	_cleanup_json_ json_t *incident =
		json_pack("{s:s, s:s, s:s, s:O*, s:O*}", "schema", "firstfix.incident/1", "how", "log", "command",
			log_name, "diagnosis", diagnosis, "exception", json_object_get(diagnosis, "exception"));
	struct ff_error *err = incident ? NULL : &ff_enomem;
	if (!err && facts)
		err = ff_json_put(incident, "facts.failure", json_incref((json_t *)facts));
	if (!err)
		err = ff_incident_put_identity(incident);
	if (!err)
		*ret = ff_take(&incident);
	return err;
}
