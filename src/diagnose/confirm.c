// Facts outrank words: when a check on the facts alone finds an error whose rule explains what the log shows, the log's line is
// its symptom, and it takes that line's place.
//
//	log:   RuntimeError: CUDA Setup failed despite GPU being available     (bnb.binary-missing, a guess)
//	facts: BNB_CUDA_VERSION=128, and the package ships 121 only            -> bnb.override-wrong
#include "diagnose/finding.h"

enum { SURE_PERCENT = 85 };

// The finding of the log that stands closest to the root among those that the check's rule explains.
static const struct ff_finding *symptom_of(
	const struct ff_rules *rules, const struct ff_finding *check, const struct ff_findings *log, size_t n)
{
	const struct ff_finding *found = NULL;
	for (size_t i = 0; i < n; i++) {
		const char *cause = ff_rules_at(rules, log->list[i].rule)->cause;
		if (strcmp(cause, ff_rules_at(rules, check->rule)->cause) == 0)
			return NULL; // the log names it itself
		if (ff_rules_lists(rules, check->rule, "explains", cause) &&
			(!found || log->list[i].tier > found->tier))
			found = &log->list[i];
	}
	return found;
}

static struct ff_error *adopt(struct ff_findings *log, const struct ff_finding *check, const struct ff_finding *symptom)
{
	json_t *evidence = json_object_get(check->answer, "evidence");
	json_t *line = json_array_get(json_object_get(symptom->answer, "evidence"), 0);
	struct ff_finding taken = *check;
	taken.event = symptom->event;
	taken.line = symptom->line;
	taken.tier = symptom->tier;
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

struct ff_error *ff_findings_confirm(
	const struct ff_rules *rules, const struct ff_findings *checks, struct ff_findings *log)
{
	size_t said = log->n;
	struct ff_error *err = NULL;
	for (size_t i = 0; i < checks->n && !err; i++) {
		const struct ff_finding *check = &checks->list[i];
		if (!ff_finding_is_error(rules, check) || check->confidence * 100 < SURE_PERCENT)
			continue;
		const struct ff_finding *symptom = symptom_of(rules, check, log, said);
		if (symptom)
			err = adopt(log, check, symptom);
	}
	return err;
}
