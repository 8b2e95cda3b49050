// firstfix health: asks an agent how its worker is, or looks by itself.
//
//	HEALTHCHECK CMD ["firstfix", "health"]
//	$ firstfix health
//	stalled: 3 requests in work, the oldest for 140 s, and no progress of any kind for 131 s
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/http_get.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/sibling.h"

#include "base/cleanup.h"
#include "base/complain.h"
#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { DEADLINE_MS = 5000 };

static int ask(const char *base, const char *path, bool json)
{
	char url[FF_AGENT_URL_MAX + 64];
	_cleanup_buf_ struct ff_buf body = {0};
	unsigned status = 0;
	const struct ff_http_who who = ff_http_who();
	snprintf(url, sizeof(url), "%s%s%s", base, path, json ? "?json" : "");
	struct ff_error *err = ff_http_get(url, &who, DEADLINE_MS, &status, &body);
	if (err) { // nobody answers: whatever the reason, that is not well
		ff_complain("firstfix health: %s", err->message);
		int code = ff_error_is_usage(err) ? 2 : 1;
		ff_error_destroy(err);
		return code;
	}
	bool written = ff_output_write("health", &(struct ff_output){0}, body.n ? body.p : "");
	return !written ? 2 : status == 200 ? 0 : 1;
}

static int look(const char *dir, unsigned pid)
{
	char agent[PATH_MAX], folder[PATH_MAX + 8], process[32];
	const char *argv[5] = {"firstfix-agent", "--health-once"};
	size_t n = 2;
	if (!ff_sibling_find("firstfix-agent", FF_AGENT, agent, sizeof(agent))) {
		ff_complain("firstfix health: firstfix-agent is neither beside this program nor at %s", FF_AGENT);
		return 2;
	}
	snprintf(folder, sizeof(folder), "--dir=%s", dir ? dir : "");
	snprintf(process, sizeof(process), "--pid=%u", pid);
	if (dir)
		argv[n++] = folder;
	if (pid)
		argv[n++] = process;
	execv(agent, (char **)argv);
	ff_complain("firstfix health: %s: %s", agent, strerror(errno));
	return 2;
}

int ff_cmd_health(int argc, char **argv)
{
	bool local = false, ready = false, startup = false, json = false;
	struct ff_ask asks = {0};
	unsigned pid = 0;
	const struct ff_option options[] = {
		{"ready", 0, FF_OPT_FLAG, NULL, "whether it can take a request, instead of whether it lives", &ready},
		{"startup", 0, FF_OPT_FLAG, NULL, "whether it was ready once", &startup},
		{"json", 0, FF_OPT_FLAG, NULL, "firstfix.health/1", &json},
		{"local", 0, FF_OPT_FLAG, NULL, "ask no agent: look at the worker and its lanes", &local},
		{"pid", 0, FF_OPT_UINT, "PID",
			"with --local: the worker (default: whoever records in the state folder)", &pid},
		FF_ASK_OPTIONS(asks),
	};
	const struct ff_usage usage = {
		.command = "health",
		.operands = FF_ASK_OPERANDS,
		.summary = "ask how a worker is: exit code 0 when it is well, for a container's health check",
		.details = "Without URL: the agent that runs with the state folder, else --local.\n" FF_ASK_WHO "\n\n"
			   "    HEALTHCHECK CMD [\"firstfix\", \"health\"]",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_max = 1,
	};
	struct ff_parsed parsed = ff_ask_parse(&usage, argc, argv, &asks);
	if (parsed.leave)
		return parsed.exit_code;
	if (local && (parsed.n_operands || json || ready || startup))
		return ff_usage_error("health", "--local goes with --pid and --dir alone");
	if (pid && !local)
		return ff_usage_error("health", "--pid goes with --local");
	if (!local && asks.url[0])
		return ask(asks.url, ready ? "/readyz" : startup ? "/startupz" : "/livez", json);
	return look(asks.dir, pid);
}
