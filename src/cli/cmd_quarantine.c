// firstfix quarantine: inputs that were in work when workers died.
//
//	$ firstfix quarantine
//	INPUT                             KILLS  HOW      LAST                      REQUEST
//	9f86d081884c7d659a2feaa0c55ad015      2  SIGSEGV  2026-11-23T03:14:03.123Z  42
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/clean.h"
#include "base/cleanup.h"
#include "base/complain.h"
#include "base/statedir.h"
#include "store/quarantine.h"

#include <stdio.h>
#include <string.h>

// A text of the folder's files, which others may have written, as it may stand in a line.
static char *cell(const json_t *row, const char *key)
{
	_cleanup_buf_ struct ff_buf text = {0};
	const char *given = ff_json_text(row, key);
	ff_clean(&text, ff_span_of(given && *given ? given : "-"), false);
	return text.failed ? NULL : ff_take(&text.p);
}

static void print_row(const json_t *row)
{
	_cleanup_free_ char *how = cell(row, "how"), *last = cell(row, "last"), *request = cell(row, "request");
	printf("%-32s  %5lld  %-12.12s  %-24.24s  %s\n", ff_json_text(row, "input"),
		(long long)json_integer_value(json_object_get(row, "kills")), how ? how : "-", last ? last : "-",
		request ? request : "-");
}

static int print_list(const char *dir, bool json)
{
	_cleanup_json_ json_t *list = NULL, *doc = NULL;
	size_t i;
	json_t *row;
	struct ff_error *err = ff_quarantine_list(dir, &list);
	if (err)
		return ff_fail("quarantine", err);
	if (json) {
		doc = json_pack("{s:s, s:O}", "schema", "firstfix.quarantine/1", "inputs", list);
		_cleanup_free_ char *text = doc ? json_dumps(doc, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
		printf("%s\n", text ? text : "{}");
		return 0;
	}
	if (json_array_size(list) == 0) {
		puts("No input was in work when a worker died.");
		return 0;
	}
	printf("%-32s  %5s  %-12s  %-24s  %s\n", "INPUT", "KILLS", "HOW", "LAST", "REQUEST");
	json_array_foreach (list, i, row)
		print_row(row);
	return 0;
}

int ff_cmd_quarantine(int argc, char **argv)
{
	const char *dir = NULL, *release = NULL;
	bool json = false, all = false;
	const struct ff_option options[] = {
		{"release", 0, FF_OPT_TEXT, "INPUT", "let this one through again", &release},
		{"release-all", 0, FF_OPT_FLAG, NULL, "let all through again", &all},
		{"json", 0, FF_OPT_FLAG, NULL, "firstfix.quarantine/1", &json},
		FF_DIR_OPTION(dir),
	};
	const struct ff_usage usage = {
		.command = "quarantine",
		.operands = "",
		.summary = "inputs that were in work when workers died, and what is refused",
		.details = "With 'firstfix run --quarantine N' an input that was in work when N workers died is "
			   "refused by the Python\n"
			   "package's hook. An input is known by a keyed hash alone. After a week without a death it "
			   "is let through again.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	free(parsed.operands);
	unsigned n = 0;
	struct ff_error *err = ff_statedir_check(dir);
	if (!err && !release && !all)
		return print_list(dir, json);
	if (!err)
		err = ff_quarantine_release(dir, all ? NULL : release, &n);
	if (err)
		return ff_fail("quarantine", err);
	printf("released: %u\n", n);
	return n || all ? 0 : 1;
}
