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
#include "cli/fix_container.h"
#include "cli/fix_packages.h"
#include "cli/fix_record.h"
#include "cli/fix_try.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/complain.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { FIXES_TRIED = 3, DEFAULT_SECONDS = 180, COMMAND_SECONDS = 60 };

struct request {
	struct ff_output output;
	const char *dir, *python, *source;
	bool dry_run, try, apply, undo, source_given;
	struct ff_container_request in;
	unsigned seconds, command_seconds;
	char **command; // behind --, NULL-terminated; NULL for none
	json_t *diagnosis, *facts;
	json_t *answer; // firstfix.fix/1
};

// ---- which diagnosis ----

static struct ff_error *rendered(struct ff_error *err, char *text, const char *name, json_t **ret)
{
	if (!err)
		err = ff_json_parse(name, text, strlen(text), ret);
	free(text);
	return err;
}

static struct ff_error *collect(struct request *r, struct ff_facts **ret)
{
	char *text = NULL;
	struct ff_error *err = ff_collect(&(struct ff_collect_options){.python = r->python}, ret);
	if (!err)
		err = ff_facts_render(*ret, FF_JSON, NULL, &text);
	return rendered(err, text, "facts", &r->facts);
}

static struct ff_error *explain(struct request *r, int fd, const struct ff_facts *facts)
{
	struct ff_diagnosis *diagnosis = NULL;
	char *text = NULL;
	struct ff_error *err = ff_explain(
		&(struct ff_explain_options){.facts = facts, .log_fd = fd, .log_name = r->source}, &diagnosis);
	if (!err)
		err = ff_diagnosis_render(diagnosis, FF_JSON, NULL, &text);
	ff_diagnosis_free(diagnosis);
	return rendered(err, text, "diagnosis", &r->diagnosis);
}

static struct ff_error *from_incident(struct request *r)
{
	_cleanup_json_ json_t *incident = NULL;
	struct ff_incident *stored = NULL;
	char *text = NULL;
	struct ff_error *err = ff_incident_read(r->dir, r->source, &stored);
	if (!err)
		err = ff_incident_render(stored, FF_JSON, NULL, &text);
	ff_incident_free(stored);
	err = rendered(err, text, "incident", &incident);
	if (!err)
		r->diagnosis = json_incref(json_object_get(incident, "diagnosis"));
	return err;
}

static struct ff_error *read_source(struct request *r)
{
	struct ff_facts *facts = NULL;
	bool input = strcmp(r->source, "-") == 0;
	int fd = input ? STDIN_FILENO : open(r->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct ff_error *err = collect(r, &facts);
	if (!err && fd >= 0)
		err = explain(r, fd, facts);
	else if (!err)
		err = from_incident(r);
	if (!input && fd >= 0)
		close(fd);
	ff_facts_free(facts);
	return err;
}

// ---- what it says ----

static void say_changes(struct ff_buf *b, const json_t *changes)
{
	const char *name;
	json_t *change;
	size_t width = 0;
	json_object_foreach ((json_t *)changes, name, change)
		width = strlen(name) > width ? strlen(name) : width;
	json_object_foreach ((json_t *)changes, name, change) {
		const char *from = ff_json_text(change, "from"), *to = ff_json_text(change, "to");
		ff_buf_printf(b, "    %-*s  %s -> %s\n", (int)width, name, from ? from : "(not installed)",
			to ? to : "(removed)");
	}
}

static void say_fix(struct ff_buf *b, const json_t *fix)
{
	const char *command = ff_json_text(fix, "command");
	size_t i;
	json_t *effect;
	ff_buf_printf(b, "Fix to try first: %s\n", ff_json_text(fix, "say"));
	if (command)
		ff_buf_printf(b, "    %s\n", command);
	json_array_foreach (json_object_get(fix, "side_effects"), i, effect)
		ff_buf_printf(b, "    Beware: %s\n", json_string_value(effect));
}

static struct ff_error *say(const struct request *r, char **ret)
{
	_cleanup_buf_ struct ff_buf b = {0};
	const json_t *a = r->answer, *changes = json_object_get(a, "changes"), *fix = json_object_get(a, "fix");
	const char *error = ff_json_text(a, "error"), *done = ff_json_text(a, "said");
	size_t i;
	json_t *tried;
	if (ff_json_text(a, "cause"))
		ff_buf_printf(&b, "%s: %s\n", ff_json_text(a, "cause"), ff_json_text(a, "title"));
	if (fix)
		say_fix(&b, fix);
	if (json_object_size(changes))
		ff_buf_str(&b, json_is_true(json_object_get(a, "applied")) ? "Changed:\n" : "It would change:\n");
	say_changes(&b, changes);
	json_array_foreach (json_object_get(a, "tried"), i, tried)
		ff_buf_printf(
			&b, "Tried on a copy: %s\n    %s\n", ff_json_text(tried, "say"), ff_json_text(tried, "text"));
	if (error)
		ff_buf_printf(&b, "%s\n", error);
	if (done)
		ff_buf_printf(&b, "%s\n", done);
	return ff_buf_finish(&b, ret);
}

static int leave(struct request *r, struct ff_error *err, int code)
{
	char *text = NULL;
	if (!err && r->output.json)
		text = json_dumps(r->answer, JSON_INDENT(1));
	else if (!err)
		err = say(r, &text);
	if (!err && (!text || !ff_output_write("fix", &r->output, text)))
		code = 2;
	free(text);
	json_decref(r->diagnosis);
	json_decref(r->facts);
	json_decref(r->answer);
	return err ? ff_fail("fix", err) : code;
}

static void note(struct request *r, const char *key, const char *text)
{
	json_object_set_new(r->answer, key, json_string(text));
}

static void note_by_hand(struct request *r, const struct ff_fix_plan *plan)
{
	const char *why = plan->by_hand ? plan->by_hand : "it changes nothing here";
	json_object_set_new(
		r->answer, "said", json_sprintf("Nothing was changed: this one is for a person (%s).", why));
}

// ---- showing, trying, applying ----

static const json_t *packages(const struct request *r)
{
	return ff_json_at(r->facts, "python.packages");
}

// What the resolver says; that it finds no answer is said, not fatal.
static struct ff_error *show_changes(struct request *r, const struct ff_fix_plan *plan)
{
	json_t *changes = NULL;
	if (!plan->n_steps)
		return NULL;
	struct ff_error *err = ff_fix_resolve(plan, packages(r), r->seconds * 1000, &changes);
	if (err && err->code != FF_ENOMEM) {
		note(r, "error", err->message);
		ff_error_destroy(err);
		return NULL;
	}
	if (!err && !json_object_size(changes))
		note(r, "error", "The resolver would change nothing: what it asks for is installed already.");
	if (!err)
		json_object_set_new(r->answer, "changes", changes);
	return err;
}

static struct ff_error *try_one(struct request *r, const json_t *fix, bool *ret_passes)
{
	_cleanup_plan_ struct ff_fix_plan plan = {0};
	const struct ff_try job = {.command = r->command,
		.deadline_ms = r->seconds * 1000,
		.command_ms = r->command_seconds * 1000,
		.cause = ff_json_text(r->answer, "cause")};
	json_t *result = NULL;
	struct ff_error *err = ff_fix_plan_make(fix, ff_json_text(r->facts, "python.executable"), &plan);
	if (!err)
		err = ff_fix_try(&job, &plan, &result);
	if (err)
		return err;
	*ret_passes = strcmp(ff_json_text(result, "result"), "passes") == 0;
	json_object_set(result, "say", json_object_get(fix, "say"));
	json_object_set(result, "kind", json_object_get(fix, "kind"));
	return json_array_append_new(json_object_get(r->answer, "tried"), result) < 0 ? &ff_enomem : NULL;
}

// The first one that cures, each in a copy of its own.
static int try_fixes(struct request *r, const json_t *fixes)
{
	bool passes = false;
	size_t i;
	json_t *fix;
	struct ff_error *err = json_object_set_new(r->answer, "tried", json_array()) < 0 ? &ff_enomem : NULL;
	json_array_foreach (fixes, i, fix) {
		if (err || passes || i == FIXES_TRIED)
			break;
		ff_complain("firstfix fix: trying on a copy: %s", ff_json_text(fix, "say"));
		err = try_one(r, fix, &passes);
		if (!err && passes)
			json_object_set(r->answer, "fix", fix);
	}
	note(r, "said",
		passes ? "Cured on the copy. Nothing was changed here; --apply does it." : "Nothing was changed here.");
	return leave(r, err, passes ? 0 : 1);
}

static json_t *record_of(const struct request *r, const struct ff_fix_plan *plan)
{
	return json_pack("{s:s, s:O, s:s?, s:b, s:O*, s:O*, s:O*}", "schema", "firstfix.fix/1", "cause",
		json_object_get(r->answer, "cause"), "python", plan->python, "uv",
		(int)(plan->n_steps && strcmp(plan->steps[0][0], "uv") == 0), "changes",
		json_object_get(r->answer, "changes"), "set", json_object_get(plan->fix, "set"), "unset",
		json_object_get(plan->fix, "unset"));
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

static struct ff_error *change(struct request *r, const struct ff_fix_plan *plan)
{
	_cleanup_json_ json_t *taken = names_of(json_object_get(plan->fix, "unset")), *all = json_object();
	const char *python = plan->python;
	struct ff_error *err = ff_fix_packages_change(plan, NULL, r->seconds * 1000);
	if (err && python) { // half-way: back to what it was
		bool uv = strcmp(plan->steps[0][0], "uv") == 0;
		struct ff_error *back =
			ff_fix_packages_restore(python, uv, json_object_get(r->answer, "changes"), r->seconds * 1000);
		struct ff_error *both = ff_error_create(FF_EOS, "%s; %s%s", err->message,
			back ? "and putting it back failed: " : "it was undone", back ? back->message : "");
		ff_error_destroy(back);
		ff_error_destroy(err);
		return both;
	}
	json_object_update(all, json_object_get(plan->fix, "set"));
	json_object_update(all, taken);
	return err || !json_object_size(all) ? err : ff_next_start_change(r->dir, all, NULL);
}

static int apply(struct request *r, const json_t *fix)
{
	_cleanup_plan_ struct ff_fix_plan plan = {0};
	_cleanup_free_ char *path = NULL;
	struct ff_error *err = ff_fix_plan_make(fix, ff_json_text(r->facts, "python.executable"), &plan);
	if (!err && !ff_fix_plan_does_something(&plan)) {
		note_by_hand(r, &plan);
		return leave(r, NULL, 1);
	}
	if (!err)
		err = show_changes(r, &plan);
	if (!err && ff_json_text(r->answer, "error")) {
		note(r, "said", "Nothing was changed.");
		return leave(r, NULL, 1);
	}
	_cleanup_json_ json_t *record = err ? NULL : record_of(r, &plan);
	if (!err)
		err = record ? ff_fix_record_write(r->dir, record, &path) : &ff_enomem;
	if (!err)
		err = change(r, &plan);
	if (err && path)
		unlink(path);
	json_object_set_new(r->answer, "applied", json_boolean(!err));
	note(r, "said",
		plan.python ? "Applied. 'firstfix fix --undo' puts it back."
			    : "The next starts by 'firstfix run' get these variables. 'firstfix fix --undo' takes them "
			      "back.");
	return leave(r, err, 0);
}

static int undo(struct request *r)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *record = NULL;
	struct ff_error *err = ff_fix_record_last(r->dir, &path, &record);
	const char *python = err ? NULL : ff_json_text(record, "python");
	json_t *changes = json_object_get(record, "changes");
	if (!err && python && json_object_size(changes))
		err = ff_fix_packages_restore(
			python, json_is_true(json_object_get(record, "uv")), changes, r->seconds * 1000);
	_cleanup_json_ json_t *names = names_of(json_object_get(record, "unset"));
	json_object_update(names, json_object_get(record, "set"));
	if (!err && json_object_size(names))
		err = ff_next_start_change(r->dir, NULL, names);
	if (!err && unlink(path) < 0)
		err = ff_error_os(errno, "%s", path);
	r->answer = json_pack("{s:s, s:O*}", "schema", "firstfix.fix/1", "cause", json_object_get(record, "cause"));
	note(r, "title", "undone");
	note(r, "said", "What it changed is as it was.");
	return leave(r, err, 0);
}

static int work(struct request *r)
{
	struct ff_error *err = read_source(r);
	const json_t *first = json_array_get(json_object_get(r->diagnosis, "diagnoses"), 0);
	json_t *fixes = json_object_get(first, "fixes"), *fix = json_array_get(fixes, 0);
	r->answer = json_pack("{s:s, s:O*, s:O*, s:O*}", "schema", "firstfix.fix/1", "cause",
		json_object_get(first, "cause"), "title", json_object_get(first, "title"), "fix", fix);
	if (err || !first || !fix) {
		note(r, "said",
			first ? "No fix is known for it." : "Nothing wrong was found, so there is nothing to fix.");
		return leave(r, err, first ? 1 : 0);
	}
	if (r->try)
		return try_fixes(r, fixes);
	if (r->apply)
		return apply(r, fix);
	_cleanup_plan_ struct ff_fix_plan plan = {0};
	err = ff_fix_plan_make(fix, ff_json_text(r->facts, "python.executable"), &plan);
	if (!err)
		err = show_changes(r, &plan);
	if (plan.by_hand)
		note_by_hand(r, &plan);
	else
		note(r, "said", "Nothing was changed. --try proves it on a copy, --apply does it here.");
	return leave(r, err, 1);
}

// ---- a container ----

static struct ff_error *read_container(struct request *r, const struct ff_container *c)
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
static int work_container(struct request *r)
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
	note(r, "said",
		said		? said
			: first ? "No fix is known for it."
				: "Nothing wrong was found, so there is nothing to fix.");
	return leave(r, err, first ? 1 : 0);
}

// ---- the command line ----

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
	struct request r = {.seconds = DEFAULT_SECONDS, .command_seconds = COMMAND_SECONDS, .source = "last"};
	const struct ff_option options[] = {
		{"dry-run", 0, FF_OPT_FLAG, NULL, "ask the resolver what would change (default)", &r.dry_run},
		{"try", 0, FF_OPT_FLAG, NULL, "apply it to a copy of the environment and look whether it cures",
			&r.try},
		{"apply", 0, FF_OPT_FLAG, NULL, "apply it here; --undo takes it back", &r.apply},
		{"undo", 0, FF_OPT_FLAG, NULL, "put back what the last --apply changed", &r.undo},
		{"python", 0, FF_OPT_TEXT, "PATH", "the interpreter that fails; default: the one a worker would use",
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
		.details = "It changes nothing but the packages of one interpreter's environment and variables of the "
			   "next start.\n"
			   "  firstfix fix worker.log                        what would change\n"
			   "  firstfix fix --try worker.log -- python w.py   does it cure? in a copy\n"
			   "  firstfix fix --apply last                      do it for the newest incident\n"
			   "  firstfix fix --container worker                what to run for a container, which stays "
			   "as it is\n"
			   "Exit code 0: cured, applied or nothing wrong; 1: something is left to do; 2: wrong use or "
			   "it failed.",
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
	if (r.dry_run + r.try + r.apply + r.undo > 1)
		return ff_usage_error("fix", "--dry-run, --try, --apply and --undo exclude each other");
	if (!r.in.container && !r.in.pod)
		return r.undo ? undo(&r) : work(&r);
	if (r.try || r.apply || r.undo || r.python)
		return ff_usage_error("fix",
			"a container is shown only: --container and --pod go with no --try, --apply, --undo or "
			"--python; without them the command to run is printed");
	return work_container(&r);
}
