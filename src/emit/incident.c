// An incident for a person, in blocks: what failed, the error and its traceback, the diagnosis with the one fix to
// try first, what changed since the last good start, memory, what was tried, and where the rest lies.
//
//	MODEL INITIALIZATION FAILED
//	Error Type: RuntimeError
//	Error Message: CUDA Setup failed despite GPU being available ...
#include "emit/incident.h"

#include "base/clean.h"
#include "emit/diagnosis.h"
#include "emit/page.h"
#include "emit/report.h"
#include "emit/tail.h"

enum { TRACE_LINES = 40, TAIL_LINES = 15, FEW_CHANGES = 8, FRAMES_ALL = 8, FRAMES_LAST = 2, FEW_REQUESTS = 4 };

// "\"a\", \"b\" and c" of what is there, parted by `joint`.
static void add_part(struct ff_buf *out, const char *joint, const char *before, const json_t *value)
{
	if (!json_is_string(value) && !json_is_integer(value))
		return;
	ff_buf_printf(out, "%s%s", out->n ? joint : "", before);
	if (json_is_string(value))
		ff_buf_str(out, json_string_value(value));
	else
		ff_buf_printf(out, "%lld", (long long)json_integer_value(value));
}

static void say_parts(struct ff_page *page, const char *label, const struct ff_buf *parts)
{
	page->out.failed |= parts->failed;
	if (parts->n && !parts->failed)
		ff_page_line(page, FF_MARK_NONE, label, (struct ff_span){parts->p, parts->n});
}

static void add_request(struct ff_buf *out, const json_t *request)
{
	static const char *const parts[] = {"id", "method", "path", "function"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		add_part(out, " ", "", json_object_get(request, parts[i]));
}

// Who it was: "pid 4711, SpawnProcess-1, worker pod-7".
static void add_who(struct ff_buf *out, const json_t *doc)
{
	add_part(out, ", ", "pid ", json_object_get(doc, "pid"));
	add_part(out, ", ", "", json_object_get(doc, "process"));
	add_part(out, ", ", "worker ", json_object_get(doc, "worker"));
}

// Phases that were open when it died: begin events, whose keys hold dots.
static void say_working_on(struct ff_page *page, const json_t *doc)
{
	static const char *const parts[] = {"firstfix.request.id", "http.request.method", "url.path",
		"code.function.name", "firstfix.batch.indices", "gen_ai.request.model"};
	const json_t *open = json_object_get(doc, "working_on");
	size_t n = json_array_size(open), from = n > FEW_REQUESTS ? n - FEW_REQUESTS : 0;
	for (size_t i = from; i < n && json_object_get(doc, "exit"); i++) {
		_cleanup_buf_ struct ff_buf text = {0};
		add_part(&text, " ", "", json_object_get(json_array_get(open, i), "firstfix.phase"));
		for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
			add_part(&text, " ", "", json_object_get(json_array_get(open, i), parts[k]));
		say_parts(page, "Was working on", &text);
	}
}

static void say_who(struct ff_page *page, const json_t *doc)
{
	_cleanup_buf_ struct ff_buf who = {0}, request = {0};
	add_who(&who, doc);
	say_parts(page, "Process", &who);
	add_request(&request, json_object_get(doc, "request"));
	if (request.n && json_is_string(json_object_get(doc, "model")))
		add_part(&request, ", ", "model ", json_object_get(doc, "model"));
	if (!json_object_get(doc, "working_on") || !json_object_get(doc, "exit"))
		say_parts(page, "Request", &request);
	say_working_on(page, doc);
}

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
	const char *killer = ff_json_text(doc, "killed_by.text");
	if (killer)
		ff_page_line(page, FF_MARK_FAIL, "Killed by", ff_span_of(killer));
	else if (how && strcmp(how, "oom-kill") == 0)
		ff_page_line(page, FF_MARK_FAIL, "Killed by", FF_SPAN("the kernel's OOM killer"));
	say_text(page, "While stopping, after", ff_json_at(doc, "stop_sent.text"));
	say_text(page, "Where it stood", ff_json_at(doc, "stop_timeout.state"));
	say_text(page, "Last sign of life", json_object_get(doc, "last_sign_at"));
	if (ff_json_int(doc, "lasted_ms", &ms))
		ff_page_say(page, FF_MARK_NONE, how && strcmp(how, "failure") == 0 ? "After" : "Lived", "%.1f s",
			(double)ms / 1000);
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

// The worker's own code tells more than the thirty frames of a web framework around it.
static bool is_library(const char *file)
{
	static const char *const folders[] = {"/site-packages/", "/dist-packages/", "/lib/python3",
		"/firstfix/integrations/", "/firstfix/_", "<frozen "};
	for (size_t i = 0; file && i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (strstr(file, folders[i]))
			return true;
	}
	return false;
}

// "  File "/app/h.py", line 9 in f" of a library. faulthandler has printed all of them above.
static bool is_library_frame(struct ff_span line)
{
	char text[512];
	snprintf(text, sizeof(text), "%.*s", (int)(line.n < sizeof(text) ? line.n : sizeof(text) - 1), line.p);
	return ff_starts(text, "  File ") && is_library(text);
}

// What faulthandler printed, the most recent frame first. Of several threads the one that crashed, if it was in Python.
static void say_crash(struct ff_page *page, const json_t *doc)
{
	static const char crashed[] = "Current thread 0x", other[] = "Thread 0x", none[] = "<no Python frame>";
	const char *text = ff_json_text(doc, "crash_stack"), *current = text ? strstr(text, crashed) : NULL;
	const char *first = current ? strchr(current, '\n') : NULL;
	bool all = !first || ff_span_starts(ff_span_trim(ff_span_of(first)), none), shown = true;
	struct ff_span rest = ff_span_of(text), line;
	_cleanup_buf_ struct ff_buf box = {0};
	size_t left_out = 0, frames = 0, libraries = 0;
	for (int i = 0; i < TRACE_LINES && ff_span_next(&rest, '\n', &line);) {
		bool begins = !all && ff_span_starts(line, other);
		left_out += begins;
		shown = !begins && (shown || ff_span_starts(line, crashed));
		bool passed_over = shown && frames >= FRAMES_LAST && is_library_frame(line);
		frames += shown && ff_span_starts(line, "  File ");
		libraries += passed_over;
		if (shown && !passed_over)
			ff_buf_printf(&box, "%.*s\n", (int)line.n, line.p);
		i += shown && !passed_over;
	}
	if (libraries)
		ff_buf_printf(&box, "(%zu frames of libraries are left out; --json has them)\n", libraries);
	if (left_out)
		ff_buf_printf(&box, "(%zu other %s left out; --json has them)\n", left_out,
			left_out == 1 ? "thread is" : "threads are");
	if (!box.n || box.failed)
		return;
	ff_page_section(page, "Where it crashed");
	ff_page_box(page, (struct ff_span){box.p, box.n - 1});
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
	_cleanup_buf_ struct ff_buf text = {0};
	size_t n = json_array_size(ff_json_at(doc, "exception.frames")), left_out = 0;
	json_array_foreach (ff_json_at(doc, "exception.frames"), i, frame) {
		const char *file = ff_json_text(frame, "file"), *func = ff_json_text(frame, "func");
		if (n > FRAMES_ALL && i + FRAMES_LAST < n && is_library(file)) {
			left_out++;
			continue;
		}
		ff_buf_printf(&text, "File \"%s\", line %lld, in %s\n", file ? file : "?",
			(long long)json_integer_value(json_object_get(frame, "line")), func ? func : "?");
	}
	if (left_out)
		ff_buf_printf(&text, "(%zu frames of libraries are left out; --json has them)\n", left_out);
	if (!text.n)
		return;
	text.n--;
	ff_page_section(page, "Full Traceback");
	ff_page_box(page, (struct ff_span){text.p, text.n});
}

static void say_tail(struct ff_page *page, const json_t *doc)
{
	_cleanup_buf_ struct ff_buf tail = {0};
	if (ff_json_at(doc, "exception.type"))
		return;
	ff_tail_in_order(json_object_get(doc, "tail"), &tail);
	page->out.failed |= tail.failed;
	if (!tail.n || tail.failed)
		return;
	ff_page_section(page, "Last lines of its output");
	ff_page_box(page, last_lines(tail.p, TAIL_LINES));
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

static void say_gpu_memory(struct ff_page *page, const json_t *doc)
{
	size_t i;
	json_t *line;
	ff_page_section(page, "GPU MEMORY DIAGNOSTICS");
	json_array_foreach (json_object_get(doc, "gpu_memory"), i, line)
		say_text(page, "", line);
}

// What the first cause's family wants to see of the machine, as whoever reads the block needs it: only these facts are
// shown.
static const struct {
	const char *causes, *title, *facts[6];
	void (*write[2])(struct ff_report *r);
} families[] = {
	{"bnb.", "BITSANDBYTES FAILURE DIAGNOSTICS", {"bitsandbytes", "torch", "cuda", "env"},
		{ff_report_quantization, ff_report_torch}},
	{"oom.host", "MEMORY DIAGNOSTICS", {"system.memory", "system.limits", "system.shm"}, {ff_report_system}},
	{"hf.", "MODEL FILES DIAGNOSTICS", {"transformers", "system.disks"}, {ff_report_packages, ff_report_system}},
	{"disk.", "DISK DIAGNOSTICS", {"system.disks", "system.shm"}, {ff_report_system}},
	{"torch.", "PYTORCH/CUDA DIAGNOSTICS", {"torch", "driver", "cuda", "gpus"},
		{ff_report_torch, ff_report_driver}},
	{"cuda.", "PYTORCH/CUDA DIAGNOSTICS", {"torch", "driver", "cuda", "gpus"}, {ff_report_torch, ff_report_driver}},
};

static struct ff_error *say_machine(struct ff_page *page, const json_t *doc)
{
	const char *cause = ff_json_text(doc, "diagnosis.diagnoses.0.cause");
	const json_t *facts = ff_json_at(doc, "facts.failure");
	for (size_t i = 0; cause && facts && i < sizeof(families) / sizeof(families[0]); i++) {
		if (!ff_starts(cause, families[i].causes))
			continue;
		// Nothing was asked for but these: no line says "not known" of the rest.
		_cleanup_json_ json_t *part = json_pack("{s:{}}", "probe_ms");
		for (size_t k = 0; part && k < sizeof(families[i].facts) / sizeof(families[i].facts[0]); k++) {
			const char *path = families[i].facts[k];
			json_t *value = path ? ff_json_at(facts, path) : NULL;
			struct ff_error *err = value ? ff_json_put(part, path, json_incref(value)) : NULL;
			if (err)
				return err;
		}
		struct ff_report r = {.doc = part, .page = page};
		ff_page_section(page, families[i].title);
		for (size_t k = 0; part && k < 2 && families[i].write[k]; k++)
			families[i].write[k](&r);
		return part ? NULL : &ff_enomem;
	}
	return NULL;
}

static void say_stored(struct ff_page *page, const json_t *doc)
{
	const char *id = ff_json_text(doc, "id"), *unstored = ff_json_text(doc, "unstored");
	if (id && unstored)
		ff_page_say(page, FF_MARK_NONE, strcmp(unstored, "waiting") == 0 ? "Not stored yet" : "Not stored",
			"incident %s", id);
	else if (id)
		ff_page_say(page, FF_MARK_NONE, "Stored", "firstfix incidents show %s", id);
}

// Nothing is said twice: cause and first fix in a line each, and where all of it stands.
static void say_conclusion(struct ff_page *page, const json_t *doc)
{
	say_text(page, "Cause", ff_json_at(doc, "diagnosis.diagnoses.0.title"));
	say_text(page, "Fix to try first", ff_json_at(doc, "diagnosis.diagnoses.0.fixes.0.say"));
	say_stored(page, doc);
}

static void add_error(struct ff_buf *out, const json_t *doc)
{
	struct ff_span rest = ff_span_of(ff_json_text(doc, "exception.message")), first = {0};
	add_part(out, "", "", ff_json_at(doc, "exception.type"));
	if (ff_span_next(&rest, '\n', &first) && first.n)
		ff_buf_printf(out, ": %.*s", (int)first.n, first.p);
}

// The end of a process whose failure is shown above.
static struct ff_error *write_end(const json_t *doc, struct ff_page *page, char **ret)
{
	_cleanup_buf_ struct ff_buf error = {0};
	ff_page_title(page, "WORKER FAILED", ff_json_text(doc, "id") ? ff_json_text(doc, "id") : "");
	say_text(page, "Command", json_object_get(doc, "command"));
	say_end(page, doc);
	add_error(&error, doc);
	say_parts(page, "By the failure shown above", &error);
	say_conclusion(page, doc);
	return ff_page_finish(page, ret);
}

// The same failure in another process of the run.
static struct ff_error *write_again(const json_t *doc, struct ff_page *page, char **ret)
{
	_cleanup_buf_ struct ff_buf text = {0};
	int64_t count = 0;
	add_error(&text, doc);
	add_who(&text, doc);
	if (ff_json_at(doc, "request.id"))
		add_part(&text, ", ", "request ", ff_json_at(doc, "request.id"));
	if (ff_json_int(doc, "count", &count))
		ff_buf_printf(&text, "; %lld times so far; incident %s", (long long)count,
			ff_json_text(doc, "id") ? ff_json_text(doc, "id") : "");
	say_parts(page, "Again", &text);
	return ff_page_finish(page, ret);
}

static struct ff_error *write_brief(const json_t *doc, struct ff_page *page, char **ret)
{
	return json_object_get(doc, "ended_by") ? write_end(doc, page, ret) : write_again(doc, page, ret);
}

static void say_what_led_to_it(struct ff_page *page, const json_t *doc)
{
	size_t i;
	json_t *each;
	json_array_foreach (ff_json_at(doc, "exception.led_to_it"), i, each) {
		struct ff_span rest = ff_span_of(ff_json_text(each, "message")), first = {0};
		const char *type = ff_json_text(each, "type");
		ff_span_next(&rest, '\n', &first);
		ff_page_say(page, FF_MARK_NONE, "Led to it", "%s: %.*s", type ? type : "?", (int)first.n,
			first.p ? first.p : "");
	}
}

static struct ff_error *write_incident(const json_t *doc, struct ff_page *page, char **ret)
{
	const char *title = ff_json_text(doc, "title"), *id = ff_json_text(doc, "id"), *how = ff_json_text(doc, "how");
	int64_t count = 0;
	if (page->style->brief)
		return write_brief(doc, page, ret);
	ff_page_title(page, title ? title : "FAILURE", id ? id : "");
	say_text(page, "Command", json_object_get(doc, "command"));
	say_who(page, doc);
	say_text(page, "At", json_object_get(doc, "at"));
	if (ff_json_int(doc, "count", &count) && count > 1)
		ff_page_say(page, FF_MARK_WARN, "Seen", "%lld times, first %s", (long long)count,
			ff_json_text(doc, "first_seen") ? ff_json_text(doc, "first_seen") : "?");
	say_end(page, doc);
	say_text(page, "Sent by", json_object_get(doc, "sent_by"));
	say_text(page, "Reason", json_object_get(doc, "error"));
	if (!how || strcmp(how, "failure") != 0) // else the title says it
		say_text(page, "Phase", json_object_get(doc, "phase"));
	say_text(page, "Error Type", ff_json_at(doc, "exception.type"));
	say_message(page, ff_json_at(doc, "exception.message"));
	say_what_led_to_it(page, doc);
	say_crash(page, doc);
	say_trace(page, doc);
	say_tail(page, doc);
	say_gpu_memory(page, doc);
	struct ff_error *err = json_object_get(doc, "pid") ? say_machine(page, doc) : NULL;
	if (err)
		return err;
	const json_t *diagnosis = json_object_get(doc, "diagnosis");
	bool unexplained = json_object_get(doc, "pid") && !json_array_size(json_object_get(diagnosis, "diagnoses"));
	if (diagnosis || unexplained)
		ff_page_end_section(page);
	if (unexplained) // its error stands above: to list its lines again would tell nothing
		ff_page_line(page, FF_MARK_NONE, "Cause", FF_SPAN("not known: no rule explains it"));
	else if (diagnosis)
		ff_diagnosis_write(diagnosis, page);
	say_changes(page, doc);
	say_attempts(page, doc);
	ff_page_end_section(page);
	if (json_object_get(doc, "pid"))
		say_stored(page, doc);
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

// "OSError: [Errno 28] No space left on device", "SIGKILL", "exit code 3"; one line.
static void put_error(struct ff_buf *out, const json_t *entry)
{
	const char *type = ff_json_text(entry, "error.type"), *message = ff_json_text(entry, "error.message"),
		   *name = ff_json_text(entry, "exit.name"), *how = ff_json_text(entry, "how");
	int64_t code = 0;
	if (type)
		ff_buf_printf(out, "%s%s%.*s", type, message ? ": " : "", (int)(message ? strcspn(message, "\n") : 0),
			message ? message : "");
	else if (name)
		ff_buf_str(out, name);
	else if (ff_json_int(entry, "exit.code", &code))
		ff_buf_printf(out, "exit code %lld", (long long)code);
	else
		ff_buf_str(out, how ? how : "");
}

enum { N_COLUMNS = 6, SECONDS = sizeof("2026-11-28T18:18:56") - 1 };
enum { HIDDEN = SIZE_MAX, GAP = 2 };

// Widths of the columns by that of the terminal; 0: the rest of the line. Off a terminal every column is there.
static const struct layout {
	int columns;
	size_t widths[N_COLUMNS];
} layouts[] = {
	{110, {24, 6, SECONDS, 24, 0, HIDDEN}},
	{76, {24, 6, HIDDEN, 22, 0, HIDDEN}},
	{1, {24, 6, HIDDEN, 0, HIDDEN, HIDDEN}},
	{0, {24, 6, SECONDS, 28, 44, 0}},
};

static const struct layout *layout_for(int columns)
{
	size_t i = 0;
	while (layouts[i].columns > columns)
		i++;
	return &layouts[i];
}

// A column: cleaned, cut and filled to its width; 0: as long as it is.
static void put_cell(struct ff_buf *out, const char *text, size_t width, const struct ff_style *style)
{
	_cleanup_buf_ struct ff_buf cell = {0};
	ff_clean(&cell, ff_span_of(text ? text : ""), style->utf8);
	size_t cut = 0;
	while (width && cell.n && ff_clean_width((struct ff_span){cell.p, cell.n}) > width - cut) {
		cut = 1;
		do
			cell.n--;
		while (cell.n && ((unsigned char)cell.p[cell.n] & 0xc0) == 0x80);
	}
	ff_buf_add(out, cell.p ? cell.p : "", cell.n);
	if (cut)
		ff_buf_str(out, style->utf8 ? "…" : "~");
	size_t used = ff_clean_width((struct ff_span){cell.p, cell.n}) + cut;
	if (width)
		ff_buf_printf(out, "%*s", (int)(width > used ? width - used + GAP : GAP), "");
	else
		ff_buf_char(out, '\n');
	out->failed |= cell.failed;
}

static void list_row(struct ff_buf *out, const char *const cells[N_COLUMNS], const struct ff_style *style)
{
	const struct layout *layout = layout_for(style->columns);
	size_t used = 0;
	for (int i = 0; i < N_COLUMNS; i++) {
		size_t width = layout->widths[i];
		if (width == HIDDEN)
			continue;
		if (width || !style->columns) {
			put_cell(out, cells[i], width, style);
			used += width + GAP;
			continue;
		}
		put_cell(out, cells[i], (size_t)style->columns - used, style);
		while (out->n && out->p[out->n - 1] == ' ') // filled: a line does not end in blanks
			out->n--;
		ff_buf_char(out, '\n');
	}
}

struct ff_error *ff_incidents_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_text, .style = style};
	_cleanup_buf_ struct ff_buf rows = {0};
	const json_t *list = json_object_get(doc, "incidents"), *entry;
	size_t i;
	if (!json_array_size(list)) {
		ff_page_line(&page, FF_MARK_OK, "", FF_SPAN("No incident is stored."));
		return ff_page_finish(&page, ret);
	}
	list_row(&rows, (const char *[]){"INCIDENT", " COUNT", "LAST SEEN (UTC)", "CAUSE", "ERROR", "COMMAND"}, style);
	json_array_foreach (list, i, entry) {
		_cleanup_buf_ struct ff_buf error = {0};
		const char *cause = ff_json_text(entry, "cause"), *how = ff_json_text(entry, "how");
		char count[24], seen[SECONDS + 1];
		put_error(&error, entry);
		snprintf(
			count, sizeof(count), "%5lldx", (long long)json_integer_value(json_object_get(entry, "count")));
		snprintf(seen, sizeof(seen), "%s",
			ff_json_text(entry, "last_seen") ? ff_json_text(entry, "last_seen") : "");
		const char *const cells[] = {ff_json_text(entry, "id"), count, seen,
			cause	      ? cause
				: how ? how
				      : "unknown",
			error.p, ff_json_text(entry, "command")};
		list_row(&rows, cells, style);
		rows.failed |= error.failed;
	}
	return ff_buf_finish(&rows, ret);
}

// A table with a head of its own, whose rows begin with an id: nothing in them ends the fence.
struct ff_error *ff_incidents_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct ff_buf fenced = {0};
	struct ff_error *err = ff_incidents_text(doc, style, &text);
	if (err)
		return err;
	ff_buf_printf(&fenced, "```text\n%s```\n", text);
	return ff_buf_finish(&fenced, ret);
}
