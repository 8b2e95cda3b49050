// firstfix diff: what changed between two reports, or between the last good start and now.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/complain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct comparison {
	const char *before, *after, *log, *dir, *key;
};

static struct ff_error *facts_of(const struct comparison *c, const char *name, struct ff_facts **ret)
{
	if (strcmp(name, "now") == 0)
		return ff_collect(&(struct ff_collect_options){.trigger = "diff"}, ret);
	if (strcmp(name, "last-good") == 0)
		return ff_facts_last_good(c->dir, c->key, ret);
	return ff_facts_read(name, ret);
}

static int log_of(const struct comparison *c)
{
	int fd = c->log ? open(c->log, O_RDONLY | O_CLOEXEC) : -1;
	if (c->log && fd < 0)
		ff_complain("firstfix diff: %s: %s", c->log, strerror(errno));
	return fd;
}

static int compare(const struct comparison *c, const struct ff_output *output)
{
	struct ff_facts *before = NULL, *after = NULL;
	struct ff_diagnosis *diagnosis = NULL;
	char *text = NULL;
	size_t changes = 0;
	int fd = log_of(c);
	if (c->log && fd < 0)
		return 2;
	struct ff_style style = ff_output_style(output);
	struct ff_error *err = facts_of(c, c->before, &before);
	if (!err)
		err = facts_of(c, c->after, &after);
	if (!err)
		err = ff_explain(
			&(struct ff_explain_options){.facts = after, .log_fd = fd, .log_name = c->log, .check = true},
			&diagnosis);
	if (!err)
		err = ff_facts_compare(before, after, diagnosis, ff_output_format(output), &style, &changes, &text);
	int code = ff_answer("diff", output, err, text, changes != 0);
	if (fd >= 0)
		close(fd);
	ff_diagnosis_free(diagnosis);
	ff_facts_free(before);
	ff_facts_free(after);
	return code;
}

int ff_cmd_diff(int argc, char **argv)
{
	struct comparison c = {0};
	struct ff_output output = {0};
	const struct ff_option options[] = {
		FF_OUTPUT_OPTIONS(&output),
		{"log", 0, FF_OPT_TEXT, "LOG", "the failure at hand: what its diagnosis rests on comes first", &c.log},
		FF_DIR_OPTION(c.dir),
		{"command-key", 0, FF_OPT_TEXT, "KEY", "whose last good start (default: the newest of any command)",
			&c.key},
	};
	const struct ff_usage usage = {
		.command = "diff",
		.operands = "BEFORE [AFTER]",
		.summary = "what changed between two reports, or since the last good start",
		.details = "BEFORE and AFTER are files of 'firstfix report --json', or 'now', or 'last-good'. Without "
			   "AFTER: now.\n"
			   "  firstfix diff last-good now\n"
			   "Exit code 0: nothing telling changed; 1: something did; 2: wrong use or unreadable input.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_min = 1,
		.operands_max = 2,
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	c.before = parsed.operands[0];
	c.after = parsed.n_operands > 1 ? parsed.operands[1] : "now";
	free(parsed.operands);
	return compare(&c, &output);
}
