// firstfix incident: the step that the supervisor runs at a death; for people there is `firstfix incidents`.
//
// The verdict goes to stdout, what is for people to stderr, which is the worker's own: whoever reads its log reads it
// there.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/complain.h"
#include "base/logline.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct ff_style style_of_stderr(void)
{
	struct ff_style style = ff_output_style(&(struct ff_output){0});
	style.colour = style.colour && isatty(STDERR_FILENO);
	style.columns = 0;
	return style;
}

static int record(const char *death)
{
	struct ff_incident *incident = NULL;
	struct ff_error *unstored = NULL;
	char *text = NULL, *verdict = NULL;
	struct ff_error *err = ff_incident_from_death(death, &incident, &unstored);
	struct ff_style style = style_of_stderr();
	style.brief = !err && ff_incident_was_told(incident);
	bool line = ff_logline_wanted();
	if (!err)
		err = line ? ff_incident_log_line(incident, &text)
			   : ff_incident_render(incident, FF_TEXT, &style, &text);
	if (!err)
		fputs(text, stderr);
	if (unstored) {
		ff_complain("firstfix: the incident could not be stored: %s", ff_error_message(unstored));
		ff_error_free(unstored);
	} else if (!err && !line && !style.brief) { // what was told already says where it lies
		ff_complain("Stored as incident %s: firstfix incidents show %s; firstfix bundle %s",
			ff_incident_id(incident), ff_incident_id(incident), ff_incident_id(incident));
	}
	if (!err)
		err = ff_incident_verdict_text(incident, &verdict);
	if (!err)
		fputs(verdict, stdout);
	free(text);
	free(verdict);
	ff_incident_free(incident);
	return err ? ff_fail("incident", err) : 0;
}

static int record_failure(const char *dir, const char *failure)
{
	char *answer = NULL;
	struct ff_style style = ff_output_style(&(struct ff_output){0});
	style.colour = false;
	struct ff_error *err = ff_incident_from_failure(dir, failure, &style, &answer);
	if (!err)
		puts(answer);
	free(answer);
	return err ? ff_fail("incident", err) : 0;
}

static int tell_of_left(const char *dir)
{
	char *text = NULL;
	struct ff_style style = style_of_stderr();
	struct ff_error *err = ff_incident_left(dir, &style, &text);
	if (!err)
		fputs(text, stdout);
	free(text);
	return err ? ff_fail("incident", err) : 0;
}

int ff_cmd_incident(int argc, char **argv)
{
	const char *from = NULL, *attempt = NULL, *result = NULL, *say = NULL, *good = NULL, *key = NULL, *dir = NULL,
		   *failure = NULL, *again = NULL, *token = NULL;
	unsigned times = 1;
	bool left = false;
	const struct ff_option options[] = {
		{"from", 0, FF_OPT_TEXT, "DEATH.json", "diagnose and store this death; the verdict goes to stdout",
			&from},
		{"failure", 0, FF_OPT_TEXT, "FAILURE.json",
			"diagnose and store what a living process tells of itself; '-' is standard input", &failure},
		{"left", 0, FF_OPT_FLAG, NULL, "tell of processes that ended without a word, by the lanes they left",
			&left},
		{"again", 0, FF_OPT_TEXT, "ID", "this incident came again", &again},
		{"times", 0, FF_OPT_UINT, "N", "with --again: so often (default 1)", &times},
		{"token", 0, FF_OPT_TEXT, "TEXT", "with --again: of several with the same one the first counts",
			&token},
		{"attempt", 0, FF_OPT_TEXT, "ID", "note what became of an attempt to recover from this incident",
			&attempt},
		{"result", 0, FF_OPT_TEXT, "WORD", "with --attempt: passed or failed", &result},
		{"say", 0, FF_OPT_TEXT, "TEXT", "with --attempt: one sentence", &say},
		{"good-start", 0, FF_OPT_TEXT, "REPORT.json", "remember this start-up report as the last good start",
			&good},
		{"command-key", 0, FF_OPT_TEXT, "KEY", "with --good-start: of which command", &key},
		FF_DIR_OPTION(dir),
	};
	const struct ff_usage usage = {.command = "incident",
		.operands = "",
		.summary = "the step that 'firstfix run' takes when its worker dies, and a worker at a failure",
		.details = "People want 'firstfix incidents'. The documents are described in src/supervise/death.h and "
			   "src/incident/incident.h.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0])};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	free(parsed.operands);
	ff_complain_as_asked();
	if (from)
		return record(from);
	if (failure)
		return record_failure(dir, failure);
	if (left)
		return tell_of_left(dir);
	struct ff_error *err;
	if (again)
		err = ff_incident_again(dir, again, times, token);
	else if (attempt && result)
		err = ff_incident_attempted(dir, attempt, result, say);
	else if (good && key)
		err = ff_incident_good_start(dir, good, key);
	else
		return ff_usage_error("incident",
			"wants --from, --failure, --again, --attempt with --result, or --good-start with "
			"--command-key");
	return err ? ff_fail("incident", err) : 0;
}
