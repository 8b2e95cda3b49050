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
#include "emit/emit.h"
#include "fleet/database.h"
#include "fleet/explain.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
	struct ff_output output;
	const char *dir, *database, *clickhouse, *fleet;
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

typedef struct ff_error *question_fn(
	struct ff_source *source, const char *fleet, const char *fingerprint, json_t **ret);

static struct ff_error *ask(const struct request *r, question_fn *question, json_t **ret)
{
	_cleanup_source_ struct ff_source *source = NULL;
	struct ff_fleet *fleet = NULL;
	struct ff_error *err =
		r->clickhouse ? ff_source_clickhouse(r->clickhouse, &source) : open_database(r, true, &fleet);
	if (!err && !r->clickhouse)
		err = ff_source_sqlite(fleet, &source);
	return err ? err : question(source, r->fleet, r->n > 1 ? r->operands[1] : NULL, ret);
}

static int answer(const struct request *r, question_fn *question)
{
	_cleanup_json_ json_t *doc = NULL;
	char *text = NULL;
	struct ff_style style = ff_output_style(&r->output);
	struct ff_error *err = ask(r, question, &doc);
	if (!err)
		err = ff_emit_masked(doc, ff_output_format(&r->output), &style, &text);
	return ff_answer("fleet", &r->output, err, text, 0);
}

static struct ff_error *ask_top(struct ff_source *source, const char *fleet, const char *nothing, json_t **ret)
{
	(void)nothing;
	return ff_fleet_top(source, fleet, ret);
}

static int top(void *request)
{
	return answer(request, ask_top);
}

static int one(const struct request *r, question_fn *question)
{
	return r->n == 2 ? answer(r, question)
			 : ff_usage_error("fleet", "%s wants a fingerprint of 'firstfix fleet top'", r->operands[0]);
}

static int show(void *request)
{
	return one(request, ff_fleet_show);
}

static int explain(void *request)
{
	return one(request, ff_fleet_explain);
}

static const struct ff_verb verbs[] = {{"ingest", ingest}, {"top", top}, {"show", show}, {"explain", explain}};

int ff_cmd_fleet(int argc, char **argv)
{
	struct request r = {.clickhouse = getenv("FIRSTFIX_CLICKHOUSE")};
	const struct ff_option options[] = {
		FF_OUTPUT_OPTIONS(&r.output),
		FF_DIR_OPTION(r.dir),
		{"database", 0, FF_OPT_TEXT, "FILE", "SQLite of the fleet (default: fleet.db in the state folder)",
			&r.database},
		{"clickhouse", 0, FF_OPT_TEXT, "URL",
			"ask ClickHouse instead: http://HOST:8123/?database=NAME (also $FIRSTFIX_CLICKHOUSE)",
			&r.clickhouse},
		{"fleet", 0, FF_OPT_TEXT, "NAME", "of several fleets in one database this one", &r.fleet},
	};
	const struct ff_usage usage = {.command = "fleet",
		.operands = "ingest PATH... | top | show FINGERPRINT | explain FINGERPRINT",
		.summary = "many workers: which fail, since when, and what tells them from the others",
		.details =
			"PATH is a file of OTLP/JSON as a Collector's file exporter writes it, a bundle, a document "
			"of an incident or of\n"
			"facts, a state folder, or a folder of any of these. What is known already is counted once.\n"
			"'top' lists failures by workers hit, 'show' one of them with an exemplar, 'explain' the facts "
			"that tell the\n"
			"workers that fail from the others. FINGERPRINT may be the beginning of one.",
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
