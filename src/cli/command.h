// What a command is: one function in cmd_<name>.c and one line in commands.def.
#pragma once

struct ff_command {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv); /**< argv[0] is the command's name; returns the exit code of the contract */
};

#define COMMAND(name, help) int ff_cmd_##name(int argc, char **argv);
#include "cli/commands.def"
#undef COMMAND
