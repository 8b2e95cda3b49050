// firstfix fleet: what many workers said of themselves.
//
//	$ firstfix fleet ingest collector/logs.json /mnt/workers
//	     41207 incidents
//	         3 files that end within a record
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/cleanup.h"
#include "base/statedir.h"
#include "base/str.h"
#include "fleet/database.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
	struct ff_output output;
	const char *dir, *database, *fleet;
	char **operands;
	size_t n;
};

static const struct {
	const char *name, *text;
} counters[] = {
#define COUNTER(name, text) {#name, text},
#include "fleet/counters.def"
#undef COUNTER
};

static struct ff_error *open_database(const struct request *r, bool read_only, struct ff_fleet **ret)
{
	_cleanup_free_ char *dir = NULL, *path = NULL;
	if (r->database)
		return ff_fleet_open(r->database, read_only, ret);
	struct ff_error *err = read_only ? ff_statedir_path(r->dir, &dir) : ff_statedir_make(r->dir, NULL, &dir);
	if (!err && asprintf(&path, "%s/fleet.db", dir) < 0) {
		path = NULL;
		err = &ff_enomem;
	}
	return err ? err : ff_fleet_open(path, read_only, ret);
}

static void tell(const char *path, const char *why)
{
	fprintf(stderr, "firstfix fleet: %s: %s\n", path, why);
}

static char *counts_as_json(const uint64_t *counts)
{
	_cleanup_json_ json_t *doc = json_pack("{s:s}", "schema", "firstfix.fleet-ingest/1");
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		json_object_set_new(doc, counters[i].name, json_integer((json_int_t)counts[i]));
	return json_dumps(doc, JSON_INDENT(2));
}

static char *counts_as_text(const uint64_t *counts)
{
	_cleanup_buf_ struct ff_buf text = {0};
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (counts[i])
			ff_buf_printf(&text, "%10" PRIu64 "  %s\n", counts[i], counters[i].text);
	return text.failed ? NULL : ff_take(&text.p);
}

static int ingest(void *request)
{
	const struct request *r = request;
	_cleanup_fleet_ struct ff_fleet *fleet = NULL;
	struct ff_fleet_counts counts = {0};
	const uint64_t *all = (const uint64_t *)&counts;
	if (r->n < 2)
		return ff_usage_error("fleet", "ingest wants files or folders");
	struct ff_error *err = open_database(r, false, &fleet);
	if (!err)
		err = ff_fleet_ingest(fleet, (const char *const *)r->operands + 1, r->n - 1, r->fleet, tell, &counts);
	if (err)
		return ff_fail("fleet", err);
	char *text = r->output.json ? counts_as_json(all) : counts_as_text(all);
	return ff_answer("fleet", &r->output, text ? NULL : &ff_enomem, text, counts.files ? 0 : 2);
}

static const struct ff_verb verbs[] = {{"ingest", ingest}};

int ff_cmd_fleet(int argc, char **argv)
{
	struct request r = {0};
	const struct ff_option options[] = {
		FF_OUTPUT_OPTIONS(&r.output),
		FF_DIR_OPTION(r.dir),
		{"database", 0, FF_OPT_TEXT, "FILE", "SQLite of the fleet (default: fleet.db in the state folder)",
			&r.database},
		{"fleet", 0, FF_OPT_TEXT, "NAME", "of several fleets in one database this one", &r.fleet},
	};
	const struct ff_usage usage = {.command = "fleet",
		.operands = "ingest PATH...",
		.summary = "many workers: which fail, since when, and what tells them from the others",
		.details = "PATH is a file of OTLP/JSON as a Collector's file exporter writes it, a bundle, a document "
			   "of an incident or of\n"
			   "facts, a state folder, or a folder of any of these. What is known already is counted once.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_min = 1,
		.operands_max = SIZE_MAX};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	r.operands = parsed.operands;
	r.n = parsed.n_operands;
	int code = ff_verb_run("fleet", verbs, sizeof(verbs) / sizeof(verbs[0]), r.operands[0], &r);
	free(parsed.operands);
	return code;
}
