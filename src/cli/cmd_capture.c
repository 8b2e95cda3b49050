// firstfix capture: what a report reads of this machine, copied into a folder, masked.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>

int ff_cmd_capture(int argc, char **argv)
{
	struct ff_collect_options collect = {.trigger = "capture"};
	unsigned pid = 0;
	const struct ff_option options[] = {
		{"deadline", 0, FF_OPT_UINT, "MS", "what has not answered by then is left out (default 5000)",
			&collect.deadline_ms},
		FF_PYTHON_OPTION(collect.python),
		{"pid", 0, FF_OPT_UINT, "PID", "capture this process's view of the machine", &pid},
	};
	const struct ff_usage usage = {
		.command = "capture",
		.operands = "DIR",
		.summary = "copy what a report reads into DIR, masked, for 'firstfix report --root DIR' elsewhere",
		.details = "DIR must not exist or be empty; nothing is written outside it. Of large libraries only the "
			   "parts that "
			   "were read are copied: pack the folder with 'tar -S'. What was left out stands in "
			   "DIR/.firstfix/live.json.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_min = 1,
		.operands_max = 1,
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	collect.pid = (pid_t)pid;
	struct ff_error *err = ff_capture(&collect, parsed.operands[0]);
	free(parsed.operands);
	return err ? ff_fail("capture", err) : 0;
}
