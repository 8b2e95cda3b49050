// Every fix is tried on paper: its effect is applied to the facts and the rules' checks are asked again. A fix that
// changes nothing, leaves the cause or brings another error does not stand first.
//
//	"tried": {"result": "leaves-cause", "text": "the facts would still show torch.no-kernel-image"}
#include "diagnose/finding.h"

#include "fix/fix.h"

#define _cleanup_findings_ __attribute__((__cleanup__(ff_findings_deinit)))

// What checks say of the facts as they are, asked once for all fixes.
struct trial {
	struct ff_rules *rules;
	const struct ff_ground *ground;
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
		return result("unknown", json_string("the facts alone do not show this cause"));
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

// A variable that these facts do not show may well have been set where the worker ran.
static bool of_variables_alone(const json_t *effect)
{
	return json_object_get(effect, "env") && json_object_size(effect) == 1;
}

static struct ff_error *try_fix(struct trial *t, const struct ff_finding *f, json_t *fix)
{
	const json_t *effect = json_object_get(fix, "effect");
	const char *refused = ff_json_text(fix, "refused");
	_cleanup_json_ json_t *after = NULL;
	json_t *tried = NULL;
	struct ff_error *err = refused ? NULL : ff_fix_apply(t->ground->facts, effect, &after);
	if (refused)
		tried = result("no-effect", json_string(refused));
	else if (!err && after == t->ground->facts && after && !of_variables_alone(effect))
		tried = result("no-effect", json_string("it changes nothing that is known of this machine"));
	else if (!err && after)
		err = judge_after(t, f, after, &tried);
	else if (!err)
		tried = result("unknown", json_string("what it does to the facts is not known"));
	json_object_del(fix, "refused");
	if (err || json_object_set_new(fix, "tried", tried) < 0)
		return err ? err : &ff_enomem;
	return NULL;
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
		if (!err)
			err = try_fix(t, f, fix);
	}
	return err || !json_array_size(fixes) ? err : sort_fixes(f->answer, fixes);
}

struct ff_error *ff_findings_try(struct ff_rules *rules, const struct ff_ground *ground, struct ff_findings *findings)
{
	_cleanup_json_ json_t *broken = json_array();
	struct trial t = {.rules = rules, .ground = ground, .broken = broken};
	struct ff_error *err = broken ? NULL : &ff_enomem;
	for (size_t i = 0; i < findings->n && !err; i++) {
		if (!findings->list[i].dropped)
			err = try_finding(&t, &findings->list[i]);
	}
	ff_findings_deinit(&t.before);
	return err;
}
