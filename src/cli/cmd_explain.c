// firstfix explain: a failure log and the machine's facts in, root cause and first fix out.
#include "cli/command.h"
#include "cli/container.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/complain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int interrupted;

static void interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

// Ctrl-C on a log that never ends shows what was found so far; a second one ends the program.
static void catch_interrupt(void)
{
	struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
	sigaction(SIGINT, &action, NULL);
}

struct sources {
	const char *facts, *rules, *worker;
	struct ff_container_request in;
	struct ff_container container; // all zero without one
	struct ff_command_stream *log; // of the container, NULL when the log is another
	bool no_facts, save;
};

/** Where facts are from, and why there are none. */
struct known {
	struct ff_facts *facts;
	const char *of;
	bool assumed;
	struct ff_error *none;
};

// A container's facts, or why it has none: its log is explained all the same, by a start-up report of it or by itself.
static void facts_inside(const struct sources *from, struct known *k)
{
	const struct ff_container *container = &from->container;
	k->none = ff_container_facts(container, &(struct ff_collect_options){0}, &k->facts);
	k->assumed = k->none && (from->worker || container->id[0]);
	k->of = k->none ? ff_error_message(k->none) : container->words;
}

static struct ff_error *facts_for(const struct sources *from, struct known *k)
{
	if (from->no_facts)
		return NULL;
	if (from->facts)
		return ff_facts_read(from->facts, &k->facts);
	if (from->container.program) {
		facts_inside(from, k);
		return NULL;
	}
	k->of = "this machine";
	k->assumed = true;
	return ff_collect(NULL, &k->facts);
}

static struct ff_error *save(const char *name, const struct ff_facts *facts, const struct ff_diagnosis *diagnosis)
{
	struct ff_incident *incident = NULL;
	struct ff_error *err = ff_incident_save(NULL, name, facts, diagnosis, &incident);
	if (!err)
		ff_complain("Stored as incident %s", ff_incident_id(incident));
	ff_incident_free(incident);
	return err;
}

static struct ff_error *end_log(const struct sources *from)
{
	bool cut = false;
	struct ff_error *err = ff_container_log_close(&from->container, from->log, &cut);
	if (cut)
		ff_complain("firstfix explain: the log of %s was not whole in time; its end is missing",
			from->container.words);
	if (!interrupted)
		return err;
	ff_error_free(err); // we ended it
	return NULL;
}

// Docker, containerd and the kubelet name the file of a container's log by its id: 64 hex digits.
static const char *id_in_path(const char *path, char ret[65])
{
	enum { ID = 64 };
	for (const char *p = path; *p; p += *p != '\0') {
		size_t n = strspn(p, "0123456789abcdef");
		if (n == ID) {
			snprintf(ret, ID + 1, "%s", p);
			return ret;
		}
		p += n;
	}
	return NULL;
}

static struct ff_error *diagnose(
	const struct sources *from, const struct known *known, int fd, const char *name, struct ff_diagnosis **ret)
{
	char in_path[65];
	const char *id = from->container.id[0] ? from->container.id : id_in_path(name, in_path);
	struct ff_error *err = ff_explain(&(struct ff_explain_options){.facts = known->facts,
						  .log_fd = fd,
						  .log_name = name,
						  .rules_dir = from->rules,
						  .facts_of = known->of,
						  .facts_assumed = known->assumed,
						  .worker = from->worker ? from->worker : id,
						  .stop = &interrupted},
		ret);
	struct ff_error *ended = from->log ? end_log(from) : NULL;
	if (ended && known->none) // one cause of both, mostly, and this one says it
		ff_complain("firstfix explain: %s", known->of);
	if (!err)
		return ended;
	ff_error_free(ended);
	return err;
}

static int explain(const struct sources *from, int fd, const char *name, const struct ff_output *output)
{
	struct ff_diagnosis *diagnosis = NULL;
	char *text = NULL;
	struct known known = {0};
	struct ff_error *err = facts_for(from, &known);
	catch_interrupt();
	if (!err)
		err = diagnose(from, &known, fd, name, &diagnosis);
	if (!err && from->save)
		err = save(name, known.facts, diagnosis);
	struct ff_style style = ff_output_style(output);
	if (!err)
		err = ff_diagnosis_render(diagnosis, ff_output_format(output), &style, &text);
	int code = ff_answer("explain", output, err, text, !err && ff_diagnosis_is_error(diagnosis));
	ff_diagnosis_free(diagnosis);
	ff_facts_free(known.facts);
	ff_error_free(known.none);
	return code;
}

static int explain_file(const struct sources *from, const char *path, const struct ff_output *output)
{
	if (strcmp(path, "-") == 0) {
		if (isatty(STDIN_FILENO))
			ff_complain("firstfix explain: reading the log from the terminal; end it with Ctrl-D");
		return explain(from, STDIN_FILENO, "standard input", output);
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		ff_complain("firstfix explain: %s: %s", path, strerror(errno));
		return 2;
	}
	int code = explain(from, fd, path, output);
	close(fd);
	return code;
}

static int explain_container(struct sources *from, const char *path, const struct ff_output *output)
{
	struct ff_command_stream log = {.fd = -1};
	int code;
	struct ff_error *err = ff_container_find(&from->in, &from->container);
	if (!err && path) {
		code = explain_file(from, path, output);
	} else {
		from->log = &log;
		if (!err)
			err = ff_container_log(&from->container, &log);
		code = err ? ff_fail("explain", err) : explain(from, log.fd, from->container.words, output);
	}
	ff_container_deinit(&from->container);
	return code;
}

int ff_cmd_explain(int argc, char **argv)
{
	struct sources from = {0};
	struct ff_output output = {0};
	const struct ff_option options[] = {
		{"facts", 0, FF_OPT_TEXT, "FILE",
			"facts of the machine that failed ('firstfix report --json'); default: this one", &from.facts},
		FF_CONTAINER_OPTIONS(&from.in),
		{"worker", 0, FF_OPT_TEXT, "NAME",
			"use the start-up report of that run of 'firstfix run' (its id, its container's, or a word of "
			"its command)",
			&from.worker},
		{"no-facts", 0, FF_OPT_FLAG, NULL, "use the log alone", &from.no_facts},
		FF_RULES_OPTION(from.rules),
		{"save", 0, FF_OPT_FLAG, NULL, "store it as an incident ('firstfix incidents')", &from.save},
		FF_OUTPUT_OPTIONS(&output),
	};
	const struct ff_usage usage = {
		.command = "explain",
		.operands = "[LOG | -]",
		.summary = "from a failure log to the root cause and the one fix to try first",
		.details =
			"Without LOG the container's own log is read, and without a container standard input, as "
			"with -:\n"
			"  firstfix explain --container worker\n"
			"  kubectl logs --previous worker-0 | firstfix explain --pod worker-0 -\n"
			"A container that is stopped is explained from its log and, where there is one, from the "
			"start-up report\nthat 'firstfix run' stored of it.\n"
			"Exit code 0: nothing wrong found, or only stopped; 1: it failed, whether or not the cause is "
			"known; 2: wrong use or unreadable input.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_max = 1,
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	const char *path = parsed.n_operands ? parsed.operands[0] : NULL;
	free(parsed.operands);
	if (from.facts && from.no_facts)
		return ff_usage_error("explain", "--facts and --no-facts exclude each other");
	if (from.in.container || from.in.pod)
		return from.facts ? ff_usage_error("explain", "--facts and a container exclude each other")
				  : explain_container(&from, path, &output);
	return explain_file(&from, path ? path : "-", &output);
}
