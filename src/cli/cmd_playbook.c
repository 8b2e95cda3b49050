// firstfix playbook CAUSE: one page on a cause, without any failure at hand.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include <stdlib.h>

int ff_cmd_playbook(int argc, char **argv)
{
	struct ff_output output = {0};
	const char *rules = NULL;
	const struct ff_option options[] = {
		FF_OUTPUT_OPTIONS(&output),
		FF_RULES_OPTION(rules),
	};
	const struct ff_usage usage = {
		.command = "playbook",
		.operands = "[CAUSE]",
		.summary = "what a cause looks like, what to check, what fixes it",
		.details =
			"CAUSE is the name that explain prints, such as bnb.binary-missing. Without it: every cause.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_max = 1,
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	const char *cause = parsed.n_operands ? parsed.operands[0] : NULL;
	free(parsed.operands);
	char *text = NULL;
	struct ff_style style = ff_output_style(&output);
	struct ff_error *err = ff_playbook_render(cause, rules, ff_output_format(&output), &style, &text);
	return ff_answer("playbook", &output, err, text, 0);
}
