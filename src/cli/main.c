// firstfix COMMAND ...: finds the command and runs it.
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/overview.h"

#include "base/complain.h"
#include "base/nearest.h"

#include <firstfix/firstfix.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct ff_command commands[] = {
#define COMMAND(name, help) {#name, help, ff_cmd_##name},
#include "cli/commands.def"
#undef COMMAND
};

enum { HELP_COLUMN = 15 };

static void print_help(FILE *to)
{
	ff_print_wrapped(to, "firstfix - why a GPU worker fails, and the one fix to try first", 0, 0);
	fputs("\nusage: firstfix COMMAND [OPTIONS]\n\n", to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		ff_print_wrapped(
			to, commands[i].help, HELP_COLUMN, fprintf(to, "  %-*s", HELP_COLUMN - 2, commands[i].name));
	fputs("\n", to);
	ff_print_wrapped(to,
		"'firstfix COMMAND --help' tells more. Exit codes: 0 nothing wrong, 1 something is wrong and was said, "
		"2 wrong use.",
		0, 0);
}

static const struct ff_command *find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	char hint[128];
	struct ff_nearest near = {.wrong = ff_span_of(name)};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		ff_nearest_try(&near, commands[i].name);
	ff_complain("firstfix: no command '%s'%s (see 'firstfix --help')", name, ff_nearest_hint(&near, hint));
	return NULL;
}

// "help report" is "report --help".
static int help(int argc, char **argv)
{
	const struct ff_command *command = argc > 2 ? find(argv[2]) : NULL;
	if (argc > 2)
		return command ? command->run(2, (char *[]){argv[2], "--help", NULL}) : 2;
	print_help(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "run") != 0) // which executes the worker: it finds its signals as they were
		signal(SIGPIPE, SIG_IGN);	     // "firstfix ... | head": the write fails and says so
	if (argc < 2 && isatty(STDOUT_FILENO))
		return ff_overview();
	if (argc < 2) {
		print_help(stderr);
		return 2;
	}
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
		return help(argc, argv);
	if (strcmp(name, "--version") == 0) {
		printf("firstfix %s\n", ff_version());
		return 0;
	}
	const struct ff_command *command = find(name);
	int code = command ? command->run(argc - 1, argv + 1) : 2;
	if (ff_incidents_notice())
		ff_complain("firstfix: %s", ff_incidents_notice());
	return code;
}
