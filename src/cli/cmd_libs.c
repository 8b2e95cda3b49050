// firstfix libs: one native library or program, seen as ldd, cuobjdump --list-elf and readelf -V would show it.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include <stdlib.h>

int ff_cmd_libs(int argc, char **argv)
{
	struct ff_collect_options collect = {0};
	struct ff_output output = {0};
	unsigned pid = 0;
	const struct ff_option options[] = {
		FF_OUTPUT_OPTIONS(&output),
		{"python", 0, FF_OPT_TEXT, "PATH",
			"whose packages to look in (default: those of a worker's interpreter)", &collect.python},
		{"pid", 0, FF_OPT_UINT, "PID", "with the environment and the files of this process", &pid},
		FF_ROOT_OPTION(collect.root),
	};
	const struct ff_usage usage = {
		.command = "libs",
		.operands = "FILE|PACKAGE",
		.summary = "what a native library carries and needs: GPU code, dependencies, symbol versions",
		.details = "ldd, cuobjdump --list-elf and readelf -V in one, and nothing of the file is executed. Exit "
			   "code 1 when a\n"
			   "library or a symbol version is missing.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_min = 1,
		.operands_max = 1,
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	collect.pid = (pid_t)pid;
	struct ff_style style = ff_output_style(&output);
	char *text = NULL;
	bool ok = false;
	struct ff_error *err = ff_libs(&collect, parsed.operands[0], ff_output_format(&output), &style, &ok, &text);
	free(parsed.operands);
	return ff_answer("libs", &output, err, text, !ok);
}
