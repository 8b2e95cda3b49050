// firstfix events: what workers recorded, oldest first, also after they are gone.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/cleanup.h"
#include "base/complain.h"
#include "base/since.h"
#include "base/statedir.h"

#include <firstfix/event.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FOLLOW_EVERY_MS = 100 };

static bool print_event(const struct ff_event *event, bool json, const struct ff_style *style, bool *ret_broken)
{
	_cleanup_free_ char *line = NULL;
	struct ff_error *err = ff_event_render(event, json ? FF_JSON : FF_TEXT, style, &line);
	if (err) {
		ff_fail("events", err);
		return false;
	}
	*ret_broken = printf("%s\n", line) < 0;
	return true;
}

static void say_problems(const struct ff_events *events, size_t *said)
{
	for (const char *problem; ff_events_problem(events, *said, &problem); (*said)++)
		ff_complain("firstfix events: %s", problem);
}

static void say_counts(const struct ff_events *events)
{
	uint64_t torn, lost, dropped;
	ff_events_counts(events, &torn, &lost, &dropped);
	if (lost)
		ff_complain("firstfix events: %llu older events were overwritten", (unsigned long long)lost);
	if (torn)
		ff_complain(
			"firstfix events: %llu places hold a record that was never finished", (unsigned long long)torn);
	if (dropped)
		ff_complain("firstfix events: %llu events could not be recorded", (unsigned long long)dropped);
}

static int print_events(struct ff_events *events, bool follow, bool json, const struct ff_style *style)
{
	const struct timespec pause = {.tv_nsec = FOLLOW_EVERY_MS * 1000000L};
	size_t said = 0;
	bool broken = false;
	for (const struct ff_event *event; !broken;) {
		struct ff_error *err = ff_events_next(events, &event);
		if (err)
			return ff_fail("events", err);
		if (event) {
			if (!print_event(event, json, style, &broken))
				return 2;
			continue;
		}
		say_problems(events, &said);
		if (fflush(stdout) != 0)
			break; // "| head" has what it wanted
		if (!follow)
			break;
		nanosleep(&pause, NULL);
	}
	say_counts(events);
	return 0;
}

int ff_cmd_events(int argc, char **argv)
{
	struct ff_events_options read = {0};
	struct ff_output output = {0};
	const char *since = NULL;
	const struct ff_option options[] = {
		{"json", 0, FF_OPT_FLAG, NULL, "one firstfix.event/1 object a line", &output.json},
		{"follow", 'f', FF_OPT_FLAG, NULL, "go on with new events as they come", &read.follow},
		{"since", 0, FF_OPT_TEXT, "TIME",
			"skip what is older: 90s, 10m, 2h, 1d, @SECONDS, 2026-11-23T03:14:03Z", &since},
		{"lane", 0, FF_OPT_TEXT, "FILE", "this lane only", &read.lane},
		FF_DIR_OPTION(read.dir),
		FF_ASCII_OPTION(output.ascii),
	};
	const struct ff_usage usage = {
		.command = "events",
		.operands = "",
		.summary = "what workers recorded, oldest first, also after they are gone",
		.details = "Times are UTC. Secrets are masked.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	free(parsed.operands);
	if (since && !ff_since_parse(since, &read.since_ns))
		return ff_usage_error("events", FF_SINCE_WRONG, since);
	struct ff_events *events;
	struct ff_error *err = read.follow ? NULL : ff_statedir_check(read.dir); // one that follows may come first
	if (!err)
		err = ff_events_open(&read, &events);
	if (err)
		return ff_fail("events", err);
	struct ff_style style = ff_output_style(&output);
	int code = print_events(events, read.follow, output.json, &style);
	ff_events_close(events);
	return code;
}
