// firstfix report: the facts of this machine, of a process or of a captured machine.
#include "cli/command.h"
#include "cli/container.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/complain.h"

#include <stdio.h>
#include <stdlib.h>

static int list_probes(void)
{
	const char *name, *help;
	for (size_t i = 0; ff_probe_at(i, &name, &help); i++)
		printf("%-14s %s\n", name, help);
	return 0;
}

// The document that --save keeps beside the text: what `firstfix run` does at a start.
static struct ff_error *save(const struct ff_facts *facts, const char *path, bool *ret_written)
{
	char *text;
	struct ff_error *err = ff_facts_render(facts, FF_JSON, NULL, &text);
	if (err)
		return err;
	*ret_written = ff_output_write("report", &(struct ff_output){.file = path}, text);
	free(text);
	return NULL;
}

static int print_report(const struct ff_container_request *in, const struct ff_collect_options *collect,
	const struct ff_output *output, const char *save_to, bool brief)
{
	struct ff_facts *facts;
	char of[FF_CONTAINER_WORDS_MAX];
	struct ff_error *err = ff_container_collect(in, collect, of, &facts);
	if (err)
		return ff_fail("report", err);
	char *text = NULL;
	bool saved = true;
	struct ff_style style = ff_output_style(output);
	style.brief = brief;
	if (save_to)
		err = save(facts, save_to, &saved);
	if (!err)
		err = ff_facts_render(facts, ff_output_format(output), &style, &text);
	ff_facts_free(facts);
	return ff_answer("report", output, err, text, saved ? 0 : 2);
}

int ff_cmd_report(int argc, char **argv)
{
	struct ff_collect_options collect = {0};
	struct ff_container_request in = {0};
	struct ff_output output = {0};
	const char *save_to = NULL;
	bool list = false, brief = false;
	unsigned pid = 0;
	const struct ff_option options[] = {
		FF_OUTPUT_OPTIONS(&output),
		FF_LINE_OPTION(&output),
		{"only", 0, FF_OPT_TEXT, "NAMES", "only these probes, comma-separated", &collect.only},
		{"brief", 0, FF_OPT_FLAG, NULL, "only what decides whether a worker starts", &brief},
		{"save", 0, FF_OPT_TEXT, "FILE", "also keep the JSON document there", &save_to},
		{"list", 0, FF_OPT_FLAG, NULL, "the probes, one line each", &list},
		{"deadline", 0, FF_OPT_UINT, "MS", "what has not answered by then is a miss (default 5000)",
			&collect.deadline_ms},
		FF_PYTHON_OPTION(collect.python),
		{"pid", 0, FF_OPT_UINT, "PID", "look at this process: its interpreter, environment, mapped libraries",
			&pid},
		FF_CONTAINER_OPTIONS(&in),
		{"environ", 0, FF_OPT_TEXT, "FILE",
			"with --pid: its variables as they are now, NUL-separated (/proc/PID/environ is of its start)",
			&collect.environ_file},
		FF_ROOT_OPTION(collect.root),
		FF_IMAGE_OPTION(collect.image),
		{"trigger", 0, FF_OPT_TEXT, "WORD", "why the report is made; stands in the document (default report)",
			&collect.trigger},
	};
	const struct ff_usage usage = {
		.command = "report",
		.operands = "",
		.summary = "the environment of a GPU worker, complete and true, in milliseconds",
		.details = "No Python is started and torch is not imported. Secrets are masked.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	free(parsed.operands);
	if (output.line)
		ff_complain_as_asked();
	if (list)
		return list_probes();
	if (!!pid + !!collect.root + !!collect.image + (in.container || in.pod) > 1)
		return ff_usage_error("report", "a container, --image, --pid and --root exclude each other");
	if (collect.environ_file && !pid)
		return ff_usage_error("report", "--environ goes with --pid");
	collect.pid = (pid_t)pid;
	if (collect.image)
		ff_interrupt_torn(
			"firstfix report: the image was cut short while it was read: ask again once it is whole");
	return print_report(&in, &collect, &output, save_to, brief);
}
