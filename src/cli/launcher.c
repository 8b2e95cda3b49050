// The program `firstfix`: small, so that `firstfix run` starts a worker at once. `run` is answered here; every other
// command needs rules, tables and a dozen libraries, whose loading takes milliseconds, and goes to firstfix-tool, which
// lies beside this program.
//
//	$ strace -c firstfix run -- true     maps libc alone before the supervisor takes over
#include "cli/command.h"
#include "cli/sibling.h"

#include "base/complain.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char tool[PATH_MAX];
	if (argc > 1 && strcmp(argv[1], "run") == 0)
		return ff_cmd_run(argc - 1, argv + 1);
	if (!ff_sibling_find("firstfix-tool", FF_TOOL, tool, sizeof(tool))) {
		ff_complain("firstfix: firstfix-tool is neither beside this program nor at %s", FF_TOOL);
		return 2;
	}
	execv(tool, argv);
	ff_complain("firstfix: %s: %s", tool, strerror(errno));
	return 2;
}
