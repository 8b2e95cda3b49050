// Which diagnosis `firstfix fix` works on, and the facts of the interpreter that its fix changes.
//
// How it lies: the interpreter on PATH is not always the one that failed. Where the log's paths name another one that
// is here, the fix is for that one, and so are the versions; where the log is of another machine nothing is changed.
#include "cli/fix_request.h"

#include <firstfix/firstfix.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ff_error *rendered(struct ff_error *err, char *text, const char *name, json_t **ret)
{
	if (!err)
		err = ff_json_parse(name, text, strlen(text), ret);
	free(text);
	return err;
}

static struct ff_error *as_document(const struct ff_facts *facts, json_t **ret)
{
	char *text = NULL;
	struct ff_error *err = ff_facts_render(facts, FF_JSON, NULL, &text);
	return rendered(err, text, "facts", ret);
}

struct ff_error *ff_fix_facts(const char *python, json_t **ret)
{
	struct ff_facts *facts = NULL;
	struct ff_error *err = ff_collect(&(struct ff_collect_options){.python = python}, &facts);
	if (!err)
		err = as_document(facts, ret);
	ff_facts_free(facts);
	return err;
}

static struct ff_error *explain(struct ff_fix_request *r, int fd)
{
	struct ff_facts *facts = NULL;
	struct ff_diagnosis *diagnosis = NULL;
	char *text = NULL;
	struct ff_error *err = ff_collect(&(struct ff_collect_options){.python = r->python}, &facts);
	if (!err)
		err = as_document(facts, &r->facts);
	if (!err)
		err = ff_explain(&(struct ff_explain_options){.facts = facts,
					 .log_fd = fd,
					 .log_name = r->source,
					 .facts_of = "this machine",
					 .facts_assumed = !r->python},
			&diagnosis);
	if (!err)
		err = ff_diagnosis_render(diagnosis, FF_JSON, NULL, &text);
	ff_diagnosis_free(diagnosis);
	ff_facts_free(facts);
	return rendered(err, text, "diagnosis", &r->diagnosis);
}

static struct ff_error *from_incident(struct ff_fix_request *r)
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
	return err ? err : ff_fix_facts(r->python, &r->facts);
}

// A word with a slash or a dot in it was meant as a file, whatever else could be found by it.
static bool is_file_name(const char *word)
{
	return strpbrk(word, "/.") != NULL;
}

struct ff_error *ff_fix_read(struct ff_fix_request *r)
{
	bool input = strcmp(r->source, "-") == 0;
	int fd = input ? STDIN_FILENO : open(r->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int failed = errno;
	if (fd < 0 && (failed != ENOENT || is_file_name(r->source)))
		return ff_error_os(failed, "%s", r->source);
	struct ff_error *err = fd >= 0 ? explain(r, fd) : from_incident(r);
	if (!input && fd >= 0)
		close(fd);
	return err;
}

// ---- the plan ----

// Facts of a start-up report or of none: the log is of another machine, or of this one as it was.
static bool is_foreign(const struct ff_fix_request *r)
{
	const char *of = ff_json_text(r->diagnosis, "facts_of.what");
	return !r->python && of && strcmp(of, "this machine") != 0 && ff_json_text(r->diagnosis, "facts_of.because");
}

static bool is_trusted(const char *path, bool follow)
{
	struct stat st;
	bool there = (follow ? stat(path, &st) : lstat(path, &st)) == 0;
	bool for_all = there && !S_ISLNK(st.st_mode) && (st.st_mode & S_IWOTH);
	return there && !for_all && (st.st_uid == 0 || st.st_uid == geteuid());
}

// A log may come from anybody, and a program that it names is run only where its owner could run anything here: the
// interpreter, what it is a link to, its folder and its environment.
static bool is_safe_to_run(const char *python)
{
	_cleanup_free_ char *folder = strdup(python), *environment = strdup(python);
	if (!folder || !environment)
		return false;
	return is_trusted(python, false) && is_trusted(python, true) && is_trusted(dirname(folder), true) &&
		is_trusted(dirname(dirname(environment)), true);
}

static struct ff_error *facts_of_plan(struct ff_fix_request *r, struct ff_fix_plan *plan)
{
	const char *known = ff_json_text(r->facts, "python.executable");
	if (known && strcmp(known, plan->python) == 0)
		return NULL;
	if (access(plan->python, X_OK) < 0) {
		plan->by_hand = "its interpreter is not on this machine";
		return NULL;
	}
	if (!r->python && !is_safe_to_run(plan->python)) {
		plan->by_hand = "its interpreter, which only the log names, may be changed by other users: "
				"--python takes it";
		return NULL;
	}
	json_t *facts = NULL;
	struct ff_error *err = ff_fix_facts(plan->python, &facts);
	if (err)
		return err;
	json_decref(r->facts);
	r->facts = facts;
	return NULL;
}

struct ff_error *ff_fix_plan_for(struct ff_fix_request *r, const json_t *fix, struct ff_fix_plan *ret)
{
	struct ff_error *err = ff_fix_plan_make(fix, ff_json_text(r->facts, "python.executable"), ret);
	if (err || ret->by_hand)
		return err;
	if (is_foreign(r)) {
		ret->foreign = true;
		ret->by_hand = "the log is not of this machine as it is now";
		return NULL;
	}
	err = ret->python ? facts_of_plan(r, ret) : NULL;
	if (err)
		ff_fix_plan_deinit(ret);
	return err;
}
