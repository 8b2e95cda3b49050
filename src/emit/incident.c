// An incident for a person, in the seed note's blocks: what failed, the error and its traceback, the diagnosis with the one fix to
// try first, what changed since the last good start, memory, what was tried, and where the rest lies.
//
//	MODEL INITIALIZATION FAILED
//	Error Type: RuntimeError
//	Error Message: CUDA Setup failed despite GPU being available ...
#include "emit/incident.h"

#include "emit/diagnosis.h"
#include "emit/page.h"

enum { TRACE_LINES = 40, TAIL_LINES = 15, FEW_CHANGES = 8 };

static void say_text(struct ff_page *page, const char *label, const json_t *value)
{
	const char *text = json_string_value(value);
	if (text && *text)
		ff_page_line(page, FF_MARK_NONE, label, ff_span_of(text));
}

// The first line beside its label, what follows (CUDA's errors have six lines) in a box.
static void say_message(struct ff_page *page, const json_t *value)
{
	struct ff_span rest = ff_span_trim(ff_span_of(json_string_value(value))), first;
	if (!rest.n)
		return;
	ff_span_next(&rest, '\n', &first);
	ff_page_line(page, FF_MARK_NONE, "Error Message", first);
	rest = ff_span_trim(rest);
	if (rest.n)
		ff_page_box(page, rest);
}

static void say_end(struct ff_page *page, const json_t *doc)
{
	int64_t code, ms;
	const char *name = ff_json_text(doc, "exit.name"), *how = ff_json_text(doc, "how");
	if (name)
		ff_page_say(page, FF_MARK_FAIL, "Ended by", "%s%s", name,
			json_is_true(ff_json_at(doc, "exit.core")) ? " (core dumped)" : "");
	else if (ff_json_int(doc, "exit.code", &code))
		ff_page_say(page, FF_MARK_FAIL, "Exit code", "%lld", (long long)code);
	if (how && strcmp(how, "oom-kill") == 0)
		ff_page_line(page, FF_MARK_FAIL, "Killed by", FF_SPAN("the kernel's OOM killer"));
	if (ff_json_int(doc, "lasted_ms", &ms))
		ff_page_say(page, FF_MARK_NONE, "Lived", "%.1f s", (double)ms / 1000);
}

// The last lines of a text, at most n.
static struct ff_span last_lines(const char *text, int n)
{
	size_t len = strlen(text);
	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	const char *p = text + len;
	while (p > text && n > 0) {
		p--;
		if (*p == '\n' && --n == 0)
			p++;
	}
	return (struct ff_span){p, (size_t)(text + len - p)};
}

static void say_trace(struct ff_page *page, const json_t *doc)
{
	const char *trace = ff_json_text(doc, "exception.stacktrace");
	size_t i;
	json_t *frame;
	if (trace) {
		ff_page_section(page, "Full Traceback");
		ff_page_box(page, last_lines(trace, TRACE_LINES));
		return;
	}
	if (!json_array_size(ff_json_at(doc, "exception.frames")))
		return;
	_cleanup_buf_ struct ff_buf text = {0};
	json_array_foreach (ff_json_at(doc, "exception.frames"), i, frame) {
		const char *file = ff_json_text(frame, "file"), *func = ff_json_text(frame, "func");
		ff_buf_printf(&text, "File \"%s\", line %lld, in %s\n", file ? file : "?",
			(long long)json_integer_value(json_object_get(frame, "line")), func ? func : "?");
	}
	if (text.n)
		text.n--;
	ff_page_section(page, "Full Traceback");
	ff_page_box(page, (struct ff_span){text.p, text.n});
}

static void say_tail(struct ff_page *page, const json_t *doc)
{
	const char *tail = ff_json_text(doc, "tail.stderr");
	if (!tail || !*tail)
		tail = ff_json_text(doc, "tail.output");
	if (!tail || !*tail || ff_json_at(doc, "exception.type"))
		return;
	ff_page_section(page, "Last lines of its output");
	ff_page_box(page, last_lines(tail, TAIL_LINES));
}

static void say_value(struct ff_buf *out, const json_t *value)
{
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	if (json_is_string(value))
		ff_buf_str(out, json_string_value(value));
	else
		ff_buf_str(out, text ? text : "not there");
}

static void say_changes(struct ff_page *page, const json_t *doc)
{
	size_t i;
	json_t *change;
	ff_page_section(page, "Changed since the last good start");
	json_array_foreach (json_object_get(doc, "changed"), i, change) {
		_cleanup_buf_ struct ff_buf text = {0};
		if (i == FEW_CHANGES) {
			ff_page_say(page, FF_MARK_NONE, "", "and %zu more (--json)",
				json_array_size(json_object_get(doc, "changed")) - i);
			break;
		}
		say_value(&text, json_object_get(change, "before"));
		ff_buf_str(&text, " -> ");
		say_value(&text, json_object_get(change, "after"));
		if (!text.failed)
			ff_page_line(
				page, FF_MARK_WARN, ff_json_text(change, "path"), (struct ff_span){text.p, text.n});
	}
}

static void say_attempts(struct ff_page *page, const json_t *doc)
{
	size_t i;
	json_t *attempt;
	ff_page_section(page, "What was tried");
	json_array_foreach (json_object_get(doc, "attempts"), i, attempt) {
		const char *say = ff_json_text(attempt, "say"), *result = ff_json_text(attempt, "result");
		bool passed = result && strcmp(result, "passed") == 0;
		ff_page_say(page, passed ? FF_MARK_OK : FF_MARK_FAIL, result ? result : "", "%s", say ? say : "");
	}
}

static struct ff_error *write_incident(const json_t *doc, struct ff_page *page, char **ret)
{
	const char *title = ff_json_text(doc, "title"), *id = ff_json_text(doc, "id");
	int64_t count = 0;
	ff_page_title(page, title ? title : "FAILURE", id ? id : "");
	say_text(page, "Command", json_object_get(doc, "command"));
	say_text(page, "At", json_object_get(doc, "at"));
	if (ff_json_int(doc, "count", &count) && count > 1)
		ff_page_say(page, FF_MARK_WARN, "Seen", "%lld times, first %s", (long long)count,
			ff_json_text(doc, "first_seen") ? ff_json_text(doc, "first_seen") : "?");
	say_end(page, doc);
	say_text(page, "Reason", json_object_get(doc, "error"));
	say_text(page, "Phase", json_object_get(doc, "phase"));
	say_text(page, "Error Type", ff_json_at(doc, "exception.type"));
	say_message(page, ff_json_at(doc, "exception.message"));
	say_trace(page, doc);
	say_tail(page, doc);
	const json_t *diagnosis = json_object_get(doc, "diagnosis");
	if (diagnosis)
		ff_diagnosis_write(diagnosis, page);
	say_changes(page, doc);
	say_attempts(page, doc);
	return ff_page_finish(page, ret);
}

struct ff_error *ff_incident_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_text, .style = style};
	return write_incident(doc, &page, ret);
}

struct ff_error *ff_incident_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_markdown, .style = style, .fold = true};
	return write_incident(doc, &page, ret);
}

struct ff_error *ff_incidents_text(const json_t *list, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_text, .style = style};
	size_t i;
	json_t *entry;
	if (!json_array_size(list))
		ff_page_line(&page, FF_MARK_OK, "", FF_SPAN("No incident is stored."));
	json_array_foreach (list, i, entry) {
		const char *cause = ff_json_text(entry, "cause"), *how = ff_json_text(entry, "how"),
			   *command = ff_json_text(entry, "command");
		ff_page_say(&page, FF_MARK_NONE, ff_json_text(entry, "id"), "%lldx  %s  %s  %s",
			(long long)json_integer_value(json_object_get(entry, "count")),
			ff_json_text(entry, "last_seen"),
			cause	      ? cause
				: how ? how
				      : "unknown",
			command ? command : "");
	}
	return ff_page_finish(&page, ret);
}
