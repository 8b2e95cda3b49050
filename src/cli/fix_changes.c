// What a plan would change, as the installer itself says it: from what it prints where it can be asked, else from a
// copy of the environment in which it was done. pip can be asked since 22.2; Ubuntu 22.04 has 22.0.
//
//	{"werkzeug": {"from": "3.0.1", "to": "2.3.8"}}
#include "cli/fix_changes.h"

#include "base/str.h"
#include "cli/fix_copy.h"
#include "cli/fix_packages.h"
#include "cli/interrupt.h"
#include "parse/requirement.h"

static json_t *version_in(const json_t *packages, const char *name)
{
	const char *key;
	json_t *entry;
	json_object_foreach ((json_t *)packages, key, entry) {
		if (ff_package_name_equal(ff_span_of(key), ff_span_of(name)))
			return json_object_get(entry, "version");
	}
	return NULL;
}

struct ff_error *ff_fix_compare(const json_t *before, const json_t *now, const json_t *planned, json_t **ret)
{
	_cleanup_json_ json_t *changes = json_object(), *names = json_object();
	const char *name;
	json_t *entry;
	if (!changes || !names || json_object_update(names, (json_t *)before) < 0 ||
		json_object_update(names, (json_t *)now) < 0)
		return &ff_enomem;
	json_object_foreach (names, name, entry) {
		json_t *from = version_in(before, name), *to = version_in(now, name);
		if (!json_equal(from, to))
			json_object_set_new(changes, name, json_pack("{s:O?, s:O?}", "from", from, "to", to));
	}
	json_object_foreach ((json_t *)planned, name, entry) {
		if (json_equal(json_object_get(entry, "from"), json_object_get(entry, "to")))
			json_object_set(changes, name, entry);
	}
	*ret = ff_take(&changes);
	return NULL;
}

static struct ff_error *in_a_copy(const struct ff_fix_request *r, const struct ff_fix_plan *plan, json_t **ret)
{
	struct ff_env_copy copy = {.lock = -1};
	_cleanup_json_ json_t *before = NULL, *after = NULL;
	unsigned deadline_ms = r->seconds * 1000;
	struct ff_error *err = ff_env_copy_make(plan->python, deadline_ms, &copy);
	if (!err)
		err = ff_fix_facts(copy.python, &before);
	if (!err)
		err = ff_fix_packages_change(plan, copy.python, deadline_ms);
	if (!err)
		err = ff_fix_facts(copy.python, &after);
	if (!err)
		err = ff_fix_compare(
			ff_json_at(before, "python.packages"), ff_json_at(after, "python.packages"), NULL, ret);
	ff_env_copy_deinit(&copy);
	return err;
}

static struct ff_error *ask(struct ff_fix_request *r, const struct ff_fix_plan *plan, json_t **ret)
{
	struct ff_error *err = ff_fix_resolve(plan, ff_json_at(r->facts, "python.packages"), r->seconds * 1000, ret);
	if (!err || err->code != FF_EUNSUPPORTED || ff_interrupted)
		return err;
	ff_error_destroy(err);
	ff_fix_note(r, "how", "This pip (before 22.2) cannot tell what it would change, so it was done in a copy.");
	return in_a_copy(r, plan, ret);
}

struct ff_error *ff_fix_show_changes(struct ff_fix_request *r, const struct ff_fix_plan *plan)
{
	json_t *changes = NULL;
	if (!plan->n_steps)
		return NULL;
	struct ff_error *err = ask(r, plan, &changes);
	if (err && (err->code == FF_ENOMEM || ff_interrupted))
		return err;
	if (err) {
		ff_fix_note(r, "error", err->message);
		ff_error_destroy(err);
		return NULL;
	}
	if (!json_object_size(changes))
		ff_fix_note(r, "error", "The resolver would change nothing: what it asks for is installed already.");
	json_object_set_new(r->answer, "changes", changes);
	return NULL;
}
