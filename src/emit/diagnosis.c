// firstfix.diagnosis/1 for a person: the root cause, what shows it, and the one fix to try first, on one screen.
// Everything else (other diagnoses, other fixes, lines without an explanation) comes after and short; where the screen
// is too small for it, it is said that --verbose has it.
//
//	ROOT CAUSE: bitsandbytes ships no library for this CUDA version  bnb.binary-missing
//	❌ error, almost certain (0.97)
//	   Looked for: libbitsandbytes_cuda128.so
//	   Not set: BNB_CUDA_VERSION
//	Fix to try first: Set BNB_CUDA_VERSION to 121.
//	    export BNB_CUDA_VERSION=121
#include "emit/diagnosis.h"

#include "emit/page.h"
#include "emit/report.h"

/** How much of a diagnosis is written; what a screen needs least goes first. */
struct limits {
	size_t evidence, fixes, others,
		unexplained; /**< how many; fixes beside the first, diagnoses beside the first */
	size_t rows;	     /**< of a line of evidence, of another fix; 0: any number */
	size_t why;	     /**< rows of the explanation; 0: any number */
	bool terse;	     /**< other diagnoses by name, other fixes without their commands, no headings */
	bool no_rivals;	     /**< nor which other cause it may be */
};

static const struct limits all = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, 0, 0, false, false};
static const struct limits usual = {8, SIZE_MAX, SIZE_MAX, 5, 0, 0, false, false};

// The first of them that fits the screen is taken.
static const struct limits briefer[] = {
	{6, SIZE_MAX, 6, 1, 4, 0, true, false},
	{5, 3, 6, 1, 3, 0, true, false},
	{5, 2, 6, 0, 2, 0, true, false},
	{5, 1, 4, 0, 2, 0, true, false},
	{4, 0, 4, 0, 2, 0, true, false},
	{3, 0, 3, 0, 2, 0, true, false},
	{2, 0, 2, 0, 1, 0, true, false},
	{1, 0, 1, 0, 1, 5, true, true},
	{1, 0, 0, 0, 1, 3, true, true},
};

struct writer {
	struct ff_page *page;
	const json_t *doc;
	const struct limits *limits;
	size_t evidence_left_out, fixes_left_out, others_left_out, unexplained_left_out;
};

static const char *confidence_word(double confidence)
{
	static const struct {
		double least;
		const char *word;
	} words[] = {{0.95, "almost certain"}, {0.8, "very likely"}, {0.6, "likely"}, {0.4, "possible"}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (confidence >= words[i].least)
			return words[i].word;
	}
	return "a guess";
}

static bool is_error(const json_t *d)
{
	const char *severity = ff_json_text(d, "severity");
	return !severity || strcmp(severity, "warning") != 0;
}

static void say_verdict(struct writer *w, const json_t *d)
{
	const json_t *confidence = json_object_get(d, "confidence");
	enum ff_mark mark = is_error(d) ? FF_MARK_FAIL : FF_MARK_WARN;
	const char *severity = is_error(d) ? "error" : "warning";
	if (json_is_number(confidence))
		ff_page_say(w->page, mark, "", "%s, %s (%.2f)", severity,
			confidence_word(json_number_value(confidence)), json_number_value(confidence));
	else
		ff_page_say(w->page, mark, "", "%s", severity);
}

// How people name what was looked for and what is there; the last part of a fact's path decides.
static const struct {
	const char *end, *label;
} labels[] = {
	{".wanted", "Looked for"},
	{".binaries", "There is"},
	{".archs", "Compiled for"},
	{".compute_capability", "This GPU has"},
};

// "python.packages.vllm.version" is told as "vllm".
static bool is_package(const char *path)
{
	return ff_starts(path, "python.packages.") && ff_ends(path, ".version");
}

static void add_label(struct ff_buf *out, const char *path)
{
	const char *label = path;
	size_t head = strlen("python.packages."), tail = strlen(".version");
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (ff_ends(path, labels[i].end))
			label = labels[i].label;
	}
	if (is_package(path) && strlen(path) > head + tail)
		ff_buf_printf(out, "%.*s", (int)(strlen(path) - head - tail), path + head);
	else
		ff_buf_str(out, label);
}

// Of libraries that are needed, those that were not found tell something: "libcudart.so.12, libcublas.so.12".
static bool missing_text(const json_t *list, struct ff_buf *out)
{
	size_t i;
	json_t *need;
	json_array_foreach (list, i, need) {
		const char *soname = ff_json_text(need, "soname");
		if (!soname)
			return false;
		if (!ff_json_text(need, "path"))
			ff_buf_printf(out, "%s%s", out->n ? ", " : "", soname);
	}
	return out->n;
}

static void say_fact(struct writer *w, const char *path, const json_t *evidence)
{
	_cleanup_buf_ struct ff_buf text = {0};
	const json_t *value = json_object_get(evidence, "value");
	const char *label = ff_json_text(evidence, "label");
	bool env = ff_starts(path, "env."), package = is_package(path);
	bool unset = (env || package) && (json_is_false(value) || json_is_null(value));
	_cleanup_buf_ struct ff_buf missing = {0}, name = {0};
	if (json_is_array(value) && missing_text(value, &missing) && missing.p) {
		ff_page_say(w->page, FF_MARK_NONE, label ? label : "Needed and not found", "%s", missing.p);
		return;
	}
	bool known = value && !unset && ff_evidence_text(path, value, &text);
	add_label(&name, path);
	w->page->out.failed |= text.failed || name.failed;
	if (env && !label)
		ff_page_say(w->page, FF_MARK_NONE, known ? "Set" : "Not set", "%s%s%s", path + strlen("env."),
			known ? "=" : "", text.p ? text.p : "");
	else
		ff_page_say(w->page, FF_MARK_NONE, label || !name.p ? label : name.p, "%s",
			known && text.p	  ? text.p
				: package ? "not installed"
					  : "not there");
}

// What is not listed is counted here, or with all else in the last line.
static void say_left_out(struct writer *w, size_t n, size_t *ret)
{
	*ret = n;
	if (n && !w->limits->terse)
		ff_page_say(w->page, FF_MARK_NONE, "", "and %zu more: --verbose lists them", n);
}

static bool is_log_line(const json_t *evidence)
{
	int64_t number;
	return !ff_json_text(evidence, "fact") && ff_json_text(evidence, "text") &&
		ff_json_int(evidence, "log", &number);
}

static void say_log_line(struct writer *w, const json_t *evidence)
{
	int64_t number = 0;
	char label[40];
	ff_json_int(evidence, "log", &number);
	snprintf(label, sizeof(label), "Log line %lld", (long long)number);
	ff_page_say(w->page, FF_MARK_NONE, label, "%s", ff_json_text(evidence, "text"));
}

// Facts first: what was looked for and what is there; then the lines that say so, of which one is always shown.
static void say_evidence(struct writer *w, const json_t *d)
{
	const json_t *list = json_object_get(d, "evidence"), *e;
	size_t n = json_array_size(list), shown = 0, lines = 0, i;
	json_array_foreach (list, i, e)
		lines += is_log_line(e);
	json_array_foreach (list, i, e) {
		if (ff_json_text(e, "fact") && shown + !!lines < w->limits->evidence) {
			say_fact(w, ff_json_text(e, "fact"), e);
			shown++;
		}
	}
	json_array_foreach (list, i, e) {
		if (is_log_line(e) && shown < w->limits->evidence) {
			say_log_line(w, e);
			shown++;
		}
	}
	say_left_out(w, shown >= w->limits->evidence ? n - shown : 0, &w->evidence_left_out);
}

// Lines of a file of packages: what to change.
static void say_lines(struct writer *w, const json_t *d)
{
	size_t i;
	json_t *pin;
	json_array_foreach (json_object_get(d, "lines"), i, pin) {
		const char *name = ff_json_text(pin, "name"), *file = ff_json_text(pin, "file"),
			   *version = ff_json_text(pin, "version"), *needs = ff_json_text(pin, "needs"),
			   *with = ff_json_text(pin, "comes_with");
		int64_t line;
		if (name && file && ff_json_int(pin, "line", &line))
			ff_page_say(w->page, FF_MARK_NONE, "", "%s:%lld: %s%s%s%s%s", file, (long long)line, name,
				version ? "==" : "",
				version		? version
					: needs ? needs
						: "",
				with ? ", which comes with " : "", with ? with : "");
	}
}

// What the trial on paper showed: {"result": ..., "text": ...}.
static void say_trial(struct writer *w, const json_t *fix)
{
	const json_t *trial = json_object_get(fix, "tried");
	const char *result = ff_json_text(trial, "result");
	const char *text = ff_json_text(trial, "text");
	bool unknown = result && strcmp(result, "unknown") == 0;
	if ((result || text) && (!unknown || w->page->style->verbose))
		ff_page_say(w->page, FF_MARK_NONE, "Tried on the facts", "%s%s%s", result ? result : "",
			result && text ? ": " : "", text ? text : "");
}

static void say_fix(struct writer *w, const char *label, const json_t *fix)
{
	const char *sentence = ff_json_text(fix, "say"), *command = ff_json_text(fix, "command");
	const char *kind = ff_json_text(fix, "kind");
	ff_page_say(w->page, FF_MARK_SETTING, label, "%s", sentence ? sentence : kind ? kind : "(not said)");
	if (command && command[0])
		ff_page_box(w->page, ff_span_of(command));
	say_trial(w, fix);
	if (json_is_true(json_object_get(fix, "automatic")))
		ff_page_say(w->page, FF_MARK_NONE, "", "Safe to apply automatically.");
}

static void say_other_fixes(struct writer *w, const json_t *fixes)
{
	size_t n = json_array_size(fixes), shown = n - 1 < w->limits->fixes ? n : w->limits->fixes + 1;
	for (size_t i = 1; i < shown; i++) {
		const json_t *fix = json_array_get(fixes, i);
		const char *sentence = ff_json_text(fix, "say");
		const char *command = w->limits->terse ? NULL : ff_json_text(fix, "command");
		const char *kind = ff_json_text(fix, "kind");
		if (!sentence)
			sentence = kind ? kind : "(not said)";
		ff_page_say(w->page, FF_MARK_NONE, i == 1 ? "If that does not help" : "Or", "%s%s%s", sentence,
			command ? "  $ " : "", command ? command : "");
		if (w->page->style->verbose)
			say_trial(w, fix);
	}
	w->fixes_left_out = n - shown;
}

static const char *title_of(const json_t *d)
{
	const char *title = ff_json_text(d, "title"), *cause = ff_json_text(d, "cause");
	return title ? title : cause ? cause : "(no title)";
}

static void say_root(struct writer *w, const json_t *d)
{
	_cleanup_free_ char *title = NULL;
	const char *cause = ff_json_text(d, "cause"), *why = ff_json_text(d, "why");
	if (asprintf(&title, "%s: %s", is_error(d) ? "ROOT CAUSE" : "WARNING", title_of(d)) < 0) {
		title = NULL;
		w->page->out.failed = true;
		return;
	}
	ff_page_title(w->page, title, cause ? cause : "");
	say_verdict(w, d);
	if (why) {
		ff_page_gap(w->page);
		w->page->line_rows = w->limits->why;
		ff_page_paragraph(w->page, ff_span_of(why));
	}
	w->page->line_rows = w->limits->rows;
	if (json_array_size(json_object_get(d, "evidence"))) {
		ff_page_gap(w->page);
		say_evidence(w, d);
	}
	say_lines(w, d);
	w->page->line_rows = 0;
	const json_t *fixes = json_object_get(d, "fixes");
	ff_page_gap(w->page);
	if (json_array_size(fixes))
		say_fix(w, "Fix to try first", json_array_get(fixes, 0));
	else
		ff_page_say(w->page, FF_MARK_SETTING, "Fix to try first", "none is known for this cause");
	w->page->line_rows = w->limits->rows;
	if (json_array_size(fixes))
		say_other_fixes(w, fixes);
	w->page->line_rows = 0;
}

// Another cause that the same failure may have, and what would tell.
static void say_rivals(struct writer *w)
{
	const json_t *rivals = json_object_get(w->doc, "rivals"), *path;
	const char *cause = json_string_value(json_array_get(json_object_get(rivals, "causes"), 1));
	const char *title = json_string_value(json_array_get(json_object_get(rivals, "titles"), 1));
	_cleanup_buf_ struct ff_buf decides = {0};
	size_t i;
	json_array_foreach (json_object_get(rivals, "would_decide"), i, path)
		ff_buf_printf(&decides, "%s%s", i ? ", " : "", json_string_value(path));
	w->page->out.failed |= decides.failed;
	if (!cause || !title || !decides.p || w->limits->no_rivals)
		return;
	if (!w->limits->terse)
		ff_page_gap(w->page);
	ff_page_say(w->page, FF_MARK_WARN, "Or it is", "%s (%s)", title, cause);
	ff_page_say(w->page, FF_MARK_NONE, "Would decide", "%s", decides.p);
}

// The other diagnoses in a row each.
static void name_others(struct writer *w, const json_t *diagnoses)
{
	size_t n = json_array_size(diagnoses), shown = n - 1 < w->limits->others ? n : w->limits->others + 1;
	w->page->line_rows = 1;
	for (size_t i = 1; i < shown; i++) {
		const json_t *d = json_array_get(diagnoses, i);
		const char *cause = ff_json_text(d, "cause");
		ff_page_say(w->page, is_error(d) ? FF_MARK_FAIL : FF_MARK_WARN, "Also found", "%s: %s",
			cause ? cause : "?", title_of(d));
	}
	w->page->line_rows = 0;
	w->others_left_out = n - 1; // what fixes them is
}

static void say_others(struct writer *w, const json_t *diagnoses)
{
	if (w->limits->terse) {
		name_others(w, diagnoses);
		return;
	}
	ff_page_section(w->page, "Also found");
	for (size_t i = 1; i < json_array_size(diagnoses); i++) {
		const json_t *d = json_array_get(diagnoses, i);
		const json_t *fix = json_array_get(json_object_get(d, "fixes"), 0);
		const char *cause = ff_json_text(d, "cause"), *command = ff_json_text(fix, "command");
		const char *sentence = ff_json_text(fix, "say");
		ff_page_say(w->page, is_error(d) ? FF_MARK_FAIL : FF_MARK_WARN, cause ? cause : "?", "%s", title_of(d));
		if (sentence)
			ff_page_say(w->page, FF_MARK_NONE, "Fix", "%s%s%s", sentence, command ? "  $ " : "",
				command ? command : "");
	}
}

static void say_unexplained(struct writer *w)
{
	const json_t *list = json_object_get(w->doc, "unexplained");
	size_t n = json_array_size(list), shown = 0, most = w->limits->unexplained;
	bool answer = !json_array_size(json_object_get(w->doc, "diagnoses")); // there is nothing else to go by
	if (answer && most < usual.unexplained)
		most = w->limits->why ? 1 : w->limits->fixes ? usual.unexplained : 3;
	if (answer || !w->limits->terse)
		ff_page_section(w->page, "Lines without an explanation");
	w->page->line_rows = w->limits->rows;
	for (; shown < n && shown < most; shown++) {
		const json_t *line = json_array_get(list, shown);
		const char *text = ff_json_text(line, "text"), *decides = ff_json_text(line, "would_decide");
		int64_t number = 0;
		char label[40] = "Log";
		if (ff_json_int(line, "log", &number))
			snprintf(label, sizeof(label), "Log line %lld", (long long)number);
		if (text)
			ff_page_say(w->page, FF_MARK_NONE, label, "%s", text);
		if (decides)
			ff_page_say(w->page, FF_MARK_NONE, "Would decide", "%s", decides);
	}
	w->page->line_rows = 0;
	say_left_out(w, n - shown, &w->unexplained_left_out);
}

// The last line of an answer that was made to fit the screen.
static void say_more(struct writer *w)
{
	const struct {
		size_t n;
		const char *one, *many;
	} parts[] = {
		{w->fixes_left_out, "other fix", "other fixes"},
		{w->others_left_out, "other cause in full", "other causes in full"},
		{w->evidence_left_out, "more piece of evidence", "more pieces of evidence"},
		{w->unexplained_left_out, "line without an explanation", "lines without an explanation"},
	};
	_cleanup_buf_ struct ff_buf text = {0};
	ff_page_end_section(w->page);
	for (size_t i = 0; w->limits->terse && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].n)
			ff_buf_printf(&text, "%s%zu %s", text.n ? ", " : "", parts[i].n,
				parts[i].n == 1 ? parts[i].one : parts[i].many);
	}
	w->page->out.failed |= text.failed;
	if (w->limits->terse)
		ff_page_say(w->page, FF_MARK_NONE, "More with -v", "%s", text.n ? text.p : "every line in full");
}

// What a verdict without a diagnosis is called, and what it stands on. The tick is for what was seen to be well.
static const struct {
	const char *verdict, *title, *text;
	enum ff_mark mark;
} verdicts[] = {
	{"failed-unknown", "NO KNOWN CAUSE", "It failed, and no rule says why.", FF_MARK_FAIL},
	{"stopped", "Stopped from outside", "Nobody crashed: it was told to end.", FF_MARK_WARN},
	{"running", "Nothing wrong so far", "The log ends before the run does.", FF_MARK_NONE},
	{"nothing", "No sign of a run", "Nothing in it shows that a worker ran: it is empty, or of something else.",
		FF_MARK_NONE},
	{"healthy", "Nothing wrong found", "", FF_MARK_OK},
};

static size_t verdict_row(const char *verdict)
{
	size_t i = 0;
	while (i + 1 < sizeof(verdicts) / sizeof(verdicts[0]) && verdict && strcmp(verdicts[i].verdict, verdict) != 0)
		i++;
	return i;
}

// The line that shows how the run that the answer is about ended: the last one that is not cut.
static void say_runs(struct writer *w, enum ff_mark mark)
{
	const json_t *runs = json_object_get(w->doc, "runs"), *run = NULL;
	size_t i;
	json_t *each;
	json_array_foreach (runs, i, each) {
		const char *end = ff_json_text(each, "end");
		if (end && (strcmp(end, "cut") != 0 || !run))
			run = each;
	}
	int64_t first = 0, last = 0, at = 0;
	const char *end = ff_json_text(run, "end"), *process = ff_json_text(run, "process");
	if (!end || !ff_json_int(run, "first", &first) || !ff_json_int(run, "last", &last))
		return;
	_cleanup_buf_ struct ff_buf shown = {0};
	const char *because = ff_json_text(run, "because.text");
	if (ff_json_int(run, "because.log", &at))
		ff_buf_printf(&shown, ": line %lld%s%s", (long long)at, because ? ", " : "", because ? because : "");
	w->page->out.failed |= shown.failed;
	enum ff_mark known = strcmp(end, "running") == 0 || strcmp(end, "finished") == 0 ? FF_MARK_OK : mark;
	ff_page_say(w->page, known, process ? process : "Run", "lines %lld to %lld, %s%s", (long long)first,
		(long long)last, end, shown.p ? shown.p : "");
}

static void say_history(struct writer *w)
{
	const char *history = ff_json_text(w->doc, "history");
	if (history)
		ff_page_say(w->page, FF_MARK_NONE, "Earlier", "%s", history);
}

static void say_nothing_found(struct writer *w)
{
	_cleanup_buf_ struct ff_buf looked = {0};
	const char *verdict = ff_json_text(w->doc, "verdict");
	bool open = !verdict && json_array_size(json_object_get(w->doc, "unexplained")) > 0;
	size_t row = verdict || open ? verdict_row(verdict ? verdict : "failed-unknown") : verdict_row("healthy");
	const json_t *at = json_object_get(w->doc, "looked_at");
	ff_page_title(w->page, verdicts[row].title, "");
	if (*verdicts[row].text)
		ff_page_paragraph(w->page, ff_span_of(verdicts[row].text));
	if (at && ff_value_text(at, &looked))
		ff_page_line(w->page, verdicts[row].mark, "Looked at", (struct ff_span){looked.p, looked.n});
	say_runs(w, verdicts[row].mark);
	w->page->out.failed |= looked.failed;
}

static void say_deep(struct writer *w)
{
	size_t i;
	json_t *step;
	ff_page_section(w->page, "Proved by running it");
	json_array_foreach (json_object_get(w->doc, "deep"), i, step) {
		const char *name = ff_json_text(step, "step"), *skipped = ff_json_text(step, "skipped");
		const char *error = ff_json_text(step, "error"), *said = ff_json_text(step, "said");
		double ms = json_number_value(json_object_get(step, "ms"));
		int64_t rss = 0;
		ff_json_int(step, "peak_rss", &rss);
		if (skipped)
			ff_page_say(w->page, FF_MARK_NONE, name ? name : "?", "not tried: %s", skipped);
		else
			ff_page_say(w->page, json_is_true(json_object_get(step, "ok")) ? FF_MARK_OK : FF_MARK_FAIL,
				name ? name : "?", "%s (%.1f s, %lld MiB)",
				error	       ? error
					: said ? said
					       : "",
				ms / 1000, (long long)(rss >> 20));
	}
}

// A rule of the user's that failed says nothing of this failure; he wrote it and is the one to hear of it.
static void say_broken_rules(struct writer *w)
{
	size_t i;
	const json_t *broken = json_object_get(w->doc, "broken_rules"), *why;
	if (json_array_size(broken))
		ff_page_section(w->page, "Rules that failed and were left out");
	json_array_foreach (broken, i, why)
		ff_page_say(w->page, FF_MARK_WARN, "", "%s", json_string_value(why));
}

// An answer from another machine's facts reads like any other, so whose they were is said.
static void say_whose_facts(struct writer *w)
{
	const json_t *of = json_object_get(w->doc, "facts_of");
	const char *what = ff_json_text(of, "what"), *because = ff_json_text(of, "because");
	if (!what || (strcmp(what, "none") == 0 && !because))
		return;
	ff_page_end_section(w->page); // of the causes beside the first; where there are none it has no heading either
	ff_page_say(w->page, because ? FF_MARK_WARN : FF_MARK_NONE, "Facts of", "%s%s%s%s", what, because ? " (" : "",
		because ? because : "", because ? ")" : "");
}

static void write_within(const json_t *doc, struct ff_page *page, const struct limits *limits)
{
	struct writer w = {.page = page, .doc = doc, .limits = limits};
	const json_t *diagnoses = json_object_get(doc, "diagnoses");
	page->bare_boxes = limits->terse;
	if (json_array_size(diagnoses)) {
		say_root(&w, json_array_get(diagnoses, 0));
		say_rivals(&w);
		say_whose_facts(&w);
		say_others(&w, diagnoses);
	} else {
		say_nothing_found(&w);
		say_whose_facts(&w);
	}
	say_history(&w);
	say_deep(&w);
	say_unexplained(&w);
	say_broken_rules(&w);
	say_more(&w);
}

void ff_diagnosis_write(const json_t *doc, struct ff_page *page)
{
	write_within(doc, page, page->style->verbose ? &all : &usual);
}

struct ff_error *ff_diagnosis_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	size_t rows = style->verbose || style->rows <= 0 ? SIZE_MAX : (size_t)style->rows;
	for (size_t i = 0;; i++) {
		_cleanup_free_ char *text = NULL;
		struct ff_page page = {.look = &ff_look_text, .style = style};
		write_within(doc, &page, i ? &briefer[i - 1] : style->verbose ? &all : &usual);
		struct ff_error *err = ff_page_finish(&page, &text);
		if (err)
			return err;
		if (i < sizeof(briefer) / sizeof(briefer[0]) && ff_page_rows(text, ff_page_columns(&page)) > rows)
			continue;
		*ret = ff_take(&text);
		return NULL;
	}
}

struct ff_error *ff_diagnosis_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_markdown, .style = style};
	ff_diagnosis_write(doc, &page);
	return ff_page_finish(&page, ret);
}
