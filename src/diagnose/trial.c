// Every fix is tried on paper: its effect is applied to the facts and the rules' checks are asked again. A fix that leaves
// the cause, or brings another error, does not stand first.
//
//	"trial": {"result": "leaves-cause", "text": "the facts would still show torch.no-kernel-image"}
#include "diagnose/finding.h"

#define _cleanup_findings_ __attribute__((__cleanup__(ff_findings_deinit)))

// What checks say of the facts as they are, asked once for all fixes.
struct ground {
	struct ff_rules *rules;
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

// The first error among `after` that is not `cause`; `known` says whether it was there before.
static const char *other_error(const struct ff_rules *rules, const struct ground *g, const struct ff_findings *after,
	const char *cause, bool known)
{
	for (size_t i = 0; i < after->n; i++) {
		const char *other = ff_rules_at(rules, after->list[i].rule)->cause;
		if (strcmp(other, cause) != 0 && ff_finding_is_error(rules, &after->list[i]) &&
			shows(rules, &g->before, other) == known)
			return other;
	}
	return NULL;
}

static json_t *verdict(const struct ground *g, const struct ff_findings *after, const char *cause)
{
	const char *brings = other_error(g->rules, g, after, cause, false);
	const char *remains = other_error(g->rules, g, after, cause, true);
	if (shows(g->rules, after, cause))
		return json_pack("{s:s, s:o}", "result", "leaves-cause", "text",
			json_sprintf("the facts would still show %s", cause));
	if (brings)
		return json_pack("{s:o, s:o}", "result", json_sprintf("brings:%s", brings), "text",
			json_sprintf("the facts would show %s", brings));
	if (!shows(g->rules, &g->before, cause))
		return json_pack("{s:s, s:s}", "result", "unknown", "text", "the facts alone do not show this cause");
	return json_pack("{s:s, s:o}", "result", "passes", "text",
		remains ? json_sprintf("the facts would no longer show it; %s remains", remains)
			: json_string("the facts would no longer show it"));
}

static struct ff_error *try_fix(struct ground *g, const char *cause, json_t *fix)
{
	_cleanup_findings_ struct ff_findings after = {0};
	bool known = false;
	struct ff_error *err = ff_judge_checks_after(g->rules, fix, &known, &after, g->broken);
	if (!err && known && !g->asked) {
		g->asked = true;
		err = ff_judge_checks(g->rules, &g->before, g->broken);
	}
	if (err)
		return err;
	json_t *trial = known
		? verdict(g, &after, cause)
		: json_pack("{s:s, s:s}", "result", "unknown", "text", "what it does to the facts is not known");
	return json_object_set_new(fix, "trial", trial) < 0 ? &ff_enomem : NULL;
}

static bool fails(const json_t *fix)
{
	const char *result = ff_json_text(fix, "trial.result");
	return result && (strcmp(result, "leaves-cause") == 0 || ff_starts(result, "brings:"));
}

// Those that do not fail first; the order is kept otherwise.
static struct ff_error *sort_fixes(json_t *answer, const json_t *fixes)
{
	_cleanup_json_ json_t *sorted = json_array();
	size_t i;
	json_t *fix;
	for (int failing = 0; failing < 2; failing++) {
		json_array_foreach (fixes, i, fix) {
			if (fails(fix) == (failing == 1) && json_array_append(sorted, fix) < 0)
				return &ff_enomem;
		}
	}
	return json_object_set(answer, "fixes", sorted) < 0 ? &ff_enomem : NULL;
}

static struct ff_error *try_finding(struct ground *g, struct ff_finding *f)
{
	json_t *fixes = json_object_get(f->answer, "fixes"), *fix;
	struct ff_error *err = NULL;
	size_t i;
	json_array_foreach (fixes, i, fix) {
		if (!err)
			err = try_fix(g, ff_rules_at(g->rules, f->rule)->cause, fix);
	}
	return err || !json_array_size(fixes) ? err : sort_fixes(f->answer, fixes);
}

struct ff_error *ff_findings_try(struct ff_rules *rules, struct ff_findings *findings)
{
	_cleanup_json_ json_t *broken = json_array();
	struct ground g = {.rules = rules, .broken = broken};
	struct ff_error *err = broken ? NULL : &ff_enomem;
	for (size_t i = 0; i < findings->n && !err; i++) {
		if (!findings->list[i].dropped)
			err = try_finding(&g, &findings->list[i]);
	}
	ff_findings_deinit(&g.before);
	return err;
}
