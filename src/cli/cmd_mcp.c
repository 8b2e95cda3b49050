// firstfix mcp: hands over to the Python package, which stands on the protocol's own SDK.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/sibling.h"

#include "base/complain.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Run by the interpreter that is found. The working folder, which "-c" puts first, is no place to import from.
static const char script[] =
	"import sys\n"
	"sys.path = [p for p in sys.path if p]\n"
	"try:\n"
	"    from firstfix.mcp import main\n"
	"except ImportError as error:\n"
	"    sys.exit(f\"firstfix mcp: {error}: {sys.executable} -m pip install 'firstfix[mcp]'\")\n"
	"main()\n";

// The interpreter of the environment that this program lies in (pip's), else the first in PATH.
static void find_python(char *ret, size_t n)
{
	char self[PATH_MAX], *slash;
	snprintf(ret, n, "python3");
	if (!ff_sibling_self(self, sizeof(self)) || !(slash = strrchr(self, '/')))
		return;
	*slash = 0;
	char beside[PATH_MAX + 16];
	snprintf(beside, sizeof(beside), "%s/python3", self);
	if (strlen(beside) < n && access(beside, X_OK) == 0)
		snprintf(ret, n, "%s", beside);
}

static int hand_over(const char *python, const char *listen, bool allow_apply)
{
	char interpreter[PATH_MAX], self[PATH_MAX];
	const char *argv[8] = {NULL, "-c", script};
	size_t n = 3;
	find_python(interpreter, sizeof(interpreter));
	argv[0] = python ? python : interpreter;
	if (listen) {
		argv[n++] = "--listen";
		argv[n++] = listen;
	}
	if (allow_apply)
		argv[n++] = "--allow-apply";
	if (ff_sibling_self(self, sizeof(self)))
		setenv("FIRSTFIX_PROGRAM", self, 0); // the package asks this very program
	execvp(argv[0], (char *const *)argv);
	ff_complain("firstfix mcp: %s cannot be executed: --python names the interpreter that has 'firstfix[mcp]'",
		argv[0]);
	return 2;
}

int ff_cmd_mcp(int argc, char **argv)
{
	const char *python = NULL, *listen = NULL;
	bool allow_apply = false;
	const struct ff_option options[] = {
		{"listen", 0, FF_OPT_TEXT, "ADDRESS:PORT",
			"streamable HTTP at /mcp (default: standard input and output)", &listen},
		{"allow-apply", 0, FF_OPT_FLAG, NULL, "let the tool 'fix' change this machine", &allow_apply},
		{"python", 0, FF_OPT_TEXT, "PATH",
			"the interpreter that has 'firstfix[mcp]' (default: beside this program)", &python},
	};
	const struct ff_usage usage = {
		.command = "mcp",
		.operands = "",
		.summary = "the tools of firstfix for coding agents, by the Model Context Protocol",
		.details = "Tools: report, check, explain, incidents, incident, fit, fix, playbook. An agent starts it "
			   "itself:\n"
			   "\n"
			   "    {\"mcpServers\": {\"firstfix\": {\"command\": \"firstfix\", \"args\": [\"mcp\"]}}}\n"
			   "\n"
			   "With --listen the bearer token is FIRSTFIX_TOKEN. Needs pip install 'firstfix[mcp]'.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	free(parsed.operands);
	return parsed.leave ? parsed.exit_code : hand_over(python, listen, allow_apply);
}
