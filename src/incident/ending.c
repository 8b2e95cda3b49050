// How a worker ended, as evidence. Rules read logs, so the end is put behind what the worker printed as a line that
// they know; that line is ours, and no evidence: what it stands for (the counter, the exit status) takes its place in
// the answer. SIGKILL has many senders, and without one sign of memory nothing is said of memory.
//
//	Memory cgroup out of memory: Killed process 77 (python) ...	the kernel's own, from its log
//	worker died with <Signals.SIGBUS>				ours, for {"fact": "exit.name", "value": "SIGBUS"}
#include "incident/assemble.h"

#include <inttypes.h>

static const char oom_line[] = "Memory cgroup out of memory: Killed process (worker)";

static bool is_how(const json_t *death, const char *what)
{
	const char *how = ff_json_text(death, "how");
	return how && strcmp(how, what) == 0;
}

// What the supervisor saw the kernel do, in the kernel's words.
static bool add_kernel_lines(const json_t *death, struct ff_buf *log)
{
	bool killed = false;
	size_t i;
	json_t *line;
	json_array_foreach (json_object_get(death, "kmsg"), i, line) {
		const char *text = json_is_string(line) ? json_string_value(line) : "";
		killed |= strstr(text, "Killed process") != NULL;
		ff_buf_printf(log, "%s\n", text);
	}
	return killed;
}

static void own_line(const json_t *death, struct ff_buf *ret)
{
	const char *name = ff_json_text(death, "exit.name");
	if (is_how(death, "oom-kill"))
		ff_buf_str(ret, oom_line);
	else if (name && strcmp(name, "SIGKILL") != 0)
		ff_buf_printf(ret, "worker died with <Signals.%s>", name);
}

void ff_incident_add_system_lines(const json_t *death, struct ff_buf *log)
{
	_cleanup_buf_ struct ff_buf ours = {0};
	bool killed = add_kernel_lines(death, log);
	own_line(death, &ours);
	if (ours.n && !(killed && is_how(death, "oom-kill")))
		ff_buf_printf(log, "%s\n", ours.p);
}

static json_t *stands_for(const json_t *death)
{
	if (is_how(death, "oom-kill"))
		return json_pack("{s:s, s:O*}", "fact", "cgroup.oom_kill", "value", ff_json_at(death, "oom.0"));
	return json_pack("{s:s, s:O*}", "fact", "exit.name", "value", ff_json_at(death, "exit.name"));
}

static void replace_evidence(const json_t *death, json_t *evidence, const char *ours)
{
	size_t i;
	json_t *entry;
	json_array_foreach (evidence, i, entry) {
		const char *text = ff_json_text(entry, "text");
		if (text && strcmp(text, ours) == 0)
			json_array_set_new(evidence, i, stands_for(death));
	}
}

// That it failed is known, whatever its output looks like.
static void put_end(const json_t *death, json_t *diagnosis)
{
	const json_t *runs = json_object_get(diagnosis, "runs");
	json_t *run = json_array_get(runs, json_array_size(runs) ? json_array_size(runs) - 1 : 0);
	const char *end = ff_json_text(run, "end"), *verdict = ff_json_text(diagnosis, "verdict");
	if (json_object_get(death, "exit") && end && strcmp(end, "running") == 0)
		json_object_set_new(run, "end", json_string("died"));
	if (verdict && strcmp(verdict, "failed") != 0 && !json_array_size(json_object_get(diagnosis, "diagnoses")))
		json_object_set_new(diagnosis, "verdict", json_string("failed-unknown"));
}

void ff_incident_take_own_line(const json_t *death, json_t *diagnosis)
{
	_cleanup_buf_ struct ff_buf ours = {0};
	size_t i;
	json_t *each;
	own_line(death, &ours);
	if (ours.n && !ours.failed) {
		json_array_foreach (json_object_get(diagnosis, "diagnoses"), i, each)
			replace_evidence(death, json_object_get(each, "evidence"), ours.p);
		json_array_foreach (json_object_get(diagnosis, "runs"), i, each) {
			const char *text = ff_json_text(each, "because.text");
			if (text && strcmp(text, ours.p) == 0)
				json_object_del(each, "because");
		}
	}
	_cleanup_json_ json_t *kept = json_array();
	json_array_foreach (json_object_get(diagnosis, "unexplained"), i, each) {
		const char *text = ff_json_text(each, "text");
		if (!ours.n || !text || strcmp(text, ours.p) != 0)
			json_array_append(kept, each);
	}
	if (json_object_get(diagnosis, "unexplained"))
		json_object_set(diagnosis, "unexplained", kept);
	put_end(death, diagnosis);
}

void ff_incident_put_no_oom(const json_t *death, json_t *incident)
{
	int64_t before = 0, after = 0;
	bool known = ff_json_int(death, "cgroup.before.oom_kill", &before) &&
		ff_json_int(death, "cgroup.after.oom_kill", &after);
	if (known && before == after && !json_object_get(death, "oom") && ff_json_at(incident, "facts.failure"))
		ff_incident_optional(ff_json_put(incident, "facts.failure.run.oom_killed", json_false()));
}

static json_t *killer(const char *who, const char *format, const char *detail)
{
	char text[512];
	snprintf(text, sizeof(text), "%s%s%s", format, *detail ? ": " : "", detail);
	return json_pack("{s:s, s:s}", "who", who, "text", text);
}

// Low memory just after a process is gone, when most of what it held is free again, was none before.
static bool is_memory_short(const json_t *incident, char *ret, size_t n)
{
	int64_t available = 0, total = 0;
	const json_t *facts = ff_json_at(incident, "facts.failure");
	if (!ff_json_int(facts, "system.memory.available", &available) ||
		!ff_json_int(facts, "system.memory.total", &total) || available > total / 20)
		return false;
	snprintf(ret, n, "%" PRId64 " of %" PRId64 " bytes of memory were free afterwards", available, total);
	return true;
}

struct ff_error *ff_incident_put_killer(const json_t *death, json_t *incident)
{
	const char *name = ff_json_text(death, "exit.name"), *oom = ff_json_text(death, "oom.0");
	char text[256];
	json_t *found;
	if (!name || strcmp(name, "SIGKILL") != 0)
		return NULL;
	if (is_how(death, "oom-kill"))
		found = killer("oom-killer", "the kernel's OOM killer", oom ? oom : "");
	else if (is_how(death, "stop-timeout"))
		found = killer("supervisor", "the supervisor, because the time to stop (--grace) was over", "");
	else if (is_how(death, "hang"))
		found = killer("supervisor", "the supervisor, because it hung", "");
	else if (oom)
		found = killer("unknown", "SIGKILL; memory is likely", oom);
	else if (is_memory_short(incident, text, sizeof(text)))
		found = killer("unknown", "SIGKILL; memory is likely", text);
	else
		found = killer("unknown",
			"SIGKILL; the kernel does not tell who sent it, another process or the worker itself, and "
			"nothing "
			"points to memory",
			"");
	return ff_json_put(incident, "killed_by", found);
}
