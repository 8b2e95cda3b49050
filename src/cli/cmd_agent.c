// firstfix agent: hands over to firstfix-agent, the program that watches a worker. Its options are agent/options.def;
// values are judged there. `firstfix run --listen` comes this way too.
#include "cli/command.h"
#include "cli/handed.h"
#include "cli/options.h"
#include "cli/sibling.h"

#include "base/complain.h"
#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum {
#define OPTION(name, kind, member, preset, argument, help) OPT_##member,
#include "agent/options.def"
#undef OPTION
	N_OPTIONS
};

static struct ff_handed given[N_OPTIONS];

static const struct ff_option options[] = {
#define OPTION(name, kind, member, preset, argument, help) FF_HANDED(given[OPT_##member], name, kind, argument, help),
#include "agent/options.def"
#undef OPTION
};

static const struct ff_usage usage = {
	.command = "agent",
	.operands = "",
	.summary = "watch a worker and serve how it is: health, metrics, incidents",
	.details = "Served: /livez, /readyz and /startupz as Kubernetes asks them, /metrics for Prometheus, documents "
		   "as JSON\n"
		   "below /v1/ (/openapi.json lists them).\n"
		   "Where OTEL_EXPORTER_OTLP_ENDPOINT is set, events, incidents, metrics and spans are sent there.\n"
		   "It reads what the worker records and what the system tells of it; the worker never waits for it.\n"
		   "Each option can be set as FIRSTFIX_<NAME> in the environment: FIRSTFIX_LISTEN=0.0.0.0:9464.\n"
		   "\n"
		   "    firstfix run --listen 127.0.0.1:9464 -- python handler.py\n"
		   "    firstfix agent --pid 4711",
	.options = options,
	.n_options = N_OPTIONS,
};

// "--run=ID" comes from the supervisor and is for nobody else.
static const char *take_run(int *argc, char **argv)
{
	const char *last = *argc > 1 ? argv[*argc - 1] : "";
	return ff_starts(last, "--run=") ? argv[--*argc] : NULL;
}

static int hand_over(const char *agent, const char *run)
{
	char *argv[N_OPTIONS + 3] = {(char *)"firstfix-agent"};
	size_t n = 1;
	if (!ff_handed_words(options, given, N_OPTIONS, argv, &n))
		return 2;
	if (run)
		argv[n++] = (char *)run;
	execv(agent, argv);
	ff_complain("firstfix agent: %s: %s", agent, strerror(errno));
	return 2;
}

int ff_cmd_agent(int argc, char **argv)
{
	char agent[PATH_MAX];
	const char *run = take_run(&argc, argv);
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	free(parsed.operands);
	if (ff_sibling_find("firstfix-agent", FF_AGENT, agent, sizeof(agent)))
		return hand_over(agent, run);
	ff_complain("firstfix agent: firstfix-agent is neither beside this program nor at %s", FF_AGENT);
	return 2;
}
