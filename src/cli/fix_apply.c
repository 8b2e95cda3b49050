// Doing a fix here, and the way back. What is needed for the way back is kept and written down before anything changes,
// so that an end at any instant (an installer that fails, Ctrl-C, SIGKILL) leaves a record by which all is undone.
//
//	fixes/20261129T071500.123.json    "state": "applying", while packages change; "applied" behind it
#include "cli/fix_changes.h"
#include "cli/fix_keep.h"
#include "cli/fix_packages.h"
#include "cli/fix_record.h"
#include "cli/fix_request.h"
#include "cli/interrupt.h"

#include "base/complain.h"

#include <unistd.h>

// ---- the way back ----

static struct ff_error *by_installer(const json_t *record, const json_t *changes, unsigned seconds)
{
	const char *python = ff_json_text(record, "python");
	if (!python || !json_object_size(changes))
		return NULL;
	return ff_fix_packages_restore(python, json_is_true(json_object_get(record, "uv")), changes, seconds * 1000);
}

static struct ff_error *put_back(const json_t *record, unsigned seconds)
{
	const json_t *kept = json_object_get(record, "kept"), *changes = json_object_get(record, "changes");
	_cleanup_json_ json_t *left = NULL;
	if (!kept)
		return by_installer(record, changes, seconds);
	struct ff_error *err = ff_fix_put_back(kept, changes, ff_fix_record_is_cut(record), &left);
	return err ? err : by_installer(record, left, seconds);
}

// A list of names as an object of nulls, the form of next-start.env.
static json_t *names_of(const json_t *list)
{
	json_t *names = json_object(), *item;
	size_t i;
	json_array_foreach (list, i, item)
		json_object_set_new(names, json_string_value(item), json_null());
	return names;
}

// Every variable that a fix (or the record of one) gives or takes.
static json_t *variables_of(const json_t *fix)
{
	json_t *all = names_of(json_object_get(fix, "unset"));
	json_object_update(all, json_object_get(fix, "set"));
	return all;
}

static struct ff_error *variables_back(const struct ff_fix_request *r, const json_t *record)
{
	_cleanup_json_ json_t *names = variables_of(record), *gone = json_copy(names);
	const json_t *before = json_object_get(record, "before");
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)before, name, value)
		json_object_del(gone, name);
	return json_object_size(names) ? ff_next_start_change(r->dir, before, gone) : NULL;
}

// Changes the other way round, for the answer.
static json_t *reversed(const json_t *changes)
{
	json_t *back = json_object(), *change;
	const char *name;
	json_object_foreach ((json_t *)changes, name, change)
		json_object_set_new(back, name,
			json_pack("{s:O?, s:O?}", "from", json_object_get(change, "to"), "to",
				json_object_get(change, "from")));
	return back;
}

int ff_fix_undo_last(struct ff_fix_request *r)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *record = NULL;
	_cleanup_close_ int lock = -1;
	struct ff_error *err = ff_fix_record_lock(r->dir, &lock);
	if (!err)
		err = ff_fix_record_last(r->dir, &path, &record);
	if (err)
		return ff_fix_leave(r, err, 2);
	ff_interrupt_catch(); // and not asked: an undo goes to its end
	err = put_back(record, r->seconds);
	if (!err)
		err = variables_back(r, record);
	if (!err && unlink(path) < 0)
		err = ff_error_os(errno, "%s", path);
	if (!err)
		ff_fix_keep_drop(json_object_get(record, "kept"));
	r->answer = json_pack("{s:s, s:O*, s:b, s:o*}", "schema", "firstfix.fix/1", "cause",
		json_object_get(record, "cause"), "undone", !err, "changes",
		reversed(json_object_get(record, "changes")));
	ff_fix_note(r, "title", "undone");
	ff_fix_note(r, "said", "What it changed is as it was.");
	return ff_fix_leave(r, err, 0);
}

// ---- doing it ----

static json_t *record_of(const struct ff_fix_request *r, const struct ff_fix_plan *plan, json_t *kept, json_t *before)
{
	return json_pack("{s:s, s:s, s:O, s:s?, s:b, s:O*, s:O*, s:O*, s:O*, s:O*}", "schema", "firstfix.fix/1",
		"state", "applying", "cause", json_object_get(r->answer, "cause"), "python", plan->python, "uv",
		(int)(plan->n_steps && strcmp(plan->steps[0][0], "uv") == 0), "changes",
		json_object_get(r->answer, "changes"), "set", json_object_get(plan->fix, "set"), "unset",
		json_object_get(plan->fix, "unset"), "kept", kept, "before", before);
}

// Half-way: back to what it was.
static struct ff_error *roll_back(
	struct ff_fix_request *r, const char *stamp, const json_t *record, struct ff_error *failed)
{
	struct ff_error *back = put_back(record, r->seconds), *both;
	if (back) {
		both = ff_error_create(FF_EOS,
			"%s; putting it back failed too: %s. Run 'firstfix fix --undo' once that is mended",
			failed->message, back->message);
	} else {
		both = ff_error_create(FF_EOS, "%s; what it had begun was undone", failed->message);
		ff_fix_keep_drop(json_object_get(record, "kept"));
		ff_error_destroy(ff_fix_record_remove(r->dir, stamp));
	}
	ff_error_destroy(back);
	ff_error_destroy(failed);
	return both;
}

static struct ff_error *note_what_changed(struct ff_fix_request *r, const struct ff_fix_plan *plan, json_t *record)
{
	json_t *now = NULL, *changes = NULL;
	struct ff_error *err = plan->python ? ff_fix_facts(plan->python, &now) : NULL;
	if (!err && now)
		err = ff_fix_compare(ff_json_at(r->facts, "python.packages"), ff_json_at(now, "python.packages"),
			json_object_get(r->answer, "changes"), &changes);
	if (!err && changes) {
		json_object_set(r->answer, "changes", changes);
		json_object_set(record, "changes", changes);
	}
	json_decref(changes);
	json_decref(now);
	return err ? err : json_object_set_new(record, "state", json_string("applied")) < 0 ? &ff_enomem : NULL;
}

static struct ff_error *change(
	struct ff_fix_request *r, const struct ff_fix_plan *plan, const char *stamp, json_t *record)
{
	_cleanup_json_ json_t *variables = variables_of(plan->fix);
	struct ff_error *err = ff_fix_record_write(r->dir, stamp, record);
	if (err) {
		ff_fix_keep_drop(json_object_get(record, "kept"));
		return err;
	}
	err = ff_fix_packages_change(plan, NULL, r->seconds * 1000);
	if (!err && json_object_size(variables))
		err = ff_next_start_change(r->dir, variables, NULL);
	if (!err && ff_interrupted)
		err = ff_error_create(FF_EOS, "interrupted");
	if (!err)
		err = note_what_changed(r, plan, record);
	if (!err)
		err = ff_fix_record_write(r->dir, stamp, record);
	return err ? roll_back(r, stamp, record, err) : NULL;
}

static struct ff_error *apply_plan(struct ff_fix_request *r, const struct ff_fix_plan *plan)
{
	_cleanup_json_ json_t *kept = NULL, *before = NULL, *variables = variables_of(plan->fix), *record = NULL;
	char stamp[FF_FIX_STAMP_MAX];
	ff_fix_stamp(stamp);
	struct ff_error *err = ff_next_start_read(r->dir, variables, &before);
	if (!err && plan->python)
		err = ff_fix_keep(r->facts, json_object_get(r->answer, "changes"), stamp, &kept);
	if (!err)
		record = record_of(r, plan, kept, before);
	if (!err && !record)
		err = &ff_enomem;
	if (!err)
		err = change(r, plan, stamp, record);
	if (!err)
		ff_fix_record_prune(r->dir);
	return err;
}

// A fix that was cut off comes first: what it left is not what any plan was made for.
static struct ff_error *nothing_is_open(const struct ff_fix_request *r)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *record = NULL;
	_cleanup_error_ struct ff_error *none = ff_fix_record_last(r->dir, &path, &record);
	if (none || !ff_fix_record_is_cut(record))
		return NULL;
	return ff_error_create(FF_EUSAGE,
		"an earlier --apply was cut off before its end: 'firstfix fix --undo' puts back what it changed; "
		"nothing was changed now");
}

int ff_fix_apply_here(struct ff_fix_request *r, const json_t *fix)
{
	_cleanup_plan_ struct ff_fix_plan plan = {0};
	_cleanup_close_ int lock = -1;
	struct ff_error *err = ff_fix_record_lock(r->dir, &lock);
	if (!err)
		err = nothing_is_open(r);
	if (!err)
		err = ff_fix_plan_for(r, fix, &plan);
	if (err)
		return ff_fix_leave(r, err, 2);
	if (plan.elsewhere && !plan.by_hand)
		plan.by_hand = plan.elsewhere;
	if (!ff_fix_plan_does_something(&plan)) {
		ff_fix_note_by_hand(r, &plan);
		return ff_fix_leave(r, NULL, 1);
	}
	ff_interrupt_catch();
	err = ff_fix_show_changes(r, &plan);
	if (!err && ff_json_text(r->answer, "error")) {
		ff_fix_note(r, "said", "Nothing was changed.");
		return ff_fix_leave(r, NULL, 1);
	}
	if (!err)
		err = apply_plan(r, &plan);
	json_object_set_new(r->answer, "applied", json_boolean(!err));
	ff_fix_note(r, "said",
		plan.python ? "Applied. 'firstfix fix --undo' puts it back."
			    : "The next starts by 'firstfix run' get these variables. 'firstfix fix --undo' takes them "
			      "back.");
	return ff_fix_leave(r, err, 0);
}
