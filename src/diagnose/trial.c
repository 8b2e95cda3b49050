// Every fix is tried on paper: its effect is applied to the facts and the rules' checks are asked again. A fix that
// changes nothing, leaves the cause or brings another error does not stand first. Of a cause that no check finds in the
// facts, what the line or the rule asks for decides (goal.h); else the rules are asked about the log again, with the
// facts as they would be. Where none of them does, the trial says what would.
//
//	"tried": {"result": "leaves-cause", "text": "the facts would still show torch.no-kernel-image"}
#include "diagnose/finding.h"

#include "diagnose/goal.h"
#include "fix/fix.h"

#define _cleanup_findings_ __attribute__((__cleanup__(ff_findings_deinit)))

// What checks say of the facts as they are, asked once for all fixes.
struct trial {
	struct ff_rules *rules;
	const struct ff_ground *ground;
	const struct ff_findings *findings;
	struct ff_findings before;
	bool asked;
	json_t *broken; // checks that fail are reported by the judgement itself
};

static bool shows(const struct ff_rules *rules, const struct ff_findings *findings, const char *cause)
{
	for (size_t i = 0; i < findings->n; i++) {
		if (strcmp(ff_rules_at(rules, findings->list[i].rule)->cause, cause) == 0)
			return true;
	}
	return false;
}

// One of the same cause about another thing than the log's line names is none that a fix of that line leaves.
static bool leaves(const struct trial *t, const struct ff_findings *after, const struct ff_finding *f)
{
	const char *cause = ff_rules_at(t->rules, f->rule)->cause;
	for (size_t i = 0; i < after->n; i++) {
		if (strcmp(ff_rules_at(t->rules, after->list[i].rule)->cause, cause) == 0 &&
			!ff_finding_concerns_other(f->answer, after->list[i].answer))
			return true;
	}
	return false;
}

// The first error among `after` that is not `cause`; `known` says whether it was there before.
static const char *other_error(const struct trial *t, const struct ff_findings *after, const char *cause, bool known)
{
	for (size_t i = 0; i < after->n; i++) {
		const char *other = ff_rules_at(t->rules, after->list[i].rule)->cause;
		if (strcmp(other, cause) != 0 && ff_finding_is_error(t->rules, &after->list[i]) &&
			shows(t->rules, &t->before, other) == known)
			return other;
	}
	return NULL;
}

static json_t *result(const char *word, json_t *text)
{
	return json_pack("{s:s, s:o}", "result", word, "text", text);
}

// What the checks say of the facts as they would be; NULL where they say nothing of this cause.
static json_t *verdict(const struct trial *t, const struct ff_findings *after, const struct ff_finding *f)
{
	const char *cause = ff_rules_at(t->rules, f->rule)->cause;
	const char *brings = other_error(t, after, cause, false);
	const char *remains = other_error(t, after, cause, true);
	if (leaves(t, after, f))
		return result("leaves-cause", json_sprintf("the facts would still show %s", cause));
	if (brings)
		return result("brings", json_sprintf("the facts would show %s", brings));
	if (!shows(t->rules, &t->before, cause))
		return NULL;
	return result("passes",
		remains ? json_sprintf("the facts would no longer show it; %s remains", remains)
			: json_string("the facts would no longer show it"));
}

static struct ff_error *judge_after(struct trial *t, const struct ff_finding *f, const json_t *facts, json_t **ret)
{
	_cleanup_findings_ struct ff_findings after = {0};
	struct ff_error *err = ff_judge_checks_after(t->rules, facts, &after, t->broken);
	if (!err && !t->asked) {
		t->asked = true;
		err = ff_judge_checks(t->rules, t->ground->facts, &t->before, t->broken);
	}
	if (!err)
		*ret = verdict(t, &after, f);
	return err;
}

// ---- the log again ----

static bool reads_a_change(const json_t *before, const json_t *after, const json_t *answer)
{
	size_t i;
	json_t *path;
	json_array_foreach (ff_json_at(answer, "read.facts"), i, path) {
		const json_t *a = ff_json_at(before, json_string_value(path));
		const json_t *b = ff_json_at(after, json_string_value(path));
		if (a != b && !(a && b && json_equal((json_t *)a, (json_t *)b)))
			return true;
	}
	return false;
}

// The finding of the same line in a list; one of the same cause counts wherever it stands.
static const char *cause_at(
	const struct trial *t, const struct ff_findings *list, const struct ff_finding *f, const char *other_than)
{
	const char *cause = ff_rules_at(t->rules, f->rule)->cause, *found = NULL;
	for (size_t i = 0; i < list->n; i++) {
		const char *one = ff_rules_at(t->rules, list->list[i].rule)->cause;
		if (strcmp(one, cause) == 0 && !other_than)
			return one;
		if (list->list[i].event == f->event && (!other_than || strcmp(one, other_than) == 0))
			found = one;
	}
	return found;
}

// With the facts as they would be no rule explains this line: it could not be written there.
static struct ff_error *judge_log_after(
	const struct trial *t, const struct ff_finding *f, const json_t *facts, json_t **ret)
{
	_cleanup_findings_ struct ff_findings again = {0};
	if (!t->ground->scan || f->event == FF_EVENT_NO_INNER || !reads_a_change(t->ground->facts, facts, f->answer))
		return NULL;
	struct ff_error *err = ff_judge_log_after(t->rules, t->ground->scan, t->ground->said, &again, t->broken);
	const char *then = err ? NULL : cause_at(t, &again, f, NULL);
	if (!err && !then)
		*ret = result("passes", json_string("with these facts no rule would name it for that line"));
	else if (!err && strcmp(then, ff_rules_at(t->rules, f->rule)->cause) != 0 && !cause_at(t, t->findings, f, then))
		*ret = result("unknown", json_sprintf("with these facts that line would rather show %s", then));
	return err;
}

// ---- one fix ----

// Facts hold all of the environment's packages, and what a rule or a family says of a fact. A variable or a setting
// that they do not show may well have been set where the worker ran, and files that are laid down anew are others.
static bool facts_would_show(const json_t *effect)
{
	static const char *const hidden[] = {"env", "settings", "anew"};
	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
		if (json_object_get(effect, hidden[i]))
			return false;
	return true;
}

static json_t *not_decided(const json_t *fix)
{
	json_t *text = ff_goal_open(json_object_get(fix, "goals"));
	const char *open = ff_json_text(fix, "open");
	return result("unknown", text ? text : json_string(open ? open : "what it does to the facts is not known"));
}

static struct ff_error *judge_fix(struct trial *t, const struct ff_finding *f, const json_t *fix, json_t **ret)
{
	const json_t *effect = json_object_get(fix, "effect");
	_cleanup_json_ json_t *after = NULL;
	struct ff_error *err = ff_fix_apply(t->ground->facts, effect, &after);
	bool same = after == t->ground->facts;
	if (!err && after && same && facts_would_show(effect)) {
		*ret = result("no-effect", json_string("it changes nothing that is known of this machine"));
		return NULL;
	}
	if (!err && after && !(same && !json_object_get(effect, "env")))
		err = judge_after(t, f, after, ret);
	if (!err && !*ret) {
		json_t *why = json_is_true(json_object_get(fix, "computed"))
			? json_string("by the numbers of the log and the facts it is enough")
			: ff_goal_decided(
				  json_object_get(fix, "goals"), f->answer, ff_rules_at(t->rules, f->rule)->cause);
		*ret = why ? result("passes", why) : NULL;
	}
	if (!err && !*ret && after && !same)
		err = judge_log_after(t, f, after, ret);
	if (!err && !*ret)
		*ret = not_decided(fix);
	return err;
}

// What stands between a fix and its trial alone.
static void forget_inner(json_t *fix)
{
	static const char *const inner[] = {"refused", "goals", "open", "computed"};
	for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++)
		json_object_del(fix, inner[i]);
}

static struct ff_error *try_fix(struct trial *t, const struct ff_finding *f, json_t *fix)
{
	const char *refused = ff_json_text(fix, "refused");
	json_t *tried = refused ? result("no-effect", json_string(refused)) : NULL;
	struct ff_error *err = refused ? NULL : judge_fix(t, f, fix, &tried);
	if (!err && json_object_set_new(fix, "tried", tried) < 0)
		err = &ff_enomem;
	forget_inner(fix);
	return err;
}

static bool fails(const json_t *fix)
{
	static const char *const failing[] = {"no-effect", "leaves-cause", "brings"};
	const char *word = ff_json_text(fix, "tried.result");
	for (size_t i = 0; word && i < sizeof(failing) / sizeof(*failing); i++)
		if (strcmp(word, failing[i]) == 0)
			return true;
	return false;
}

static bool is_in(const json_t *fixes, const json_t *fix)
{
	const char *command = ff_json_text(fix, "command"), *other;
	size_t i;
	json_t *one;
	json_array_foreach (fixes, i, one) {
		other = ff_json_text(one, "command");
		if (command && other && strcmp(command, other) == 0 &&
			json_equal(json_object_get(one, "kind"), json_object_get(fix, "kind")))
			return true;
	}
	return false;
}

// Those that do not fail first, and each command once; the order is kept otherwise.
static struct ff_error *sort_fixes(json_t *answer, const json_t *fixes)
{
	_cleanup_json_ json_t *sorted = json_array();
	size_t i;
	json_t *fix;
	for (int failing = 0; failing < 2; failing++) {
		json_array_foreach (fixes, i, fix) {
			if (fails(fix) == (failing == 1) && !is_in(sorted, fix) && json_array_append(sorted, fix) < 0)
				return &ff_enomem;
		}
	}
	return json_object_set(answer, "fixes", sorted) < 0 ? &ff_enomem : NULL;
}

static struct ff_error *try_finding(struct trial *t, struct ff_finding *f)
{
	json_t *fixes = json_object_get(f->answer, "fixes"), *fix;
	struct ff_error *err = NULL;
	size_t i;
	json_array_foreach (fixes, i, fix) {
		if (!t->ground->facts)
			forget_inner(fix);
		else if (!err)
			err = try_fix(t, f, fix);
	}
	return err || !t->ground->facts || !json_array_size(fixes) ? err : sort_fixes(f->answer, fixes);
}

struct ff_error *ff_findings_try(struct ff_rules *rules, const struct ff_ground *ground, struct ff_findings *findings)
{
	_cleanup_json_ json_t *broken = json_array();
	struct trial t = {.rules = rules, .ground = ground, .findings = findings, .broken = broken};
	struct ff_error *err = broken ? NULL : &ff_enomem;
	for (size_t i = 0; i < findings->n && !err; i++) {
		if (!findings->list[i].dropped)
			err = try_finding(&t, &findings->list[i]);
	}
	ff_findings_deinit(&t.before);
	return err;
}
