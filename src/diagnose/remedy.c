// What the rules intend becomes what is to be done on this machine: every intention of an answer is handed to the room
// that writes fixes.
//
//	answer  {"fixes": [{"install": "accelerate", "need": ">=0.26", "say": "..."}]}
//	after   {"fixes": [{"kind": "pip:accelerate", "command": "/srv/venv/bin/python -m pip install 'accelerate>=0.26'", ...}]}
#include "diagnose/finding.h"

#include "fix/fix.h"

// A user's rule may intend what there is not: that is said, and the rest of the answer stands.
static struct ff_error *not_written(const struct ff_rule *rule, struct ff_error *err, json_t *broken)
{
	if (err->code == FF_ENOMEM)
		return err;
	json_array_append_new(
		broken, json_sprintf("%s:%d: rule '%s': %s", rule->file, rule->line, rule->id, err->message));
	ff_error_destroy(err);
	return NULL;
}

static struct ff_error *fix_finding(
	const struct ff_rule *rule, const struct ff_fix_machine *machine, struct ff_finding *f, json_t *broken)
{
	json_t *intentions = json_object_get(f->answer, "fixes"), *intention;
	_cleanup_json_ json_t *fixes = json_array();
	struct ff_error *err = NULL;
	size_t i;
	json_array_foreach (intentions, i, intention) {
		json_t *fix = NULL;
		err = ff_fix_write(machine, intention, &fix);
		if (err)
			err = not_written(rule, err, broken);
		else if (json_array_append_new(fixes, fix) < 0)
			err = &ff_enomem;
		if (err)
			return err;
	}
	return json_object_set(f->answer, "fixes", fixes) < 0 ? &ff_enomem : NULL;
}

struct ff_error *ff_findings_fix(
	const struct ff_rules *rules, const struct ff_ground *ground, struct ff_findings *findings, json_t *broken)
{
	_cleanup_fix_machine_ struct ff_fix_machine *machine = NULL;
	struct ff_error *err = ff_fix_machine_create(ground->facts, ground->said, &machine);
	for (size_t i = 0; i < findings->n && !err; i++) {
		if (!findings->list[i].dropped)
			err = fix_finding(
				ff_rules_at(rules, findings->list[i].rule), machine, &findings->list[i], broken);
	}
	return err;
}
