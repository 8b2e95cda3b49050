// firstfix rules: list them, look at a file of them before it is used, run their cases.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
	struct ff_output output;
	const char *rules;
	char **operands;
	size_t n;
};

static int list(void *request)
{
	const struct request *r = request;
	char *text = NULL;
	struct ff_style style = ff_output_style(&r->output);
	struct ff_error *err = ff_rules_render(r->rules, ff_output_format(&r->output), &style, &text);
	return ff_answer("rules", &r->output, err, text, 0);
}

static int lint(void *request)
{
	const struct request *r = request;
	if (r->n < 2)
		return ff_usage_error("rules", "lint wants a file or a folder");
	int code = 0;
	for (size_t i = 1; i < r->n; i++) {
		struct ff_error *err = ff_rules_lint(r->operands[i]);
		if (err)
			code = ff_fail("rules", err);
		else
			printf("%s: nothing wrong found\n", r->operands[i]);
	}
	return code;
}

static int test(void *request)
{
	const struct request *r = request;
	char *text = NULL;
	size_t failed = 0;
	const char *dir = r->n > 1 ? r->operands[1] : r->rules ? r->rules : getenv("FIRSTFIX_RULES");
	if (!dir || !*dir)
		dir = "/etc/firstfix/rules.d";
	struct ff_style style = ff_output_style(&r->output);
	struct ff_error *err = ff_rules_run_cases(dir, ff_output_format(&r->output), &style, &failed, &text);
	return ff_answer("rules", &r->output, err, text, failed != 0);
}

int ff_cmd_rules(int argc, char **argv)
{
	static const struct ff_verb verbs[] = {{"list", list}, {"lint", lint}, {"test", test}};
	struct request r = {0};
	const struct ff_option options[] = {
		FF_OUTPUT_OPTIONS(&r.output),
		FF_RULES_OPTION(r.rules),
	};
	const struct ff_usage usage = {
		.command = "rules",
		.operands = "[list | lint FILE... | test [DIR]]",
		.summary = "list rules, check a file of them, run their cases",
		.details =
			"lint: a file or folder of rules; says file and line of what is wrong.\n"
			"test: every *.case of DIR and DIR/cases with the rules of DIR (default: $FIRSTFIX_RULES, "
			"/etc/firstfix/rules.d).\n"
			"Exit code 0: all is well; 1: a case failed; 2: a rule is wrong, or input could not be read.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_max = SIZE_MAX,
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	r.operands = parsed.operands;
	r.n = parsed.n_operands;
	int code = ff_verb_run("rules", verbs, sizeof(verbs) / sizeof(verbs[0]), r.n ? r.operands[0] : NULL, &r);
	free(parsed.operands);
	return code;
}
