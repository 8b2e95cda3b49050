// Tries one fix in a copy of the environment and says what became of the failure.
//
//	{"result": "passes", "text": "the command ended well"}
//	{"result": "leaves-cause", "text": "it still fails with numpy.abi"}
//	{"result": "brings", "text": "numpy.abi is gone, and torch.driver-too-old comes"}
//	{"result": "unknown", "text": "python: ERROR: No matching distribution found for torch==9"}
//
// Where this process may mount (root outside of most containers) the copy lies over the environment while the command
// runs, so that every path in the command and in scripts leads into it. Elsewhere paths among its words are led there.
//
// How the command lies: a script may name the interpreter by itself, and then the copy proves nothing. An interpreter
// of the copy leaves a mark when it starts; without the mark nothing is concluded.
#include "cli/fix_try.h"

#include "base/io.h"
#include "cli/fix_copy.h"
#include "cli/fix_packages.h"
#include "cli/fix_variables.h"
#include "cli/interrupt.h"
#include "host/command.h"

#include <firstfix/firstfix.h>

#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>

enum { DEEP_MS = 60000, MOUNT_MS = 5000, COMMAND_WORDS = 256 };

static json_t *result(const char *word, json_t *text)
{
	return json_pack("{s:s, s:o}", "result", word, "text", text);
}

// Why it could not be tried is an answer, not a failure.
static struct ff_error *could_not(struct ff_error *err, json_t **ret)
{
	if (err->code == FF_ENOMEM)
		return err;
	*ret = result("unknown", ff_json_string(err->message, strlen(err->message)));
	ff_error_destroy(err);
	return *ret ? NULL : &ff_enomem;
}

// ---- what firstfix says of the copy ----

static struct ff_error *document_of(const struct ff_diagnosis *diagnosis, json_t **ret)
{
	char *text = NULL;
	struct ff_error *err = ff_diagnosis_render(diagnosis, FF_JSON, NULL, &text);
	if (!err)
		err = ff_json_parse("diagnosis", text, strlen(text), ret);
	free(text);
	return err;
}

// The diagnosis of a log (or of the facts alone) with the facts of this interpreter's environment.
static struct ff_error *diagnose(const char *python, const struct ff_buf *log, json_t **ret)
{
	struct ff_facts *facts = NULL;
	struct ff_diagnosis *diagnosis = NULL;
	_cleanup_close_ int fd = -1;
	struct ff_error *err = ff_collect(&(struct ff_collect_options){.python = python}, &facts);
	if (!err && log) {
		fd = memfd_create("firstfix-try", MFD_CLOEXEC);
		err = fd < 0 ? ff_error_os(errno, "memfd") : ff_write_all(fd, "memfd", log->p ? log->p : "", log->n);
		if (!err && lseek(fd, 0, SEEK_SET) < 0)
			err = ff_error_os(errno, "memfd");
	}
	if (!err)
		err = ff_explain(
			&(struct ff_explain_options){
				.facts = facts, .log_fd = fd, .check = !log, .deep_ms = log ? 0 : DEEP_MS},
			&diagnosis);
	if (!err)
		err = document_of(diagnosis, ret);
	ff_diagnosis_free(diagnosis);
	ff_facts_free(facts);
	return err;
}

static bool names(const json_t *diagnosis, const char *cause)
{
	size_t i;
	json_t *d;
	json_array_foreach (json_object_get(diagnosis, "diagnoses"), i, d) {
		const char *found = ff_json_text(d, "cause");
		if (found && strcmp(found, cause) == 0)
			return true;
	}
	return false;
}

// One that `but` does not name too.
static const char *first_error(const json_t *diagnosis, const json_t *but)
{
	size_t i;
	json_t *d;
	json_array_foreach (json_object_get(diagnosis, "diagnoses"), i, d) {
		const char *severity = ff_json_text(d, "severity"), *cause = ff_json_text(d, "cause");
		if (severity && cause && strcmp(severity, "error") == 0 && !names(but, cause))
			return cause;
	}
	return NULL;
}

// The last line of a failure that no rule knows.
static json_t *unexplained(const json_t *diagnosis)
{
	const json_t *list = json_object_get(diagnosis, "unexplained");
	const char *line =
		ff_json_text(json_array_get(list, json_array_size(list) ? json_array_size(list) - 1 : 0), "text");
	return line ? json_sprintf("it still fails, and the cause is not known: %s", line)
		    : json_string("it still fails, and the cause is not known");
}

static json_t *judge_failure(const json_t *diagnosis, const char *cause)
{
	const char *other = first_error(diagnosis, NULL);
	if (names(diagnosis, cause))
		return result("leaves-cause", json_sprintf("it still fails with %s", cause));
	return other ? result("brings", json_sprintf("%s is gone, and %s comes", cause, other))
		     : result("leaves-cause", unexplained(diagnosis));
}

// What was wrong before and has nothing to do with it (no GPU here) is not its work.
static json_t *judge_check(const json_t *after, const json_t *before, const char *cause)
{
	const char *comes = first_error(after, before), *remains = first_error(after, NULL);
	if (names(after, cause))
		return result("leaves-cause", json_sprintf("check --deep still finds %s", cause));
	if (comes)
		return result("brings", json_sprintf("%s is gone, and %s comes", cause, comes));
	if (!names(before, cause))
		return result("unknown",
			json_sprintf(
				"check --deep does not see %s without the fix either: give the failing command behind "
				"'--'",
				cause));
	return result("passes",
		remains ? json_sprintf("check --deep no longer finds %s; %s, which was there before, remains", cause,
				  remains)
			: json_string("check --deep finds nothing wrong with the copy"));
}

// ---- the failing command ----

struct words {
	char *list[COMMAND_WORDS];
	size_t n;
	bool failed;
};

static void add(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct words *w, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (w->n + 1 >= COMMAND_WORDS || vasprintf(&w->list[w->n], format, args) < 0)
		w->failed = true;
	else
		w->n++;
	va_end(args);
}

static void words_deinit(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
}

// A word that leads into the environment, also from the working folder, led into the copy; NULL for any other.
static char *led(const struct ff_env_copy *copy, const char *word)
{
	char real[PATH_MAX], *led = NULL;
	const char *slash = strrchr(word, '/');
	_cleanup_free_ char *folder = slash ? strndup(word, (size_t)(slash - word) + 1) : NULL;
	_cleanup_free_ char *from = copy->from ? realpath(copy->from, NULL) : NULL;
	size_t n = from ? strlen(from) : 0;
	if (!folder || !n || !realpath(folder, real) || strncmp(real, from, n) != 0 || (real[n] && real[n] != '/'))
		return NULL;
	return asprintf(&led, "%s%s/%s", copy->env, real + n, slash + 1) < 0 ? NULL : led;
}

static bool is_interpreter(const struct ff_env_copy *copy, const char *path)
{
	char a[PATH_MAX], b[PATH_MAX];
	return realpath(path, a) && realpath(copy->of, b) && strcmp(a, b) == 0;
}

// Does it name that interpreter in its first line?
static bool is_script_of(const struct ff_env_copy *copy, const char *path)
{
	char line[PATH_MAX] = "";
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f) || !ff_starts(line, "#!"))
		return false;
	char *program = line + 2 + strspn(line + 2, " ");
	program[strcspn(program, " \n")] = 0;
	return is_interpreter(copy, program);
}

// An interpreter in no environment stays where it is; what starts it starts the one of the environment over it.
static void first_word(const struct ff_env_copy *copy, const char *word, struct words *w)
{
	_cleanup_free_ char *path = copy->folder && !copy->from ? ff_command_find(word) : NULL;
	bool script = path && is_script_of(copy, path);
	bool itself = path && is_interpreter(copy, path);
	if (script || itself)
		add(w, "%s", copy->python);
	if (!itself)
		add(w, "%s", script ? path : word);
}

static const char over[] = "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";

// "unshare --mount sh -c ... COPY ENVIRONMENT": what follows sees the copy in the environment's place.
static void over_words(const struct ff_env_copy *copy, const char *unshare, struct words *w)
{
	const char *const fixed[] = {unshare, "--mount", "--", "/bin/sh", "-c", over, "sh", copy->env, copy->from};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		add(w, "%s", fixed[i]);
}

static bool may_mount(const struct ff_env_copy *copy, const char *unshare)
{
	struct words w = {.n = 0};
	struct ff_command_result r = {.exit_code = -1};
	over_words(copy, unshare, &w);
	add(&w, "%s", "/bin/true");
	if (!w.failed)
		ff_error_destroy(ff_command_run(w.list, MOUNT_MS, &r));
	ff_buf_deinit(&r.output);
	words_deinit(&w);
	return r.exit_code == 0;
}

// "env -u X A=b VIRTUAL_ENV=copy PATH=copy/bin:... command".
static void command_words(
	const struct ff_try *job, const struct ff_fix_plan *plan, const struct ff_env_copy *copy, struct words *w)
{
	const char *name, *path = getenv("PATH");
	_cleanup_free_ char *unshare = copy->from ? ff_command_find("unshare") : NULL;
	bool lies_over = unshare && may_mount(copy, unshare);
	json_t *value;
	size_t i;
	if (lies_over)
		over_words(copy, unshare, w);
	add(w, "%s", "/usr/bin/env");
	json_array_foreach (json_object_get(plan->fix, "unset"), i, value)
		add(w, "--unset=%s", json_string_value(value));
	json_object_foreach (json_object_get(plan->fix, "set"), name, value)
		add(w, "%s=%s", name, json_string_value(value));
	if (copy->folder) {
		const char *env = lies_over ? copy->from : copy->env;
		add(w, "FIRSTFIX_TRY=%s", copy->mark);
		add(w, "VIRTUAL_ENV=%s", env);
		add(w, "PATH=%s/bin:%s", env, path ? path : "/usr/bin:/bin");
	}
	for (char **word = job->command; *word; word++) {
		_cleanup_free_ char *other = lies_over ? NULL : led(copy, *word);
		if (word == job->command && !other)
			first_word(copy, *word, w);
		else
			add(w, "%s", other ? other : *word);
	}
}

static json_t *judge_command(const struct ff_try *job, const struct ff_command_result *r, const json_t *diagnosis)
{
	bool failed = r->exit_code != 0 && !r->timed_out;
	if (failed || names(diagnosis, job->cause))
		return judge_failure(diagnosis, job->cause);
	return result("passes",
		r->timed_out ? json_sprintf("the command still ran after %u s", job->command_ms / 1000)
			     : json_string("the command ended well"));
}

static struct ff_error *run_command(
	const struct ff_try *job, const struct ff_fix_plan *plan, const struct ff_env_copy *copy, json_t **ret)
{
	struct words w = {.n = 0};
	struct ff_command_result r = {0};
	_cleanup_json_ json_t *diagnosis = NULL;
	command_words(job, plan, copy, &w);
	struct ff_error *err =
		w.failed ? &ff_enomem : ff_command_run_until(w.list, job->command_ms, &ff_interrupted, &r);
	if (!err && copy->folder && access(copy->mark, F_OK) < 0) {
		*ret = result("unknown",
			json_string("the command started no interpreter of the copy, so this proves nothing: name the "
				    "interpreter in the command, as 'python' or by its path"));
		json_object_set_new(*ret, "started", json_false());
	} else if (!err) {
		if (r.exit_code != 0)
			err = diagnose(copy->python, &r.output, &diagnosis);
		if (!err)
			*ret = judge_command(job, &r, diagnosis);
	}
	words_deinit(&w);
	ff_buf_deinit(&r.output);
	return err;
}

static struct ff_error *check_only(
	const struct ff_try *job, const struct ff_fix_plan *plan, const struct ff_env_copy *copy, json_t **ret)
{
	_cleanup_json_ json_t *diagnosis = NULL, *old = ff_fix_variables_put(plan->fix);
	if (!old)
		return &ff_enomem;
	struct ff_error *err = diagnose(copy->python, NULL, &diagnosis);
	ff_fix_variables_put_back(old);
	if (!err)
		*ret = judge_check(diagnosis, job->before, job->cause);
	return err;
}

struct ff_error *ff_fix_try_before(const char *python, json_t **ret)
{
	return diagnose(python, NULL, ret);
}

static bool removes(const struct ff_fix_plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		for (char **word = plan->steps[i]; *word; word++)
			if (strcmp(*word, "uninstall") == 0)
				return true;
	return false;
}

// A command that works in an untouched copy is cured by nothing.
static struct ff_error *fails_without(
	const struct ff_try *job, const struct ff_fix_plan *plan, const struct ff_env_copy *copy, json_t **ret)
{
	const struct ff_fix_plan nothing = {.python = plan->python};
	_cleanup_json_ json_t *as_it_is = NULL;
	struct ff_error *err = run_command(job, &nothing, copy, &as_it_is);
	const char *word = as_it_is ? ff_json_text(as_it_is, "result") : NULL;
	if (word && strcmp(word, "unknown") == 0)
		*ret = json_incref(as_it_is);
	else if (word && strcmp(word, "passes") == 0)
		*ret = result("unknown",
			json_sprintf("without any change %s: the log is of an earlier state, so nothing can be proved",
				ff_json_text(as_it_is, "text")));
	if (*ret)
		json_object_set_new(*ret, "started", json_false());
	if (copy->mark) // there is none without a copy
		unlink(copy->mark);
	return err;
}

static struct ff_error *try_in(
	const struct ff_try *job, const struct ff_fix_plan *plan, const struct ff_env_copy *copy, json_t **ret)
{
	if (copy->folder && !copy->from && removes(plan)) {
		*ret = result("unknown",
			json_string(
				"what is removed from an interpreter without a virtual environment cannot be tried"));
		return NULL;
	}
	struct ff_error *err = job->command && !job->failed ? fails_without(job, plan, copy, ret) : NULL;
	if (err || *ret)
		return err;
	if (plan->python)
		err = ff_fix_packages_change(plan, copy->python, job->deadline_ms);
	if (!err)
		err = job->command ? run_command(job, plan, copy, ret) : check_only(job, plan, copy, ret);
	if (!err && *ret && copy->from && ff_env_copy_is_stale(copy)) {
		json_decref(*ret);
		*ret = result("unknown", json_sprintf("packages in %s changed while it was tried", copy->from));
	}
	return err;
}

struct ff_error *ff_fix_try(const struct ff_try *job, const struct ff_fix_plan *plan, json_t **ret)
{
	struct ff_env_copy copy = {.lock = -1};
	struct ff_error *err = NULL;
	if (plan->by_hand) {
		*ret = result("unknown", json_string(plan->by_hand));
		return *ret ? NULL : &ff_enomem;
	}
	if (plan->python)
		err = ff_env_copy_make(plan->python, job->deadline_ms, &copy);
	if (!err)
		err = try_in(job, plan, &copy, ret);
	ff_env_copy_deinit(&copy);
	return err ? could_not(err, ret) : *ret ? NULL : &ff_enomem;
}
