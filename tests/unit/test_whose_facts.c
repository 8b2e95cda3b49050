// Whose facts an answer is from: what of a log contradicts this machine, and what stored facts have to show.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/diagnose.h"
#include "diagnose/finding.h"
#include "diagnose/scan.h"

#define FRAME(path) "  File \"" path "\", line 5, in f\n    g()\n"
#define TRACE "Traceback (most recent call last):\n"
#define HOST(more) "{\"complete\": [\"env\"], \"env\": {}, \"system\": {\"os\": {}}" more "}"
#define BOX(more) "{\"complete\": [\"env\"], \"system\": {\"container\": {\"runtime\": \"docker\"}}" more "}"
#define OOM(text) "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. " text "\n"
#define NEW "GPU 0 has a total capacity of 23.64 GiB of which 1.00 GiB is free."
#define OLD "(GPU 0; 23.69 GiB total capacity; 1.00 GiB already allocated)"
#define GPU(bytes, more) ", \"gpus\": [{\"memory\": {\"total\": " bytes "}" more "}]"
#define JSON_FILE "{\"log\":\"ValueError: x\\n\",\"stream\":\"stderr\",\"time\":\"2026-03-04T05:06:07.1Z\"}\n"
#define SYSLOG(host) "Mar  4 05:06:07 " host " worker[812]: ValueError: x\n"
#define TOO_OLD "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).\n"

static bool are_missing(const json_t *files)
{
	size_t i;
	json_t *file;
	json_array_foreach (files, i, file) {
		if (strncmp(json_string_value(file), "/here/", 6) == 0)
			return false;
	}
	return true;
}

static json_t *said_of(const char *log)
{
	struct ff_rules *rules;
	struct ff_scan *scan;
	json_t *said = NULL;
	assert_null(ff_rules_load(NULL, true, &rules));
	assert_null(ff_scan_create(rules, NULL, &scan));
	assert_null(ff_scan_feed(scan, log, strlen(log)));
	assert_null(ff_scan_end(scan));
	assert_null(ff_scan_said(scan, &said));
	ff_scan_destroy(scan);
	ff_rules_destroy(rules);
	return said;
}

static json_t *parsed(const char *text)
{
	json_t *doc = NULL;
	assert_null(ff_json_parse("facts", text, strlen(text), &doc));
	return doc;
}

static const char *stored; // facts of the only start-up report

static struct ff_error *other_facts(
	const json_t *said, unsigned index, const char *worker, json_t **ret_facts, char **ret_what)
{
	(void)said;
	(void)worker;
	if (!stored || index)
		return NULL;
	*ret_facts = parsed(stored);
	*ret_what = strdup("start-up report of run-a");
	return *ret_what ? NULL : &ff_enomem;
}

static json_t *told_of(const char *log, const char *facts, const char *worker)
{
	const struct ff_here here = {.host = "gpu-3", .are_missing = are_missing};
	_cleanup_json_ json_t *said = said_of(log), *doc = parsed(facts), *used = NULL;
	json_t *told = NULL;
	assert_null(ff_whose_facts(&(struct ff_diagnose_options){.facts = doc,
					   .facts_what = "this machine",
					   .facts_assumed = true,
					   .here = &here,
					   .worker = worker,
					   .other_facts = other_facts},
		said, &used, &told));
	return told;
}

static void this_machine(void **state)
{
	static const struct {
		const char *log, *facts, *because; // because NULL: it is this machine
	} rows[] = {
		{SYSLOG("gpu-3"), HOST(""), NULL},
		{SYSLOG("GPU-3.cluster.example"), HOST(""), NULL},
		{SYSLOG("gpu-4"), HOST(""), "the log's lines are of gpu-4, and this is gpu-3"},
		{SYSLOG("gpu-4") SYSLOG("gpu-3"), HOST(""), NULL},
		{SYSLOG("gpu-4"), BOX(""), NULL}, // a container has a name of its own
		{"(EngineCore_DP0 pid=12) ValueError: x\n", HOST(""), NULL},
		{"[pod/web-7d9f8b6c5d-x2x4z/app] ValueError: x\n", HOST(""), "kubernetes wrote it down"},
		{"[pod/web-7d9f8b6c5d-x2x4z/app] ValueError: x\n", BOX(""), "the pod web-7d9f8b6c5d-x2x4z"},
		{"[pod/gpu-3/app] ValueError: x\n", BOX(""), NULL},
		{"2026-03-04T05:06:07.1Z stderr F ValueError: x\n", HOST(""), "kubernetes wrote it down"},
		{"2026-03-04T05:06:07.1Z stderr F ValueError: x\n", BOX(""), NULL},
		{"ValueError: x, and stderr F is no carrier\n", HOST(""), NULL},
		{JSON_FILE, HOST(""), "docker wrote it down"},
		{JSON_FILE, BOX(""), NULL},
		{TRACE FRAME("/srv/app/serve.py") "ValueError: x\n", HOST(""),
			"/srv/app/serve.py of the log is not here"},
		{TRACE FRAME("/srv/app/serve.py") FRAME("/here/a.py") "ValueError: x\n", HOST(""), NULL},
		{TRACE FRAME("serve.py") "ValueError: x\n", HOST(""), NULL},
		{TRACE FRAME("/tmp/ab/serve.py") "ValueError: x\n", HOST(""), NULL},
		{OOM(NEW), HOST(GPU("25757220864", "")), NULL},
		{OOM(NEW), HOST(GPU("85899345920", "")), "the log's GPU has 23.6 GiB"},
		{OOM(OLD), HOST(GPU("85899345920", "")), "the log's GPU has 23.7 GiB"},
		{OOM(NEW), HOST(GPU("85899345920", ", \"mig\": true")), NULL},
		{OOM("a total capacity of nothing"), HOST(GPU("85899345920", "")), NULL},
		{TOO_OLD, HOST(", \"driver\": {\"cuda\": \"12.4\"}"), "driver is for CUDA 11.4, and the one here 12.4"},
		{TOO_OLD, HOST(", \"driver\": {\"cuda\": \"11.4\"}"), NULL},
		{"Driver Version: 535.54.03\nValueError: x\n", HOST(", \"driver\": {\"version\": \"550.54.14\"}"),
			"the log's driver is 535.54.03"},
	};
	(void)state;
	stored = NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		_cleanup_json_ json_t *told = told_of(rows[i].log, rows[i].facts, NULL);
		const char *because = ff_json_text(told, "because");
		if (rows[i].because ? !because || !strstr(because, rows[i].because) : because != NULL)
			fail_msg("%s: %s", rows[i].log, because ? because : "fits");
	}
}

// A report that contradicts nothing is still not the log's: something in it must be, or somebody must have named it.
static void a_report_is_vouched_for(void **state)
{
	static const char trace[] = TRACE FRAME("/opt/venv/lib/python3.10/site-packages/torch/a.py") "ValueError: x\n";
	static const char theirs[] = "{\"python\": {\"site\": [\"/opt/venv/lib/python3.10/site-packages\"]}}";
	static const struct {
		const char *log, *report, *worker;
		bool used;
	} rows[] = {
		{trace, theirs, NULL, true},
		{trace, "{\"gpus\": []}", NULL, false},
		{trace, "{\"gpus\": []}", "run-a", true},
		{SYSLOG("gpu-4"), theirs, NULL, false}, // this machine stored it
		{SYSLOG("gpu-4"), theirs, "run-a", true},
		{"found tokenizers==0.15.2\n" TRACE FRAME("/srv/a.py") "ImportError: found tokenizers==0.15.2\n",
			"{\"python\": {\"packages\": {\"tokenizers\": {\"version\": \"0.15.2\"}}}}", NULL, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		stored = rows[i].report;
		_cleanup_json_ json_t *told = told_of(rows[i].log, HOST(""), rows[i].worker);
		const char *what = ff_json_text(told, "what");
		assert_string_equal(what, rows[i].used ? "start-up report of run-a" : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(this_machine), cmocka_unit_test(a_report_is_vouched_for)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
