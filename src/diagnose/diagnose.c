// One way through: rules, log, findings, document.
//
//	{"schema": "firstfix.diagnosis/1", "diagnoses": [{"cause": "bnb.binary-missing", ...}], "unexplained": [{"log": 40, "text": "..."}]}
#include "diagnose/diagnose.h"

#include "base/str.h"
#include "diagnose/grounds.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { READ_SIZE = 1 << 16, POLL_MS = 200 };

static const char system_rules[] = "/etc/firstfix/rules.d";

static void cleanup_rules(struct ff_rules **rules)
{
	ff_rules_destroy(*rules);
}

#define _cleanup_rules_ __attribute__((__cleanup__(cleanup_rules)))
#define _cleanup_findings_ __attribute__((__cleanup__(ff_findings_deinit)))

struct ff_error *ff_rules_load(const char *rules_dir, bool no_extra_rules, struct ff_rules **ret)
{
	_cleanup_rules_ struct ff_rules *rules = NULL;
	struct ff_error *err = ff_rules_create(&rules);
	if (!err)
		err = ff_rules_add_built_in(rules);
	const char *env = getenv("FIRSTFIX_RULES");
	struct stat st;
	if (!err && !no_extra_rules && stat(system_rules, &st) == 0)
		err = ff_rules_add_dir(rules, system_rules);
	if (!err && !no_extra_rules && env && *env)
		err = ff_rules_add_dir(rules, env);
	if (!err && rules_dir)
		err = ff_rules_add_dir(rules, rules_dir);
	if (!err)
		*ret = ff_take(&rules);
	return err;
}

static bool stopped(const struct ff_diagnose_options *o)
{
	return o->stop && *o->stop;
}

static struct ff_error *read_log(const struct ff_diagnose_options *o, struct ff_scan *scan)
{
	while (!stopped(o)) {
		size_t room;
		char *to = ff_scan_room(scan, &room);
		ssize_t n = read(o->log_fd, to, room < READ_SIZE ? room : READ_SIZE);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){.fd = o->log_fd, .events = POLLIN}, 1, POLL_MS);
			continue;
		}
		if (n < 0)
			return ff_error_os(errno, "%s", o->log_name);
		struct ff_error *err = ff_scan_filled(scan, (size_t)n);
		if (err)
			return err;
	}
	return ff_scan_end(scan);
}

// Lua has no null: a variable that is certainly not set, and a package that is not installed, arrive as false.
static void null_for_unset(json_t *evidence)
{
	size_t i;
	json_t *entry;
	json_array_foreach (evidence, i, entry) {
		const char *fact = ff_json_text(entry, "fact");
		if (fact && (ff_starts(fact, "env.") || ff_starts(fact, "python.packages.")) &&
			json_is_false(json_object_get(entry, "value")))
			json_object_set_new(entry, "value", json_null());
	}
}

// The contract's view of a finding.
static json_t *diagnosis_of(const struct ff_rules *rules, const struct ff_finding *f)
{
	const struct ff_rule *rule = ff_rules_at(rules, f->rule);
	const char *title = ff_json_text(f->answer, "title"), *severity = ff_json_text(f->answer, "severity");
	null_for_unset(json_object_get(f->answer, "evidence"));
	json_t *d = json_pack("{s:s, s:s, s:f, s:s, s:O*, s:O*, s:O*, s:O*, s:s}", "cause", rule->cause, "title",
		title ? title : rule->title, "confidence", f->confidence, "severity",
		severity		? severity
			: rule->warning ? "warning"
					: "error",
		"why", json_object_get(f->answer, "why"), "grounds", json_object_get(f->answer, "grounds"), "evidence",
		json_object_get(f->answer, "evidence"), "fixes", json_object_get(f->answer, "fixes"), "rule", rule->id);
	json_t *needs = json_object_get(f->answer, "needs"), *values = json_object_get(f->answer, "values");
	if (json_array_size(needs))
		json_object_set(d, "would_decide", needs);
	if (json_object_size(values))
		json_object_set(d, "values", values);
	return d;
}

// The exception that ended it, for who wants to store the failure.
static json_t *fatal_exception(const struct ff_events *events)
{
	enum { FRAMES_KEPT = 24 };
	const struct ff_event *e = ff_events_at(events, ff_events_fatal(events));
	if (!e)
		return NULL;
	json_t *frames = json_array();
	for (size_t i = e->frame_count > FRAMES_KEPT ? e->frame_count - FRAMES_KEPT : 0; i < e->frame_count; i++) {
		const struct ff_frame *f = &e->frames[i];
		json_array_append_new(frames,
			json_pack("{s:o, s:o, s:i}", "file", ff_json_string(f->file, strlen(f->file)), "func",
				ff_json_string(f->func, strlen(f->func)), "line", (int)f->line));
	}
	const char *said = e->message + strspn(e->message, " \t\n");
	return json_pack("{s:o, s:o, s:I, s:o}", "type", ff_json_string(e->qualified, strlen(e->qualified)), "message",
		ff_json_string(said, strlen(said)), "log", (json_int_t)e->last, "frames", frames);
}

static struct ff_error *ground_all(const struct ff_rules *rules, const struct ff_scan *scan, const json_t *facts,
	const struct ff_findings *findings)
{
	struct ff_error *err = NULL;
	for (size_t i = 0; i < findings->n && !err; i++) {
		json_t *grounds = NULL;
		if (findings->list[i].dropped)
			continue;
		err = ff_finding_grounds(rules, scan, facts, &findings->list[i], &grounds);
		if (!err && json_object_set_new(findings->list[i].answer, "grounds", grounds) < 0)
			err = &ff_enomem;
	}
	return err;
}

static json_t *document_of(const struct ff_rules *rules, const struct ff_findings *findings, json_t *broken)
{
	json_t *list = json_array();
	for (size_t i = 0; i < findings->n; i++) {
		if (!findings->list[i].dropped)
			json_array_append_new(list, diagnosis_of(rules, &findings->list[i]));
	}
	json_t *doc = json_pack("{s:s, s:o}", "schema", "firstfix.diagnosis/1", "diagnoses", list);
	if (doc && json_array_size(broken))
		json_object_set(doc, "broken_rules", broken);
	return doc;
}

// The log ends in an exception or a death, tells an error that nothing went well after, or says nothing at all.
static enum ff_failure failure_of(struct ff_rules *rules, const struct ff_scan *scan)
{
	const struct ff_events *events = ff_scan_events(scan);
	if (ff_events_fatal(events) != FF_EVENT_NO_INNER)
		return FF_FAILURE_NAMED;
	bool failed = ff_scan_lines(scan) == 0;
	for (size_t i = 0; !failed && i < ff_events_count(events); i++) {
		const struct ff_event *e = ff_events_at(events, i);
		failed = e && e->kind != FF_EVENT_LINE && ff_event_tier(events, i) >= 3;
	}
	return failed || ff_outcome_failed(rules, scan) ? FF_FAILURE_UNNAMED : FF_FAILURE_NONE;
}

static struct ff_error *judge(const struct ff_diagnose_options *o, const struct ff_ground *ground,
	struct ff_rules *rules, const struct ff_scan *scan, struct ff_findings *findings, json_t *broken)
{
	_cleanup_findings_ struct ff_findings checks = {0};
	enum ff_failure failure = scan ? failure_of(rules, scan) : FF_FAILURE_NONE;
	if (!o->checks && !failure && !(scan && ff_scan_spoke(scan)))
		return NULL;
	struct ff_error *err = ff_judge_facts(rules, ground->facts);
	if (!err && scan)
		err = ff_judge_log(rules, scan, ground->said, findings, broken);
	if (!err && o->checks && o->engine)
		err = ff_rules_narrow(rules, o->engine);
	if (!err && ground->facts && (o->checks || findings->n || failure))
		err = ff_judge_checks(rules, ground->facts, o->checks ? findings : &checks, broken);
	if (!err && scan)
		err = ff_findings_confirm(rules, &checks, failure, findings);
	if (err)
		return err;
	ff_findings_rank(rules, findings);
	err = ff_findings_fix(rules, ground, findings, broken);
	return err ? err : ff_findings_try(rules, ground, findings);
}

// A file of rules that lies where every diagnosis looks must not cost one: it is said, and the built-in rules answer.
// Whoever names a folder wants that one.
static struct ff_error *load_rules(const struct ff_diagnose_options *o, json_t *broken, struct ff_rules **ret)
{
	struct ff_error *err = ff_rules_load(o->rules_dir, o->no_extra_rules, ret);
	if (!err || o->rules_dir || o->no_extra_rules)
		return err;
	json_array_append_new(broken, json_sprintf("%s (no rule of users was asked)", err->message));
	ff_error_destroy(err);
	return ff_rules_load(NULL, true, ret);
}

static struct ff_error *diagnose(const struct ff_diagnose_options *o, struct ff_rules *rules,
	struct ff_matcher *matcher, json_t *broken, json_t **ret)
{
	_cleanup_scan_ struct ff_scan *scan = NULL;
	_cleanup_findings_ struct ff_findings findings = {0};
	_cleanup_json_ json_t *said = NULL, *facts = NULL, *facts_of = NULL;
	struct ff_error *err = o->log_fd >= 0 ? ff_scan_create(rules, matcher, &scan) : NULL;
	if (!err && scan)
		err = read_log(o, scan);
	if (!err)
		err = scan ? ff_scan_said(scan, &said) : NULL;
	if (!err)
		err = ff_whose_facts(o, said, &facts, &facts_of);
	const struct ff_ground ground = {.facts = facts, .said = said, .scan = scan};
	if (!err)
		err = judge(o, &ground, rules, scan, &findings, broken);
	if (err)
		return err;
	err = ground_all(rules, scan, facts, &findings);
	if (err)
		return err;
	json_t *doc = document_of(rules, &findings, broken);
	json_t *rivals = ff_findings_rivals(rules, scan, &findings);
	if (doc && rivals)
		json_object_set(doc, "rivals", rivals);
	json_decref(rivals);
	if (doc && o->checks)
		json_object_set_new(doc, "looked_at", ff_looked_at(facts, rules, o->engine));
	if (!doc || json_object_set(doc, "facts_of", facts_of) < 0)
		return &ff_enomem;
	err = ff_outcome(rules, scan, &findings, doc);
	if (err) {
		json_decref(doc);
		return err;
	}
	json_t *exception = scan ? fatal_exception(ff_scan_events(scan)) : NULL;
	if (exception)
		json_object_set_new(doc, "exception", exception);
	*ret = doc;
	return NULL;
}

struct ff_error *ff_diagnose_with(
	const struct ff_diagnose_options *o, struct ff_rules *rules, struct ff_matcher *matcher, json_t **ret)
{
	_cleanup_json_ json_t *broken = json_array();
	return broken ? diagnose(o, rules, matcher, broken, ret) : &ff_enomem;
}

struct ff_error *ff_diagnose(const struct ff_diagnose_options *o, json_t **ret)
{
	_cleanup_rules_ struct ff_rules *rules = NULL;
	_cleanup_json_ json_t *broken = json_array();
	struct ff_error *err = load_rules(o, broken, &rules);
	return err ? err : diagnose(o, rules, NULL, broken, ret);
}
