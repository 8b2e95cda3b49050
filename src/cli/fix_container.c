// A container is not changed from outside: what is put into it is gone at its next start, so its image or its start has
// to change. What is to be run is written here, and run by nobody.
//
//	docker exec worker sh -c '/usr/bin/python3 -m pip install '\''numpy<2'\'''     until its next start
//	RUN /usr/bin/python3 -m pip install 'numpy<2'                                  in the Dockerfile of its image
#include "cli/fix_container.h"

#include "base/complain.h"
#include "base/shell.h"

// ---- what is wrong in it ----

static struct ff_error *as_json(struct ff_error *err, char *text, const char *name, json_t **ret)
{
	if (!err)
		err = ff_json_parse(name, text, strlen(text), ret);
	free(text);
	return err;
}

static struct ff_error *explain(
	const struct ff_container *c, const struct ff_facts *facts, int fd, const char *name, json_t **ret_diagnosis)
{
	struct ff_diagnosis *diagnosis = NULL;
	char *text = NULL;
	struct ff_error *err = ff_explain(&(struct ff_explain_options){.facts = facts,
						  .log_fd = fd,
						  .log_name = name,
						  .facts_of = c->words,
						  .worker = c->id[0] ? c->id : NULL},
		&diagnosis);
	if (!err)
		err = ff_diagnosis_render(diagnosis, FF_JSON, NULL, &text);
	ff_diagnosis_free(diagnosis);
	return as_json(err, text, "diagnosis", ret_diagnosis);
}

struct ff_error *ff_fix_container_read(
	const struct ff_container *c, int fd, const char *name, json_t **ret_diagnosis, json_t **ret_facts)
{
	struct ff_facts *facts = NULL;
	struct ff_command_stream log = {.fd = -1};
	char *text = NULL;
	bool cut = false;
	struct ff_error *err = ff_container_facts(c, &(struct ff_collect_options){0}, &facts);
	if (!err)
		err = ff_facts_render(facts, FF_JSON, NULL, &text);
	err = as_json(err, text, "facts", ret_facts);
	if (!err && fd < 0)
		err = ff_container_log(c, &log);
	if (!err)
		err = explain(c, facts, fd < 0 ? log.fd : fd, fd < 0 ? c->words : name, ret_diagnosis);
	if (log.fd >= 0) {
		struct ff_error *ended = ff_container_log_close(c, &log, &cut);
		if (cut)
			ff_complain("firstfix fix: the log of %s was not whole in time; its end is missing", c->words);
		if (err)
			ff_error_free(ended);
		else
			err = ended;
	}
	ff_facts_free(facts);
	return err;
}

// ---- what is to be run ----

static void quoted(struct ff_buf *b, const char *before, const char *word)
{
	ff_buf_str(b, before);
	ff_shell_quote(b, ff_span_of(word));
}

static const char *program_of(const struct ff_container *c)
{
	const char *slash = strrchr(c->program, '/');
	return slash ? slash + 1 : c->program;
}

// kubectl and crictl exec as the container's own user only.
static bool may_be_root(const struct ff_container *c)
{
	const char *base = program_of(c);
	return strcmp(base, "kubectl") != 0 && strcmp(base, "crictl") != 0;
}

// "docker exec worker sh -c", "kubectl exec -n ml gpu-0 -c main -- sh -c", "crictl exec 4f2c sh -c".
static void write_exec(const struct ff_container *c, bool as_root, struct ff_buf *b)
{
	const char *base = program_of(c);
	ff_buf_printf(b, "%s exec%s", base, as_root ? " -u 0" : "");
	if (strcmp(base, "kubectl") != 0) {
		quoted(b, " ", c->pod[0] ? c->id : c->name);
		ff_buf_str(b, " sh -c ");
		return;
	}
	if (c->space[0])
		quoted(b, " -n ", c->space);
	quoted(b, " ", c->pod);
	if (c->name[0])
		quoted(b, " -c ", c->name);
	ff_buf_str(b, " -- sh -c ");
}

static void say_variables(const json_t *fix, struct ff_buf *b)
{
	const char *name;
	json_t *value;
	size_t i;
	ff_buf_str(b, "Nothing was changed. At its next start the container needs:\n");
	json_object_foreach (json_object_get(fix, "set"), name, value) {
		ff_buf_printf(b, "    %s=", name);
		ff_shell_quote(b, ff_span_of(json_string_value(value)));
		ff_buf_char(b, '\n');
	}
	json_array_foreach (json_object_get(fix, "unset"), i, value)
		ff_buf_printf(b, "    no %s\n", json_string_value(value));
	ff_buf_str(b, "(-e NAME=value for docker and podman, env: of the container in a pod.)");
}

struct ff_error *ff_fix_container_say(const struct ff_container *c, const struct ff_fix_plan *plan, char **ret)
{
	_cleanup_buf_ struct ff_buf b = {0};
	const char *direct = ff_json_text(plan->fix, "in_environment"), *command = ff_json_text(plan->fix, "command");
	bool closed = command && ff_starts(command, "RUN "); // its own user may not write there
	command = direct ? direct : command;
	if (plan->by_hand || !ff_fix_plan_does_something(plan)) {
		ff_buf_str(&b, "Nothing was changed: this one is for a person.");
	} else if (!plan->n_steps) {
		say_variables(plan->fix, &b);
	} else {
		ff_buf_str(&b, "Nothing was changed: a container is not changed from outside.\n");
		if (!closed || may_be_root(c)) {
			ff_buf_str(&b, "Until its next start:\n    ");
			write_exec(c, closed, &b);
			ff_shell_quote(&b, ff_span_of(command));
			ff_buf_char(&b, '\n');
		}
		ff_buf_printf(&b, "For good, in the Dockerfile of its image:\n    RUN %s", command);
	}
	return ff_buf_finish(&b, ret);
}
