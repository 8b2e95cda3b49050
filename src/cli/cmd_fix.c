// firstfix fix: the first fix of a diagnosis, shown as what it would change, tried on a copy, or applied here and
// undone again.
//
//	$ firstfix fix worker.log
//	numpy.abi: a compiled extension was built against another NumPy major version
//	Fix to try first: Install a NumPy that torch 2.2.2 was built for.
//	    /srv/venv/bin/python -m pip install 'numpy<2'
//	It would change:
//	    numpy  2.1.3 -> 1.26.4
#include "cli/command.h"
#include "cli/fix_record.h"
#include "cli/fix_request.h"
#include "cli/fix_try.h"
#include "cli/interrupt.h"
#include "cli/options.h"

#include "base/complain.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { FIXES_TRIED = 3, DEFAULT_SECONDS = 180, COMMAND_SECONDS = 60 };

enum mode { DRY_RUN, TRY, APPLY, UNDO };

// ---- trying ----

static struct ff_error *try_plan(
	struct ff_fix_request *r, const struct ff_fix_plan *plan, bool failed, json_t **before, json_t **ret)
{
	struct ff_try job = {.command = r->command,
		.failed = failed,
		.deadline_ms = r->seconds * 1000,
		.command_ms = r->command_seconds * 1000,
		.cause = ff_json_text(r->answer, "cause"),
		.before = r->command ? r->diagnosis : *before};
	struct ff_error *err = NULL;
	if (!job.before && !plan->by_hand) {
		const char *python = plan->python ? plan->python : ff_json_text(r->facts, "python.executable");
		err = ff_fix_try_before(python, before);
		job.before = *before;
	}
	return err ? err : ff_fix_try(&job, plan, ret);
}

// What became of one fix, and of the row of them.
struct trying {
	json_t *before; // what `check --deep` said of the environment as it is, once it was asked
	size_t n;	// that were tried, not counting those that this program does not do
	bool passes;
	const char *elsewhere; // who does the last one here
	bool pointless;	       // the command starts no interpreter of a copy, or does not fail, whatever is in it
};

static struct ff_error *try_one(struct ff_fix_request *r, const json_t *fix, struct trying *t)
{
	_cleanup_plan_ struct ff_fix_plan plan = {0};
	json_t *result = NULL;
	struct ff_error *err = ff_fix_plan_for(r, fix, &plan);
	if (!err && !plan.by_hand)
		ff_complain("firstfix fix: trying on a copy: %s", ff_json_text(fix, "say"));
	if (!err)
		err = try_plan(r, &plan, t->n > 0, &t->before, &result);
	if (!err && ff_interrupted) {
		json_decref(result);
		err = ff_error_create(FF_EOS, "interrupted; nothing was changed");
	}
	if (err)
		return err;
	t->pointless = json_is_false(json_object_get(result, "started"));
	t->n += !plan.by_hand;
	t->elsewhere = plan.elsewhere;
	t->passes = strcmp(ff_json_text(result, "result"), "passes") == 0;
	json_object_set(result, "say", json_object_get(fix, "say"));
	json_object_set(result, "kind", json_object_get(fix, "kind"));
	return json_array_append_new(json_object_get(r->answer, "tried"), result) < 0 ? &ff_enomem : NULL;
}

static void note_cured(struct ff_fix_request *r, size_t which, const json_t *fix, const char *elsewhere)
{
	json_object_set(r->answer, "fix", (json_t *)fix);
	json_object_set_new(r->answer, "which", json_integer((json_int_t)which));
	json_object_set_new(r->answer, "said",
		elsewhere ? json_sprintf("Cured on the copy. Nothing was changed here (%s).", elsewhere)
			: which == 1
			? json_string("Cured on the copy. Nothing was changed here; --apply does it.")
			: json_sprintf("Cured on the copy. Nothing was changed here; --apply --fix %d does it.",
				  (int)which));
}

// The first one that cures, each in a copy of its own.
static int try_fixes(struct ff_fix_request *r, const json_t *fixes)
{
	struct trying t = {.n = 0};
	size_t i;
	json_t *fix;
	struct ff_error *err = json_object_set_new(r->answer, "tried", json_array()) < 0 ? &ff_enomem : NULL;
	ff_interrupt_catch();
	ff_fix_note(r, "said", "Nothing was changed here.");
	json_array_foreach (fixes, i, fix) {
		if (err || t.passes || t.pointless || t.n == FIXES_TRIED)
			break;
		if (r->which && i + 1 != r->which)
			continue;
		err = try_one(r, fix, &t);
		if (!err && t.passes)
			note_cured(r, i + 1, fix, t.elsewhere);
	}
	json_decref(t.before);
	return ff_fix_leave(r, err, t.passes ? 0 : 1);
}

// ---- which fix ----

static int dry_run(struct ff_fix_request *r, const json_t *fix)
{
	_cleanup_plan_ struct ff_fix_plan plan = {0};
	struct ff_error *err = ff_fix_plan_for(r, fix, &plan);
	if (!err && !plan.by_hand)
		err = ff_fix_show_changes(r, &plan);
	if (!err && plan.by_hand)
		ff_fix_note_by_hand(r, &plan);
	else if (!err && plan.elsewhere)
		json_object_set_new(r->answer, "said",
			json_sprintf("Nothing was changed. --try proves it on a copy (%s).", plan.elsewhere));
	else if (!err)
		ff_fix_note(r, "said", "Nothing was changed. --try proves it on a copy, --apply does it here.");
	return ff_fix_leave(r, err, 1);
}

// No fix: of a failure whose cause is not known there is none, and neither of what shows no run at all.
static int leave_without(struct ff_fix_request *r, struct ff_error *err, const json_t *first)
{
	const char *verdict = ff_json_text(r->diagnosis, "verdict");
	bool unknown = verdict && strcmp(verdict, "failed-unknown") == 0;
	bool nothing = verdict && strcmp(verdict, "nothing") == 0;
	ff_fix_note(r, "said",
		first		  ? "No fix is known for it."
			: unknown ? "It failed, and no rule says why: 'firstfix explain' shows the lines."
			: nothing ? "Nothing in it shows that a worker ran, so there is nothing to fix."
				  : "Nothing wrong was found, so there is nothing to fix.");
	return ff_fix_leave(r, err, first || unknown ? 1 : 0);
}

static void warn_of_cut(struct ff_fix_request *r)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *record = NULL;
	_cleanup_error_ struct ff_error *none = ff_fix_record_last(r->dir, &path, &record);
	if (!none && ff_fix_record_is_cut(record))
		ff_fix_note(r, "warning",
			"Beware: an earlier --apply was cut off before its end (or is at it now). 'firstfix fix "
			"--undo' "
			"puts back what it changed.");
}

static int work(struct ff_fix_request *r, enum mode mode)
{
	struct ff_error *err = ff_fix_read(r);
	const json_t *first = json_array_get(json_object_get(r->diagnosis, "diagnoses"), 0);
	json_t *fixes = json_object_get(first, "fixes"), *fix = json_array_get(fixes, r->which ? r->which - 1 : 0);
	if (!err && r->which && first && !fix)
		err = ff_error_create(FF_EUSAGE, "--fix %u: %zu %s known for it", r->which, json_array_size(fixes),
			json_array_size(fixes) == 1 ? "fix is" : "fixes are");
	r->answer = json_pack("{s:s, s:O*, s:O*, s:O*, s:I}", "schema", "firstfix.fix/1", "cause",
		json_object_get(first, "cause"), "title", json_object_get(first, "title"), "fix", fix, "which",
		(json_int_t)(r->which ? r->which : 1));
	if (err || !first || !fix)
		return leave_without(r, err, first);
	warn_of_cut(r);
	return mode == TRY ? try_fixes(r, fixes) : mode == APPLY ? ff_fix_apply_here(r, fix) : dry_run(r, fix);
}

// ---- a container ----

static struct ff_error *read_container(struct ff_fix_request *r, const struct ff_container *c)
{
	bool input = r->source_given && strcmp(r->source, "-") == 0;
	int fd = input ? STDIN_FILENO : r->source_given ? open(r->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	struct ff_error *err = r->source_given && fd < 0
		? ff_error_os(errno, "%s", r->source)
		: ff_fix_container_read(c, fd, r->source, &r->diagnosis, &r->facts);
	if (!input && fd >= 0)
		close(fd);
	return err;
}

// Shown only: what would be tried or applied is printed, for whoever may change the container.
static int work_container(struct ff_fix_request *r)
{
	_cleanup_container_ struct ff_container c = {0};
	_cleanup_plan_ struct ff_fix_plan plan = {0};
	_cleanup_free_ char *said = NULL;
	struct ff_error *err = ff_container_find(&r->in, &c);
	if (!err)
		err = read_container(r, &c);
	const json_t *first = json_array_get(json_object_get(r->diagnosis, "diagnoses"), 0);
	json_t *fix = json_array_get(json_object_get(first, "fixes"), 0);
	r->answer = json_pack("{s:s, s:O*, s:O*, s:O*}", "schema", "firstfix.fix/1", "cause",
		json_object_get(first, "cause"), "title", json_object_get(first, "title"), "fix", fix);
	if (!err && fix)
		err = ff_fix_plan_make(fix, ff_json_text(r->facts, "python.executable"), &plan);
	if (!err && fix)
		err = ff_fix_container_say(&c, &plan, &said);
	if (!said)
		return leave_without(r, err, first);
	ff_fix_note(r, "said", said);
	return ff_fix_leave(r, err, 1);
}

// ---- the command line ----

static const char details[] =
	"It changes nothing but the packages of one interpreter's environment and variables of the next\n"
	"start. What --apply replaces is kept beside it for --undo, of the last four times.\n"
	"  firstfix fix worker.log                        what would change\n"
	"  firstfix fix --try worker.log -- python w.py   does it cure? in a copy\n"
	"  firstfix fix --apply last                      do it for the newest incident\n"
	"  firstfix fix --container worker                what to run for a container\n"
	"Exit code 0: cured, applied or nothing wrong; 1: something is left to do; 2: wrong use or it failed.";

static int in_container(struct ff_fix_request *r, const bool modes[])
{
	if (modes[TRY] || modes[APPLY] || modes[UNDO] || r->python)
		return ff_usage_error("fix",
			"a container is shown only: --container and --pod go with no --try, --apply, --undo or "
			"--python; without them the command to run is printed");
	return work_container(r);
}

// What stands behind "--" is the failing command; *argc then ends before it.
static char **command_behind(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		char **command = i + 1 < *argc ? argv + i + 1 : NULL;
		argv[i] = NULL;
		*argc = i;
		return command;
	}
	return NULL;
}

int ff_cmd_fix(int argc, char **argv)
{
	struct ff_fix_request r = {.seconds = DEFAULT_SECONDS, .command_seconds = COMMAND_SECONDS, .source = "last"};
	bool modes[] = {[DRY_RUN] = false, [TRY] = false, [APPLY] = false, [UNDO] = false};
	const struct ff_option options[] = {
		{"dry-run", 0, FF_OPT_FLAG, NULL, "ask the resolver what would change (default)", &modes[DRY_RUN]},
		{"try", 0, FF_OPT_FLAG, NULL, "apply it to a copy of the environment and look whether it cures",
			&modes[TRY]},
		{"apply", 0, FF_OPT_FLAG, NULL, "apply it here; --undo takes it back", &modes[APPLY]},
		{"undo", 0, FF_OPT_FLAG, NULL, "put back what the last --apply changed", &modes[UNDO]},
		{"fix", 0, FF_OPT_UINT, "N", "the Nth fix of the answer (default: the first; --try: until one cures)",
			&r.which},
		{"python", 0, FF_OPT_TEXT, "PATH",
			"the interpreter that fails; default: the one that the log names, else the one a worker would "
			"use",
			&r.python},
		{"timeout", 0, FF_OPT_UINT, "SECONDS", "for each step of the installer (default 180)", &r.seconds},
		{"command-timeout", 0, FF_OPT_UINT, "SECONDS",
			"a command that still runs then has started well (default 60)", &r.command_seconds},
		FF_DIR_OPTION(r.dir),
		FF_CONTAINER_OPTIONS(&r.in),
		FF_OUTPUT_OPTIONS(&r.output),
	};
	const struct ff_usage usage = {
		.command = "fix",
		.operands = "[LOG | - | ID | last] [-- COMMAND...]",
		.summary = "show, try or apply the first fix of a failure",
		.details = details,
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_max = 1,
	};
	r.command = command_behind(&argc, argv);
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	r.source_given = parsed.n_operands > 0;
	if (r.source_given)
		r.source = parsed.operands[0];
	free(parsed.operands);
	if (modes[DRY_RUN] + modes[TRY] + modes[APPLY] + modes[UNDO] > 1)
		return ff_usage_error("fix", "--dry-run, --try, --apply and --undo exclude each other");
	if (r.command && !modes[TRY])
		return ff_usage_error("fix", "a command behind '--' goes with --try, which runs it in the copy");
	if (r.in.container || r.in.pod)
		return in_container(&r, modes);
	return modes[UNDO] ? ff_fix_undo_last(&r) : work(&r, modes[TRY] ? TRY : modes[APPLY] ? APPLY : DRY_RUN);
}
