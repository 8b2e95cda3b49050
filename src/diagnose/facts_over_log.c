// Facts outrank words. A check on the facts alone that finds the cause which the log names too is the same finding: its
// evidence and its fixes, made for this machine, join the log's. One whose rule explains what the log shows takes the
// place of that line, its symptom. Neither where it is about another thing than the line names (concerns.c). What it
// finds besides stands behind what the log says of a failure.
//
//	log:   RuntimeError: CUDA Setup failed despite GPU being available     (bnb.binary-missing, a guess)
//	facts: BNB_CUDA_VERSION=128, and the package ships 121 only            -> bnb.override-wrong
#include "base/str.h"
#include "diagnose/finding.h"
#include "fix/fix.h"

#include <ctype.h>

enum { SURE_PERCENT = 85, PROVED_PERCENT = 80, BESIDE_PERCENT = 60, LIKELY_PERCENT = 50 };

static const char *cause_of(const struct ff_rules *rules, const struct ff_finding *finding)
{
	return ff_rules_at(rules, finding->rule)->cause;
}

// The finding of the log that stands closest to the root among those that the check's rule explains.
static const struct ff_finding *symptom_of(
	const struct ff_rules *rules, const struct ff_finding *check, const struct ff_findings *log, size_t n)
{
	const struct ff_finding *found = NULL;
	for (size_t i = 0; i < n; i++) {
		const char *cause = cause_of(rules, &log->list[i]);
		if (ff_rules_lists(rules, check->rule, "explains", cause) &&
			!ff_finding_concerns_other(log->list[i].answer, check->answer) &&
			(!found || log->list[i].tier > found->tier))
			found = &log->list[i];
	}
	return found;
}

static struct ff_finding *same_cause(
	const struct ff_rules *rules, const struct ff_finding *check, struct ff_findings *log, size_t n)
{
	struct ff_finding *found = NULL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(cause_of(rules, check), cause_of(rules, &log->list[i])) == 0 &&
			(!found || log->list[i].tier > found->tier))
			found = &log->list[i];
	}
	return found;
}

// The finding joins the log's, at the event of `symptom` (NULL: at none).
static struct ff_error *adopt(struct ff_findings *log, const struct ff_finding *check, const struct ff_finding *symptom)
{
	json_t *evidence = json_object_get(check->answer, "evidence");
	json_t *line = symptom ? json_array_get(json_object_get(symptom->answer, "evidence"), 0) : NULL;
	struct ff_finding taken = *check;
	taken.confirmed = true;
	taken.by = check->rule;
	if (symptom) {
		taken.event = symptom->event;
		taken.line = symptom->line;
		taken.tier = symptom->tier;
	}
	if (line && json_array_insert(evidence, 0, line) < 0)
		return &ff_enomem;
	struct ff_finding *grown = reallocarray(log->list, log->n + 1, sizeof(*grown)); // `symptom` is no longer valid
	if (!grown)
		return &ff_enomem;
	json_incref(taken.answer);
	log->list = grown;
	grown[log->n++] = taken;
	return NULL;
}

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
	return json_equal(json_object_get(a, key), json_object_get(b, key));
}

static bool is_same_fact(const json_t *a, const json_t *b)
{
	return json_object_get(a, "fact") && same_text(a, b, "fact");
}

static bool is_same_fix(const json_t *a, const json_t *b)
{
	return same_text(a, b, "kind") && (same_text(a, b, "command") || !json_object_get(a, "command"));
}

// `first`, then what of `then` is not in it.
static json_t *joined(const json_t *first, const json_t *then, bool (*same)(const json_t *a, const json_t *b))
{
	json_t *list = json_array(), *item, *other;
	size_t i, k;
	if (!list || json_array_extend(list, (json_t *)first) < 0)
		return list;
	json_array_foreach (then, i, item) {
		bool there = false;
		json_array_foreach (first, k, other)
			there |= same(item, other);
		if (!there && json_array_append(list, item) < 0)
			return list;
	}
	return list;
}

// A command, or an intention that can have one: not only words for whoever runs the host or writes the code.
static bool can_be_run(const json_t *fixes)
{
	static const char *const words[] = {"code", "network", "host", "hardware", "wait", "login"};
	const json_t *first = json_array_get(fixes, 0);
	bool run = ff_json_text(first, "command"), only_words = false;
	const char *key;
	json_t *value;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		only_words |= json_object_get(first, words[i]) != NULL;
	json_object_foreach ((json_t *)first, key, value)
		run |= !only_words && ff_intention_known(NULL, key);
	return run;
}

// A release that what failed itself asks for: no conflict between others is as exact.
static bool names_release(const json_t *fixes)
{
	return ff_json_text(fixes, "0.install") && ff_json_text(fixes, "0.need");
}

// What the check read and computed is what the joined text rests on too.
static struct ff_error *join_under(json_t *said, const json_t *check, const char *key)
{
	json_t *more = json_object_get(check, key);
	if (!more)
		return NULL;
	_cleanup_json_ json_t *copy = json_pack("{s:o}", key, json_deep_copy(more));
	return copy ? ff_json_merge(said, copy) : &ff_enomem;
}

// Of the facts' sentences those that were not said already.
static json_t *joined_text(const char *said, const char *facts)
{
	_cleanup_buf_ struct ff_buf text = {0};
	ff_buf_str(&text, said);
	while (*facts) {
		const char *end = facts;
		do {
			end = strstr(end, ". ");
		} while (end && (end += 2) && !isupper((unsigned char)*end));
		size_t n = end ? (size_t)(end - facts) : strlen(facts);
		size_t bare = end ? n - 1 : n; // without the blank
		if (!*said || !memmem(said, strlen(said), facts, bare)) {
			ff_buf_str(&text, text.n && text.p[text.n - 1] != ' ' ? " " : "");
			ff_buf_add(&text, facts, bare);
		}
		facts += n;
	}
	return text.failed ? NULL : ff_json_string(text.p ? text.p : "", text.n);
}

// The check's fixes are written from what is there; the log's may be general. One that can be run stands first.
static struct ff_error *merge(struct ff_finding *said, const struct ff_finding *check)
{
	json_t *fixes = json_object_get(said->answer, "fixes"), *proved = json_object_get(check->answer, "fixes");
	json_t *evidence = joined(
		json_object_get(said->answer, "evidence"), json_object_get(check->answer, "evidence"), is_same_fact);
	bool first = json_array_size(proved) && !names_release(fixes) && (can_be_run(proved) || !can_be_run(fixes));
	json_t *order = first ? joined(proved, fixes, is_same_fix) : joined(fixes, proved, is_same_fix);
	const char *why = ff_json_text(said->answer, "why"), *facts = ff_json_text(check->answer, "why");
	if (json_object_set_new(said->answer, "evidence", evidence) < 0 ||
		json_object_set_new(said->answer, "fixes", order) < 0)
		return &ff_enomem;
	if (facts && json_object_set_new(said->answer, "why", joined_text(why ? why : "", facts)) < 0)
		return &ff_enomem;
	const char *const both[] = {"read", "computed"};
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++) {
		struct ff_error *err = join_under(said->answer, check->answer, both[i]);
		if (err)
			return err;
	}
	said->confirmed = true;
	said->by = check->rule;
	if (check->confidence > said->confidence)
		said->confidence = check->confidence;
	return NULL;
}

// A check of which nothing in the log speaks stands beside it. Where the log names an error of its own the two may have
// nothing to do with each other: then it is a guess, however sure the facts are.
static struct ff_error *weigh(const struct ff_rules *rules, const struct ff_finding *check, size_t said,
	enum ff_failure failure, struct ff_findings *log)
{
	bool sure = check->confidence * 100 >= SURE_PERCENT, proved = check->confidence * 100 >= PROVED_PERCENT;
	struct ff_finding *same = same_cause(rules, check, log, said);
	if (same)
		return proved && !ff_finding_concerns_other(same->answer, check->answer) ? merge(same, check) : NULL;
	if (!ff_finding_is_error(rules, check))
		return NULL;
	const struct ff_finding *symptom = sure ? symptom_of(rules, check, log, said) : NULL;
	if (symptom)
		return adopt(log, check, symptom);
	bool likely = check->confidence * 100 >= LIKELY_PERCENT;
	if (!likely || failure == FF_FAILURE_NONE || same_cause(rules, check, log, log->n))
		return NULL;
	struct ff_finding beside = *check;
	if (failure == FF_FAILURE_NAMED && beside.confidence * 100 > BESIDE_PERCENT)
		beside.confidence = BESIDE_PERCENT / 100.0;
	return adopt(log, &beside, NULL);
}

struct ff_error *ff_findings_confirm(const struct ff_rules *rules, const struct ff_findings *checks,
	enum ff_failure failure, struct ff_findings *log)
{
	size_t said = log->n;
	struct ff_error *err = NULL;
	for (size_t i = 0; i < checks->n && !err; i++)
		err = weigh(rules, &checks->list[i], said, failure, log);
	return err;
}
