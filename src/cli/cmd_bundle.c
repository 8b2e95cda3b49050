// firstfix bundle: one incident in a file that may leave the machine.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/complain.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static int bundle(const char *dir, const char *id, const char *to)
{
	struct ff_incident *incident = NULL;
	char path[PATH_MAX];
	struct ff_error *err = ff_incident_read(dir, id, &incident);
	if (!err) {
		const char *own = ff_incident_id(incident);
		if (to)
			snprintf(path, sizeof(path), "%s", to);
		else
			snprintf(path, sizeof(path), "firstfix-%s.tar.zst", own ? own : "incident");
		err = ff_incident_bundle(incident, path);
	}
	ff_incident_free(incident);
	if (err)
		return ff_fail("bundle", err);
	printf("%s\n", path);
	ff_complain("Masked; masked.json in it lists what was masked and why. Read it with: firstfix incidents show %s",
		path);
	return 0;
}

int ff_cmd_bundle(int argc, char **argv)
{
	const char *dir = NULL, *to = NULL;
	const struct ff_option options[] = {
		{"output", 'o', FF_OPT_TEXT, "FILE", "default: firstfix-ID.tar.zst here", &to},
		FF_DIR_OPTION(dir),
	};
	const struct ff_usage usage = {.command = "bundle",
		.operands = "ID",
		.summary = "pack an incident, masked, to read or send elsewhere",
		.details = "ID is an id of 'firstfix incidents', the beginning of one, or 'last'.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_min = 1,
		.operands_max = 1};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	int code = bundle(dir, parsed.operands[0], to);
	free(parsed.operands);
	return code;
}
