// firstfix explain: a failure log and the machine's facts in, root cause and first fix out.
#include "cli/command.h"
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
	bool no_facts, save;
};

static struct ff_error *facts_for(const struct sources *from, struct ff_facts **ret)
{
	if (from->no_facts)
		return NULL;
	return from->facts ? ff_facts_read(from->facts, ret) : ff_collect(NULL, ret);
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

static int explain(const struct sources *from, int fd, const char *name, const struct ff_output *output)
{
	struct ff_facts *facts = NULL;
	struct ff_diagnosis *diagnosis = NULL;
	char *text = NULL;
	struct ff_error *err = facts_for(from, &facts);
	catch_interrupt();
	if (!err)
		err = ff_explain(&(struct ff_explain_options){.facts = facts,
					 .log_fd = fd,
					 .log_name = name,
					 .rules_dir = from->rules,
					 .facts_of = !from->facts && facts ? "this machine" : NULL,
					 .facts_assumed = !from->facts && facts,
					 .worker = from->worker,
					 .stop = &interrupted},
			&diagnosis);
	if (!err && from->save)
		err = save(name, facts, diagnosis);
	struct ff_style style = ff_output_style(output);
	if (!err)
		err = ff_diagnosis_render(diagnosis, ff_output_format(output), &style, &text);
	int code = err ? ff_fail("explain", err) : ff_diagnosis_is_error(diagnosis) ? 1 : 0;
	if (!err && !ff_output_write("explain", output, text))
		code = 2;
	free(text);
	ff_diagnosis_free(diagnosis);
	ff_facts_free(facts);
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

int ff_cmd_explain(int argc, char **argv)
{
	struct sources from = {0};
	struct ff_output output = {0};
	const struct ff_option options[] = {
		{"facts", 0, FF_OPT_TEXT, "FILE",
			"facts of the machine that failed ('firstfix report --json'); default: this one", &from.facts},
		{"worker", 0, FF_OPT_TEXT, "NAME",
			"where this machine is not the log's: use the start-up report of that run of 'firstfix run' "
			"(its id, or a word "
			"of its command)",
			&from.worker},
		{"no-facts", 0, FF_OPT_FLAG, NULL, "use the log alone", &from.no_facts},
		{"rules", 0, FF_OPT_TEXT, "DIR", "a folder of more rules", &from.rules},
		{"save", 0, FF_OPT_FLAG, NULL, "store it as an incident ('firstfix incidents')", &from.save},
		FF_OUTPUT_OPTIONS(&output),
	};
	const struct ff_usage usage = {
		.command = "explain",
		.operands = "[LOG | -]",
		.summary = "from a failure log to the root cause and the one fix to try first",
		.details = "Without LOG, or with -, the log is read from standard input:\n"
			   "  docker logs worker 2>&1 | firstfix explain\n"
			   "Exit code 0: nothing wrong found, or only stopped; 1: it failed, whether or not the cause is "
			   "known; 2: wrong use or unreadable input.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_max = 1,
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	const char *path = parsed.n_operands ? parsed.operands[0] : "-";
	free(parsed.operands);
	if (from.facts && from.no_facts)
		return ff_usage_error("explain", "--facts and --no-facts exclude each other");
	return explain_file(&from, path, &output);
}
