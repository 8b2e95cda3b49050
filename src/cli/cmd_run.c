// firstfix run: hands over to firstfix-supervise, a small program that stays beside the worker; this one is gone before
// the worker starts. Part of the launcher too, so nothing but base may be linked to it.
//
//	$ firstfix run --recover env python handler.py
//	firstfix run: the command must stand behind --
//	firstfix run: try: firstfix run --recover env -- python handler.py
#include "cli/command.h"
#include "cli/handed.h"
#include "cli/next_start.h"
#include "cli/options.h"
#include "cli/sibling.h"

#include "base/complain.h"
#include "base/shell.h"
#include "base/str.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
#define OPTION(name, kind, member, preset, argument, help) OPT_##member,
#include "supervise/options.def"
#undef OPTION
	N_OPTIONS
};

static struct ff_handed given[N_OPTIONS];

static const struct ff_option options[] = {
#define OPTION(name, kind, member, preset, argument, help) FF_HANDED(given[OPT_##member], name, kind, argument, help),
#include "supervise/options.def"
#undef OPTION
};

static const struct ff_usage usage = {
	.command = "run",
	.operands = "-- COMMAND [ARGUMENT...]",
	.summary = "start a worker and stay beside it: as a container's entry point (PID 1) or anywhere else",
	.details = "The worker's output passes through unchanged, signals are forwarded, orphans are reaped. Its exit "
		   "code becomes\n"
		   "ours: 128+N when signal N ended it, 127 when it is not found, 126 when it cannot be executed. When "
		   "it dies by\n"
		   "itself, hangs or is killed, an incident is printed and stored.\n"
		   "\n"
		   "Each option can be set as FIRSTFIX_<NAME> in the environment: FIRSTFIX_RECOVER=env, "
		   "FIRSTFIX_HANG_AFTER=600.\n"
		   "The worker gets FIRSTFIX_DIR, FIRSTFIX_PROGRAM, FIRSTFIX_RUN_ID and FIRSTFIX_ATTEMPT; after a "
		   "recovery also "
		   "FIRSTFIX_RECOVERED. With FIRSTFIX_LOG=json all that is ours on standard error is one JSON object a "
		   "line.\n"
		   "\n"
		   "    ENTRYPOINT [\"firstfix\", \"run\", \"--\", \"python\", \"handler.py\"]",
	.options = options,
	.n_options = N_OPTIONS,
	.operands_max = SIZE_MAX,
};

static const struct ff_option *option_of(const char *word)
{
	size_t n = strcspn(word, "=");
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (strlen(options[i].name) == n && strncmp(options[i].name, word, n) == 0)
			return &options[i];
	return NULL;
}

// Where the command begins although no "--" stands before it; 0 when all is well so far.
static int bare_command(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const struct ff_option *o = strncmp(argv[i], "--", 2) == 0 ? option_of(argv[i] + 2) : NULL;
		if (argv[i][0] != '-')
			return i;
		if (o && o->kind != FF_OPT_FLAG && !strchr(argv[i], '='))
			i++;
	}
	return 0;
}

static int forgot_dashes(int argc, char **argv, int command)
{
	_cleanup_buf_ struct ff_buf line = {0};
	for (int i = 1; i < argc; i++) {
		ff_buf_str(&line, i == command ? " -- " : " ");
		ff_shell_quote(&line, ff_span_of(argv[i]));
	}
	ff_complain("firstfix run: the command must stand behind --");
	if (!line.failed)
		ff_complain("firstfix run: try: firstfix run%.*s", (int)line.n, line.p);
	return 2;
}

static int hand_over(const char *supervisor, const char *self, char **command, size_t n_command)
{
	char tool[PATH_MAX + 8], other[PATH_MAX + 64];
	char **argv = calloc(n_command + N_OPTIONS + 4, sizeof(*argv));
	size_t n = 2;
	if (!argv || !ff_handed_words(options, given, N_OPTIONS, argv, &n))
		return 2;
	argv[0] = (char *)"firstfix-supervise";
	// "-": the supervisor is alone here (firstfix-supervise as a package of its own)
	snprintf(tool, sizeof(tool), "--tool=%s",
		ff_sibling_find("firstfix-tool", FF_TOOL, other, sizeof(other)) ? self : "-");
	argv[1] = tool;
	ff_next_start_apply();
	argv[n++] = (char *)"--";
	memcpy(argv + n, command, n_command * sizeof(*argv));
	execv(supervisor, argv);
	ff_complain("firstfix run: %s: %s", supervisor, strerror(errno));
	free(argv);
	return 2;
}

int ff_cmd_run(int argc, char **argv)
{
	char self[PATH_MAX], supervisor[PATH_MAX + 64];
	ff_complain_as_asked();
	int bare = bare_command(argc, argv);
	if (bare)
		return forgot_dashes(argc, argv, bare);
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	if (parsed.n_operands == 0) {
		free(parsed.operands);
		return ff_usage_error("run", "which command? try: firstfix run -- python handler.py");
	}
	int code = 2;
	if (ff_sibling_self(self, sizeof(self)) &&
		ff_sibling_find("firstfix-supervise", FF_SUPERVISE, supervisor, sizeof(supervisor)))
		code = hand_over(supervisor, self, parsed.operands, parsed.n_operands);
	else
		ff_complain("firstfix run: firstfix-supervise is neither beside this program nor at %s", FF_SUPERVISE);
	free(parsed.operands);
	return code;
}
