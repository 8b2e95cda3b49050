// firstfix top: hands over to firstfix-top, the program that draws (top.c), with the address of the agent to ask.
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/sibling.h"

#include "base/complain.h"
#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH_MIN = 20, WIDTH_MAX = 1000 };

static int hand_over(const char *url, bool once, bool ascii, unsigned width)
{
	char program[PATH_MAX], columns[32];
	const char *argv[6] = {"firstfix-top", url};
	size_t n = 2;
	if (!ff_sibling_find("firstfix-top", FF_TOP, program, sizeof(program))) {
		ff_complain("firstfix top: firstfix-top is neither beside this program nor at %s", FF_TOP);
		return 2;
	}
	snprintf(columns, sizeof(columns), "--width=%u", width);
	if (once)
		argv[n++] = "--once";
	if (ascii)
		argv[n++] = "--ascii";
	if (width)
		argv[n++] = columns;
	execv(program, (char **)argv);
	ff_complain("firstfix top: %s: %s", program, strerror(errno));
	return 2;
}

int ff_cmd_top(int argc, char **argv)
{
	bool once = false, ascii = false;
	unsigned width = 0;
	struct ff_ask asks = {0};
	const struct ff_option options[] = {
		{"once", 0, FF_OPT_FLAG, NULL, "print one screen, without a terminal", &once},
		{"width", 0, FF_OPT_UINT, "COLUMNS", "with --once: how wide (default: 100)", &width},
		FF_ASK_OPTIONS(asks),
		FF_ASCII_OPTION(ascii),
	};
	const struct ff_usage usage = {
		.command = "top",
		.operands = FF_ASK_OPERANDS,
		.summary = "how a worker is, live in a terminal: state, what to do, memory, requests, incidents",
		.details = "Without URL: the agent that runs with the state folder (firstfix run --listen, firstfix "
			   "agent).\n" FF_ASK_WHO "\n"
			   "NO_COLOR leaves colours out. Exit code 2 where there is no agent to ask.\n"
			   "Keys: q quits, arrows and pages move, c copies the fix into the terminal's clipboard (OSC "
			   "52, also over ssh).",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_max = 1,
	};
	struct ff_parsed parsed = ff_ask_parse(&usage, argc, argv, &asks);
	if (parsed.leave)
		return parsed.exit_code;
	if (width && (!once || width < WIDTH_MIN || width > WIDTH_MAX))
		return ff_usage_error("top", "--width goes with --once and is %d to %d", WIDTH_MIN, WIDTH_MAX);
	if (!once && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return ff_usage_error("top", "this is no terminal: --once prints one screen");
	if (asks.url[0] && !ff_starts(asks.url, "http://") && !ff_starts(asks.url, "https://"))
		return ff_usage_error("top", "%s: wants http://HOST:PORT or https://HOST:PORT", asks.url);
	if (!asks.url[0]) {
		ff_complain("firstfix top: no agent runs with this state folder ('firstfix run --listen ADDRESS:PORT "
			    "-- ...', "
			    "'firstfix agent --pid PID')");
		return 2;
	}
	return hand_over(asks.url, once, ascii, width);
}
