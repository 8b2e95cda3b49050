// Tries one fix in a copy of the environment and says what became of the failure.
//
//	{"result": "passes", "text": "the command ended well"}
//	{"result": "leaves-cause", "text": "it still fails with numpy.abi"}
//	{"result": "brings", "text": "numpy.abi is gone, and torch.driver-too-old comes"}
//	{"result": "unknown", "text": "python: ERROR: No matching distribution found for torch==9"}
#include "cli/fix_try.h"

#include "base/io.h"
#include "cli/fix_copy.h"
#include "cli/fix_packages.h"
#include "host/command.h"

#include <firstfix/firstfix.h>

#include <stdio.h>
#include <sys/mman.h>

enum { DEEP_MS = 60000, COMMAND_WORDS = 256 };

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

static const char *first_error(const json_t *diagnosis)
{
	size_t i;
	json_t *d;
	json_array_foreach (json_object_get(diagnosis, "diagnoses"), i, d) {
		const char *severity = ff_json_text(d, "severity");
		if (severity && strcmp(severity, "error") == 0)
			return ff_json_text(d, "cause");
	}
	return NULL;
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

static json_t *judge(const json_t *diagnosis, const char *cause, const char *well)
{
	const char *other = first_error(diagnosis);
	if (names(diagnosis, cause))
		return result("leaves-cause", json_sprintf("it still fails with %s", cause));
	if (other)
		return result("brings", json_sprintf("%s is gone, and %s comes", cause, other));
	return well ? result("passes", json_string(well))
		    : result("leaves-cause", json_string("it fails in another way, and the cause is not known"));
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

// "env -u X A=b VIRTUAL_ENV=copy PATH=copy/bin:... command", paths into the environment led to the copy.
static void command_words(
	const struct ff_try *job, const struct ff_fix_plan *plan, const struct ff_env_copy *copy, struct words *w)
{
	const char *name;
	json_t *value;
	size_t i;
	add(w, "%s", "/usr/bin/env");
	json_array_foreach (json_object_get(plan->fix, "unset"), i, value)
		add(w, "--unset=%s", json_string_value(value));
	json_object_foreach (json_object_get(plan->fix, "set"), name, value)
		add(w, "%s=%s", name, json_string_value(value));
	if (copy->folder) {
		add(w, "VIRTUAL_ENV=%s/env", copy->folder);
		add(w, "PATH=%s/env/bin:%s", copy->folder, getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	}
	size_t prefix = copy->from ? strlen(copy->from) : 0;
	for (char **word = job->command; *word; word++) {
		bool inside = prefix && strncmp(*word, copy->from, prefix) == 0 && (*word)[prefix] == '/';
		if (inside)
			add(w, "%s/env%s", copy->folder, *word + prefix);
		else
			add(w, "%s", *word);
	}
}

static struct ff_error *run_command(
	const struct ff_try *job, const struct ff_fix_plan *plan, const struct ff_env_copy *copy, json_t **ret)
{
	struct words w = {.n = 0};
	struct ff_command_result r = {0};
	_cleanup_json_ json_t *diagnosis = NULL;
	command_words(job, plan, copy, &w);
	struct ff_error *err = w.failed ? &ff_enomem : ff_command_run(w.list, job->command_ms, &r);
	if (!err && (r.exit_code == 0 || r.timed_out)) {
		*ret = result("passes",
			r.timed_out ? json_sprintf("the command still ran well after %u s", job->command_ms / 1000)
				    : json_string("the command ended well"));
	} else if (!err) {
		err = diagnose(copy->python, &r.output, &diagnosis);
		if (!err)
			*ret = judge(diagnosis, job->cause, NULL);
	}
	words_deinit(&w);
	ff_buf_deinit(&r.output);
	return err;
}

// A variable given or taken for a while; *old becomes what it was.
static void exchange(const char *name, const char *value, json_t *old)
{
	const char *before = getenv(name);
	json_object_set_new(old, name, before ? json_string(before) : json_null());
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

// Variables as the next start would have them, for what is read in this process.
static void put_variables(const json_t *fix, json_t *old)
{
	const char *name;
	json_t *value;
	size_t i;
	json_object_foreach (json_object_get(fix, "set"), name, value)
		exchange(name, json_string_value(value), old);
	json_array_foreach (json_object_get(fix, "unset"), i, value)
		exchange(json_string_value(value), NULL, old);
}

static void put_back(const json_t *old)
{
	const char *name;
	json_t *value;
	_cleanup_json_ json_t *unused = json_object();
	json_object_foreach ((json_t *)old, name, value)
		exchange(name, json_string_value(value), unused);
}

static struct ff_error *check_only(
	const struct ff_try *job, const struct ff_fix_plan *plan, const struct ff_env_copy *copy, json_t **ret)
{
	_cleanup_json_ json_t *diagnosis = NULL, *old = json_object();
	if (!old)
		return &ff_enomem;
	put_variables(plan->fix, old);
	struct ff_error *err = diagnose(copy->python, NULL, &diagnosis);
	put_back(old);
	if (!err)
		*ret = judge(diagnosis, job->cause, "check --deep finds nothing wrong with the copy");
	return err;
}

struct ff_error *ff_fix_try(const struct ff_try *job, const struct ff_fix_plan *plan, json_t **ret)
{
	struct ff_env_copy copy = {0};
	struct ff_error *err = NULL;
	if (plan->by_hand) {
		*ret = result("unknown", json_string(plan->by_hand));
		return *ret ? NULL : &ff_enomem;
	}
	if (plan->python)
		err = ff_env_copy_make(plan->python, job->deadline_ms, &copy);
	if (!err && plan->python)
		err = ff_fix_packages_change(plan, copy.python, job->deadline_ms);
	if (!err)
		err = job->command ? run_command(job, plan, &copy, ret) : check_only(job, plan, &copy, ret);
	ff_env_copy_deinit(&copy);
	return err ? could_not(err, ret) : *ret ? NULL : &ff_enomem;
}
