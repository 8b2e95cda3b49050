// Runs: where they begin, how they end, which of them counts, and what becomes of their events.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "diagnose/diagnose.h"
#include "diagnose/repeat.h"
#include "diagnose/scan.h"

#include <stdio.h>

static struct ff_rules *rules;

static struct ff_scan *scan_of(const char *log)
{
	struct ff_scan *scan;
	if (!rules)
		assert_null(ff_rules_load(NULL, true, &rules));
	assert_null(ff_scan_create(rules, NULL, &scan));
	assert_null(ff_scan_feed(scan, log, strlen(log)));
	assert_null(ff_scan_end(scan));
	return scan;
}

// "1-3 died, 4-9 running*": a star for those that count.
static void assert_runs(const char *log, const char *expected)
{
	_cleanup_scan_ struct ff_scan *scan = scan_of(log);
	_cleanup_buf_ struct ff_buf text = {0};
	for (size_t i = 0; i < ff_runs_count(ff_scan_runs(scan)); i++) {
		const struct ff_run *run = ff_runs_at(ff_scan_runs(scan), i);
		ff_buf_printf(&text, "%s%d-%d %s%s", i ? ", " : "", (int)run->first, (int)run->last,
			ff_run_end_names[run->end], run->counts ? "*" : "");
	}
	assert_string_equal(text.p ? text.p : "", expected);
}

#define START "INFO 09-30 18:28:40 [api_server.py:1] vLLM API server version 0.9.1\n"
#define UP "INFO:     Application startup complete.\n"
#define DEAD "Traceback (most recent call last):\n  File \"/srv/a.py\", line 3, in f\nHeronError: no nest\n"

static void a_start_begins_a_run(void **state)
{
	(void)state;
	assert_runs(START DEAD START UP, "1-4 died, 5-6 running*");
	assert_runs(START DEAD START DEAD, "1-4 died, 5-8 died*");
	assert_runs("a warning from an import\n" START UP, "1-3 running*");
	// A start that came to nothing does not hide how the one before it ended.
	assert_runs(START DEAD START, "1-4 died*, 5-5 cut");
	// Several lines of one start are one; the very same line again is another.
	assert_runs("== vLLM ==\nNVIDIA Release 25.11 (build 1)\n" START UP, "1-4 running*");
	assert_runs(START START UP, "1-1 cut, 2-3 running*");
	assert_runs("app: starting service\n" DEAD "app: starting service\n" UP, "1-4 died, 5-6 running*");
	assert_runs(START DEAD "app: starting service\n" DEAD, "1-8 died*"); // whose start it is, nobody knows
}

static void a_process_with_a_new_pid_is_a_new_run(void **state)
{
	(void)state;
	assert_runs("(APIServer pid=7) INFO 09-30 18:28:40 [a.py:1] Started server process [7]\n"
		    "(APIServer pid=7) HeronError: no nest\n"
		    "(APIServer pid=9) INFO 09-30 18:29:40 [a.py:1] Started server process [9]\n"
		    "(APIServer pid=9) INFO:     Application startup complete.\n",
		"1-2 died, 3-4 running*");
}

static void a_service_does_not_heal_another(void **state)
{
	(void)state;
	assert_runs("api-1   | INFO:     Application startup complete.\n"
		    "model-1 | Traceback (most recent call last):\n"
		    "model-1 |   File \"/srv/a.py\", line 3, in f\n"
		    "model-1 | HeronError: no nest\n"
		    "api-1   | INFO:     10.0.0.1:5 - \"POST /v1/embeddings HTTP/1.1\" 200 OK\n",
		"1-5 running*, 2-4 died*");
}

static void ends(void **state)
{
	(void)state;
	assert_runs(START UP "ERROR 09-30 19:00:00 [a.py:1] HeronError: no nest\nINFO: 1.1.1.1:5 - \"GET /health "
			     "HTTP/1.1\" 200 OK\n",
		"1-4 died*"); // a probe that is answered is no work
	assert_runs(START UP
		"ERROR 09-30 19:00:00 [a.py:1] HeronError: no nest\nINFO: 1.1.1.1:5 - \"POST /v1/x HTTP/1.1\" 200 OK\n",
		"1-4 running*");
	assert_runs("Loading model\nEXIT_CODE=0\n", "1-2 finished*");
	assert_runs("Loading model\n" DEAD "Process finished with exit code 0\n", "1-5 finished*");
	assert_runs("Loading model\nvllm-1 exited with code 3\n", "1-2 died*");
	assert_runs("Loading model\n", "1-1 cut*");
	assert_runs(DEAD "Prompt executed in 3.10 seconds\n", "1-4 died*"); // said after failures too
	assert_runs("Loading model\nPrompt executed in 3.10 seconds\n", "1-2 finished*");
	assert_runs(DEAD "\nCannot import /c/nest module for custom nodes: no nest\nPrompt executed in 3.10 seconds\n",
		"1-6 finished*"); // that part is left out
	assert_runs(DEAD "\nCannot import /c/nest module for custom nodes: no nest\n", "1-5 died*");
	assert_runs("", "");
}

static void stopped_from_outside(void **state)
{
	(void)state;
	static const struct {
		const char *line, *by;
	} stops[] = {
		{"received signal=SIGTERM", "outside"},
		{"KeyboardInterrupt", "outside"},
		{"slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-02T03:04:05 ***", "outside"},
		{"slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-02T03:04:05 DUE TO TIME LIMIT ***",
			"time-limit"},
		{"worker exited with code 143", "outside"},
		{"Startup probe failed: HTTP probe failed with statuscode: 503", "probe"},
		{"Warning  Evicted  9s  kubelet  The node was low on resource: memory.", "evicted"},
		{"Normal  TaintManagerEviction  3s  taint-eviction-controller  Marking for deletion Pod ml/w-0",
			"evicted"},
		{"Normal  Preempted  3s  default-scheduler  Preempted by pod 2c11 on node n3", "time-limit"},
		{"##[error]The operation was canceled.", "outside"},
		{"INFO autoscaler: scaling down replica w-7c9: idle for 300s", "outside"},
		{"  File \"/srv/engine/core.py\", line 503, in signal_handler", "outside"},
		{"worker died with <Signals.SIGTERM>", "outside"},
	};
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
		char log[1000];
		snprintf(log, sizeof(log), START UP "%s\n" DEAD, stops[i].line);
		_cleanup_scan_ struct ff_scan *scan = scan_of(log);
		const struct ff_run *run = ff_runs_at(ff_scan_runs(scan), 0);
		assert_int_equal(ff_runs_count(ff_scan_runs(scan)), 1);
		assert_int_equal(run->end, FF_RUN_STOPPED);
		assert_string_equal(run->stopped_by, stops[i].by);
		assert_int_equal(run->at, 3);
		for (size_t e = 0; e < ff_events_count(ff_scan_events(scan)); e++)
			assert_true(ff_events_at(ff_scan_events(scan), e)->history); // it followed from the stop
	}
	// What was broken before it was stopped stays broken.
	assert_runs(START DEAD "\nreceived signal=SIGTERM\n", "1-6 died*");
}

static void lines_that_defuse_themselves(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"Ignore import error when loading heron.models.ibis: cannot import name 'Ibis' from 'transformers' "
		"(/srv/x.py)",
		"ERROR 09-30 18:28:40 [a.py:1] Proceeding without the heron library: libheron.so.1: cannot open shared "
		"object file",
		"ERROR: pip's dependency resolver does not currently take into account all the packages that are "
		"installed.",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		_cleanup_scan_ struct ff_scan *scan = scan_of(lines[i]);
		assert_true(ff_events_count(ff_scan_events(scan)));
		assert_true(ff_events_at(ff_scan_events(scan), 0)->history);
	}
	assert_runs("Loading model\nException ignored in: <function Heron.__del__ at 0x7f>\n" DEAD, "1-5 cut*");
}

static void many_runs_are_forgotten_in_the_middle(void **state)
{
	(void)state;
	enum { TIMES = 1000 };
	_cleanup_buf_ struct ff_buf log = {0};
	for (int i = 0; i < TIMES; i++)
		ff_buf_str(&log, START DEAD);
	_cleanup_scan_ struct ff_scan *scan = scan_of(log.p);
	const struct ff_runs *runs = ff_scan_runs(scan);
	assert_int_equal(ff_runs_count(runs), FF_RUNS_KEPT);
	assert_int_equal(ff_runs_forgotten(runs), TIMES - FF_RUNS_KEPT);
	assert_int_equal(ff_runs_at(runs, 0)->first, 1);
	assert_int_equal(ff_runs_at(runs, FF_RUNS_KEPT - 1)->last, 4 * TIMES);
	assert_true(ff_runs_at(runs, FF_RUNS_KEPT - 1)->counts);
}

// What is said over and over is not read each time; the last of it is, and so is what comes for the first time.
static struct ff_shape shape(const char *line)
{
	struct ff_shape shape;
	ff_shape_of(ff_span_of(line), 1, true, &shape);
	return shape;
}

static void what_is_repeated_is_read_a_few_times(void **state)
{
	(void)state;
	_cleanup_buf_ struct ff_buf log = {0};
	size_t newest = 0;
	ff_buf_str(&log, START UP);
	for (int i = 0; i < 5000; i++)
		ff_buf_printf(&log, "ERROR 09-30 18:28:40 [a.py:1] NVRM: heron %d\n", 1000 + i);
	ff_buf_str(&log, "ERROR 09-30 18:28:41 [a.py:1] NVRM: egret\n");
	for (int i = 0; i < 5000; i++)
		ff_buf_printf(&log, "ERROR 09-30 18:28:42 [a.py:1] NVRM: heron %d\n", 1000 + i);
	_cleanup_scan_ struct ff_scan *scan = scan_of(log.p);
	size_t herons = 0, egrets = 0;
	for (size_t i = 0; i < ff_events_count(ff_scan_events(scan)); i++) {
		const struct ff_event *e = ff_events_at(ff_scan_events(scan), i);
		herons += e && strstr(e->message, "heron");
		egrets += e && strstr(e->message, "egret");
		newest = e && strstr(e->message, "heron") ? e->last : newest;
	}
	assert_int_equal(egrets, 1);
	assert_in_range(herons, 8, 1000);
	assert_true(shape("request 4be08f1a failed").exact == shape("request 77c01d9e failed").exact);
	assert_true(shape("exit code 1").exact != shape("exit code 137").exact);
	assert_true(shape("exit code 1").blind == shape("exit code 137").blind);
	assert_int_equal(newest, 10003);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_begins_a_run),
		cmocka_unit_test(a_process_with_a_new_pid_is_a_new_run),
		cmocka_unit_test(what_is_repeated_is_read_a_few_times),
		cmocka_unit_test(a_service_does_not_heal_another),
		cmocka_unit_test(ends),
		cmocka_unit_test(stopped_from_outside),
		cmocka_unit_test(lines_that_defuse_themselves),
		cmocka_unit_test(many_runs_are_forgotten_in_the_middle),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	ff_rules_destroy(rules);
	return failed;
}
