// firstfix fleet: what many workers said of themselves.
//
//	$ firstfix fleet ingest collector/logs.json /mnt/workers
//	     41207 incidents
//	         3 files that end within a record
#include "cli/command.h"
#include "cli/handed.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/sibling.h"

#include "base/cleanup.h"
#include "base/complain.h"
#include "base/statedir.h"
#include "base/str.h"
#include "emit/emit.h"
#include "fleet/database.h"
#include "fleet/explain.h"

#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What `serve` hands over to firstfix-fleet.
enum {
#define OPTION(name, kind, member, preset, argument, help) OPT_##member,
#include "serve/options.def"
#undef OPTION
	N_HANDED
};

static struct ff_handed handed[N_HANDED];

struct request {
	struct ff_output output;
	const char *dir, *database, *clickhouse, *fleet, *failure;
	const struct ff_option *options; // the first N_HANDED are handed over
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

static struct ff_error *database_path(const struct request *r, bool read_only, char **ret)
{
	_cleanup_free_ char *dir = NULL, *path = NULL;
	struct ff_error *err = NULL;
	if (r->database) {
		*ret = strdup(r->database);
		return *ret ? NULL : &ff_enomem;
	}
	err = read_only ? ff_statedir_path(r->dir, &dir) : ff_statedir_make(r->dir, NULL, &dir);
	if (!err && asprintf(&path, "%s/fleet.db", dir) < 0) {
		path = NULL;
		err = &ff_enomem;
	}
	if (!err)
		*ret = ff_take(&path);
	return err;
}

static struct ff_error *open_database(const struct request *r, bool read_only, struct ff_fleet **ret)
{
	_cleanup_free_ char *path = NULL;
	struct ff_error *err = database_path(r, read_only, &path);
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

typedef struct ff_error *question_fn(struct ff_source *source, const struct request *r, json_t **ret);

static struct ff_error *ask(const struct request *r, question_fn *question, json_t **ret)
{
	_cleanup_source_ struct ff_source *source = NULL;
	struct ff_fleet *fleet = NULL;
	struct ff_error *err =
		r->clickhouse ? ff_source_clickhouse(r->clickhouse, &source) : open_database(r, true, &fleet);
	if (!err && !r->clickhouse)
		err = ff_source_sqlite(fleet, &source);
	return err ? err : question(source, r, ret);
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

static struct ff_error *ask_top(struct ff_source *source, const struct request *r, json_t **ret)
{
	return ff_fleet_top(source, r->fleet, ret);
}

static struct ff_error *ask_show(struct ff_source *source, const struct request *r, json_t **ret)
{
	return ff_fleet_show(source, r->fleet, r->operands[1], ret);
}

static struct ff_error *ask_explain(struct ff_source *source, const struct request *r, json_t **ret)
{
	return ff_fleet_explain(source, r->fleet, r->operands[1], ret);
}

static struct ff_error *ask_worker(struct ff_source *source, const struct request *r, json_t **ret)
{
	return ff_fleet_worker(source, r->fleet, r->operands[1], r->failure, ret);
}

static int top(void *request)
{
	return answer(request, ask_top);
}

static int one(const struct request *r, question_fn *question, const char *what)
{
	return r->n == 2 ? answer(r, question) : ff_usage_error("fleet", "%s wants %s", r->operands[0], what);
}

static const char a_fingerprint[] = "a fingerprint of 'firstfix fleet top'";

static int show(void *request)
{
	return one(request, ask_show, a_fingerprint);
}

static int explain(void *request)
{
	return one(request, ask_explain, a_fingerprint);
}

static int worker(void *request)
{
	return one(request, ask_worker, "a worker's name");
}

static int serve(void *request)
{
	const struct request *r = request;
	_cleanup_free_ char *path = NULL, *of = NULL;
	char program[PATH_MAX];
	char *argv[N_HANDED + 3] = {(char *)"firstfix-fleet"};
	size_t n = 1;
	struct ff_error *err = r->clickhouse ? NULL : database_path(r, true, &path);
	if (err)
		return ff_fail("fleet", err);
	if (asprintf(&of, "--%s=%s", path ? "database" : "clickhouse", path ? path : r->clickhouse) < 0 ||
		!ff_handed_words(r->options, handed, N_HANDED, argv, &n))
		return ff_fail("fleet", &ff_enomem);
	argv[n] = of;
	if (!ff_sibling_find("firstfix-fleet", FF_FLEET, program, sizeof(program)))
		return ff_fail("fleet",
			ff_error_create(
				FF_EABSENT, "firstfix-fleet is neither beside this program nor at %s", FF_FLEET));
	execv(program, argv);
	return ff_fail("fleet", ff_error_os(errno, "%s", program));
}

static const struct ff_verb verbs[] = {
	{"ingest", ingest}, {"top", top}, {"show", show}, {"explain", explain}, {"worker", worker}, {"serve", serve}};

int ff_cmd_fleet(int argc, char **argv)
{
	struct request r = {.clickhouse = getenv("FIRSTFIX_CLICKHOUSE")};
	const struct ff_option options[] = {
#define OPTION(name, kind, member, preset, argument, help) FF_HANDED(handed[OPT_##member], name, kind, argument, help),
#include "serve/options.def"
#undef OPTION
		FF_OUTPUT_OPTIONS(&r.output),
		FF_DIR_OPTION(r.dir),
		{"database", 0, FF_OPT_TEXT, "FILE", "SQLite of the fleet (default: fleet.db in the state folder)",
			&r.database},
		{"clickhouse", 0, FF_OPT_TEXT, "URL",
			"ask ClickHouse instead: http://HOST:8123/?database=NAME (also $FIRSTFIX_CLICKHOUSE)",
			&r.clickhouse},
		{"fleet", 0, FF_OPT_TEXT, "NAME", "of several fleets in one database this one", &r.fleet},
		{"failure", 0, FF_OPT_TEXT, "FINGERPRINT",
			"worker: compare its facts with those that do not have this one (default: its last)",
			&r.failure},
	};
	const struct ff_usage usage = {.command = "fleet",
		.operands = "ingest PATH... | top | show FINGERPRINT | explain FINGERPRINT | worker NAME | serve",
		.summary = "many workers: which fail, since when, and what tells them from the others",
		.details =
			"PATH is a file of OTLP/JSON as a Collector's file exporter writes it, a bundle, a document "
			"of an incident or of\n"
			"facts, a state folder, or a folder of any of these. What is known already is counted once.\n"
			"'top' lists failures by workers hit, 'show' one of them with an exemplar, 'explain' the facts "
			"that tell the\n"
			"workers that fail from the others, 'worker' one of them with the facts in which it is not as "
			"the "
			"others.\n"
			"FINGERPRINT may be the beginning of one. 'serve' shows all of it as a page.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_min = 1,
		.operands_max = SIZE_MAX};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	r.operands = parsed.operands;
	r.options = options;
	r.n = parsed.n_operands;
	int code = ff_verb_run("fleet", verbs, sizeof(verbs) / sizeof(verbs[0]), r.operands[0], &r);
	free(parsed.operands);
	return code;
}
