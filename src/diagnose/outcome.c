// How it stands in the end: which runs the log has and how each ended, what no rule explains, and the verdict of all
// that.
//
//	{"verdict": "failed-unknown", "runs": [{"first": 1, "last": 810, "end": "died", "process": "vllm"}],
//	 "unexplained": [{"log": 40, "text": "AssertionError: ..."}]}
#include "diagnose/finding.h"

enum {
	UNEXPLAINED_MAX = 12,
	UNEXPLAINED_TEXT = 400,
	TIER_ERROR_LINE = 2,
	TIER_EVENT = 3,
	TIER_MOST = 5,
	END_LINES = 40
};

enum verdict { NOTHING, HEALTHY, RUNNING, STOPPED, FAILED_UNKNOWN, FAILED };

static const char *const verdicts[] = {"nothing", "healthy", "running", "stopped", "failed-unknown", "failed"};

// What was found in a log.
struct story {
	struct ff_rules *rules;
	const struct ff_scan *scan;
	const struct ff_findings *findings;
};

// The answer: findings are in order, and those that another one explains are last.
static const struct ff_finding *answer_of(const struct story *story)
{
	const struct ff_finding *first = story->findings->n ? &story->findings->list[0] : NULL;
	return first && !first->dropped && ff_finding_is_error(story->rules, first) ? first : NULL;
}

// ---- what nothing explains ----

// A signature of a rule that answered stands in this event.
static bool spoke_in(const struct story *story, size_t rule, size_t event)
{
	const struct ff_rule *r = ff_rules_at(story->rules, rule);
	for (size_t s = r->first_signature; s < r->first_signature + r->signature_count; s++) {
		size_t n;
		const struct ff_hit *hits = ff_scan_hits(story->scan, s, &n, NULL);
		for (size_t i = 0; i < n; i++) {
			if (hits[i].event == event)
				return true;
		}
	}
	return false;
}

static bool explained(const struct story *story, size_t index)
{
	const struct ff_event *e = ff_events_at(ff_scan_events(story->scan), index);
	for (size_t i = 0; e && i < story->findings->n; i++) {
		const struct ff_finding *f = &story->findings->list[i];
		if (f->event == index || (f->line >= e->first && f->line <= e->last) || spoke_in(story, f->rule, index))
			return true;
	}
	return false;
}

// Part of a chain that some finding stands in: the outer exceptions follow from the inner one.
static bool chain_explained(const struct story *story, size_t index)
{
	for (int steps = 0; index != FF_EVENT_NO_INNER && steps < 64; steps++) {
		if (explained(story, index))
			return true;
		const struct ff_event *e = ff_events_at(ff_scan_events(story->scan), index);
		index = e ? e->inner : FF_EVENT_NO_INNER;
	}
	return false;
}

static json_t *unexplained_entry(const struct ff_event *e)
{
	_cleanup_buf_ struct ff_buf text = {0};
	if (e->qualified[0])
		ff_buf_printf(&text, "%s: ", e->qualified);
	const char *said = e->message + strspn(e->message, " \t\n");
	ff_buf_add(&text, said, strcspn(said, "\n"));
	size_t n = text.n < UNEXPLAINED_TEXT ? text.n : UNEXPLAINED_TEXT;
	return text.failed ? NULL
			   : json_pack("{s:I, s:o*}", "log", (json_int_t)e->last, "text", ff_json_string(text.p, n));
}

// What is said below the cause, by the same run and without an exception of its own, follows from it.
static bool consequence(const struct story *story, const struct ff_event *e)
{
	const struct ff_finding *answer = answer_of(story);
	const struct ff_event *cause = answer ? ff_events_at(ff_scan_events(story->scan), answer->event) : NULL;
	return cause && cause->run == e->run && e->first > answer->line &&
		(e->kind == FF_EVENT_LINE || e->kind == FF_EVENT_DEATH);
}

// How much an event without an explanation tells, 0 for nothing.
static int weight(const struct story *story, size_t index)
{
	const struct ff_events *events = ff_scan_events(story->scan);
	const struct ff_event *e = ff_events_at(events, index), *next = ff_events_at(events, index + 1);
	if (!e || (!e->qualified[0] && !e->message[0]) || e->level < FF_LEVEL_ERROR || e->history ||
		consequence(story, e) || (e->kind == FF_EVENT_LINE && !e->stated))
		return 0;
	bool inner = next && next->inner == index; // the end of its chain stands for it
	int tier = ff_event_tier(events, index);
	return inner || tier < TIER_ERROR_LINE || chain_explained(story, index) ? 0 : tier;
}

// Another rank, or another request, said the same.
static bool listed(const json_t *list, const json_t *entry)
{
	size_t i;
	json_t *other;
	json_array_foreach (list, i, other) {
		if (json_equal(json_object_get(other, "text"), json_object_get(entry, "text")))
			return true;
	}
	return false;
}

// A run that goes on for long after an error line did not end by it.
static bool near_end(const struct story *story, const struct ff_event *e)
{
	const struct ff_runs *runs = ff_scan_runs(story->scan);
	for (size_t i = 0; i < ff_runs_count(runs); i++) {
		const struct ff_run *run = ff_runs_at(runs, i);
		if (run->id == e->run)
			return run->last <= e->last + END_LINES;
	}
	return true;
}

static json_t *unexplained(const struct story *story, int *ret_most)
{
	const struct ff_events *events = ff_scan_events(story->scan);
	size_t n = ff_events_count(events);
	_cleanup_free_ unsigned char *weights = calloc(n + 1, 1);
	json_t *list = json_array();
	*ret_most = 0;
	for (size_t i = 0; weights && i < n; i++) {
		weights[i] = (unsigned char)weight(story, i);
		if (weights[i] > *ret_most && (weights[i] >= TIER_EVENT || near_end(story, ff_events_at(events, i))))
			*ret_most = weights[i];
	}
	for (int tier = TIER_MOST; weights && tier >= TIER_ERROR_LINE; tier--) {
		for (size_t i = 0; i < n && json_array_size(list) < UNEXPLAINED_MAX; i++) {
			_cleanup_json_ json_t *entry =
				weights[i] == tier ? unexplained_entry(ff_events_at(events, i)) : NULL;
			if (entry && !listed(list, entry))
				json_array_append(list, entry);
		}
	}
	return list;
}

// ---- runs ----

static json_t *run_entry(const struct story *story, const struct ff_run *run)
{
	const struct ff_event *said = ff_events_at(ff_scan_events(story->scan), run->said);
	json_t *entry = json_pack("{s:I, s:I, s:s}", "first", (json_int_t)run->first, "last", (json_int_t)run->last,
		"end", ff_run_end_names[run->end]);
	if (entry && *run->process)
		json_object_set_new(entry, "process", ff_json_string(run->process, strlen(run->process)));
	if (entry && run->end == FF_RUN_STOPPED)
		json_object_set_new(entry, "by", json_string(run->stopped_by));
	if (entry && said)
		json_object_set_new(entry, "because", unexplained_entry(said));
	else if (entry && run->at)
		json_object_set_new(entry, "because", json_pack("{s:I}", "log", (json_int_t)run->at));
	return entry;
}

static json_t *runs_of(const struct story *story)
{
	const struct ff_runs *runs = ff_scan_runs(story->scan);
	json_t *list = json_array();
	for (size_t i = 0; i < ff_runs_count(runs); i++)
		json_array_append_new(list, run_entry(story, ff_runs_at(runs, i)));
	return list;
}

// "failed 3 times before, the last time with ValueError: ... (line 50); started well at line 300"
static json_t *history_of(const struct story *story)
{
	const struct ff_runs *runs = ff_scan_runs(story->scan);
	_cleanup_buf_ struct ff_buf text = {0};
	const struct ff_run *last = NULL, *now = NULL;
	size_t died = 0;
	for (size_t i = 0; i < ff_runs_count(runs); i++) {
		const struct ff_run *run = ff_runs_at(runs, i);
		if (run->counts)
			now = run;
		else if (run->end == FF_RUN_DIED) {
			died++;
			last = run;
		}
	}
	if (!last)
		return NULL;
	const struct ff_event *said = ff_events_at(ff_scan_events(story->scan), last->said);
	ff_buf_printf(&text, "failed %zu time%s before", died, died == 1 ? "" : "s");
	if (said) // its message may be read on into the lines of the next run
		ff_buf_printf(&text, "%s with %s%s%.*s (line %llu)", died == 1 ? "" : ", the last time",
			said->qualified, said->qualified[0] ? ": " : "", (int)strcspn(said->message, "\n"),
			said->message, (unsigned long long)(said->last < last->last ? said->last : last->last));
	if (now && (now->end == FF_RUN_RUNNING || now->end == FF_RUN_FINISHED))
		ff_buf_printf(&text, "; started well at line %llu", (unsigned long long)now->first);
	return text.failed ? NULL : ff_json_string(text.p, text.n);
}

// ---- the verdict ----

static bool began(const struct ff_run *run)
{
	return run->seen[FF_LANDMARK_SESSION] || run->seen[FF_LANDMARK_START] || run->seen[FF_LANDMARK_LOAD];
}

static enum verdict verdict_of_run(const struct ff_run *run)
{
	static const enum verdict of_end[FF_RUN_ENDS] = {[FF_RUN_RUNNING] = RUNNING,
		[FF_RUN_FINISHED] = HEALTHY,
		[FF_RUN_STOPPED] = STOPPED,
		[FF_RUN_DIED] = FAILED_UNKNOWN};
	return run->end == FF_RUN_CUT ? (began(run) ? RUNNING : NOTHING) : of_end[run->end];
}

static enum verdict verdict_of(const struct story *story, int most)
{
	const struct ff_finding *answer = answer_of(story);
	enum verdict worst = story->scan ? NOTHING : HEALTHY;
	if (answer)
		return ff_starts(ff_rules_at(story->rules, answer->rule)->cause, "stopped.") ? STOPPED : FAILED;
	for (size_t i = 0; story->scan && i < ff_runs_count(ff_scan_runs(story->scan)); i++) {
		const struct ff_run *run = ff_runs_at(ff_scan_runs(story->scan), i);
		enum verdict v = run->counts ? verdict_of_run(run) : NOTHING;
		worst = v > worst ? v : worst;
	}
	// Error lines of a run that showed no health are all that is known of it.
	bool shown = worst == HEALTHY || worst == STOPPED;
	return most >= TIER_EVENT || (most && worst == NOTHING && !shown) ? FAILED_UNKNOWN : worst;
}

bool ff_outcome_failed(struct ff_rules *rules, const struct ff_scan *scan)
{
	const struct ff_findings none = {0};
	const struct story story = {rules, scan, &none};
	int most = 0;
	json_decref(unexplained(&story, &most));
	return verdict_of(&story, most) == FAILED_UNKNOWN;
}

struct ff_error *ff_outcome(
	struct ff_rules *rules, const struct ff_scan *scan, const struct ff_findings *findings, json_t *doc)
{
	const struct story story = {rules, scan, findings};
	int most = 0;
	json_t *left = scan ? unexplained(&story, &most) : json_array();
	if (json_object_set_new(doc, "unexplained", left) < 0 ||
		json_object_set_new(doc, "verdict", json_string(verdicts[verdict_of(&story, most)])) < 0 ||
		(scan && json_object_set_new(doc, "runs", runs_of(&story)) < 0))
		return &ff_enomem;
	json_t *history = scan ? history_of(&story) : NULL;
	if (history)
		json_object_set_new(doc, "history", history);
	return NULL;
}
