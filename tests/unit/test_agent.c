// The agent's pure parts: the table of states, who may ask, what is counted, the text of metrics.
#include "agent/exposition.h"
#include "agent/gate.h"
#include "agent/gpu.h"
#include "agent/health.h"
#include "agent/procs.h"
#include "agent/tally.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct ff_observed well = {.alive = true,
	.records = true,
	.loaded = true,
	.up_s = 100,
	.oldest_request_s = -1,
	.since_request_s = -1,
	.stall_after_s = 120,
	.ready_after_s = 30,
	.idle_after_s = 30,
	.recent_p95_s = -1,
	.calm_median_s = -1};

static enum ff_state state_of(struct ff_observed o)
{
	struct ff_health h = {0};
	ff_health_judge(&o, &h);
	assert_true(h.why[0]);
	return h.state;
}

static struct ff_health judge(struct ff_observed o)
{
	struct ff_health h = {0};
	ff_health_judge(&o, &h);
	return h;
}

#define WITH(...)                            \
	({                                   \
		struct ff_observed o = well; \
		__VA_ARGS__;                 \
		o;                           \
	})

static void states(void **state)
{
	(void)state;
	assert_int_equal(state_of(well), FF_STATE_READY);
	assert_int_equal(state_of(WITH(o.loaded = false)), FF_STATE_READY); // it lives long enough
	assert_int_equal(state_of(WITH(o.loaded = false, o.up_s = 3)), FF_STATE_STARTING);
	assert_int_equal(state_of(WITH(o.loaded = false, o.up_s = 3, o.listening = true)), FF_STATE_READY);
	assert_int_equal(state_of(WITH(o.loading = true, o.served = true)), FF_STATE_LOADING);
	assert_int_equal(state_of(WITH(o.served = true, o.since_request_s = 3)), FF_STATE_READY);
	assert_int_equal(state_of(WITH(o.served = true, o.since_request_s = 31)), FF_STATE_IDLE);
	assert_int_equal(state_of(WITH(o.in_flight = 2, o.oldest_request_s = 5)), FF_STATE_BUSY);
	assert_int_equal(state_of(WITH(o.alive = false)), FF_STATE_DEAD);
	assert_int_equal(state_of(WITH(o.gpus_lost = 1)), FF_STATE_GPU_LOST);
	assert_int_equal(state_of(WITH(o.driver_silent_s = 6)), FF_STATE_DRIVER_HUNG);
	assert_int_equal(state_of(WITH(o.driver_silent_s = 4)), FF_STATE_READY);
	assert_int_equal(state_of(WITH(o.engines_dead = 1)), FF_STATE_ENGINE_DEAD);
	assert_int_equal(state_of(WITH(o.engines_dead = 1, o.engines = 1)), FF_STATE_READY);
	assert_int_equal(state_of(WITH(o.engines_dead = 1, o.loading = true)), FF_STATE_LOADING);
	assert_int_equal(state_of(WITH(o.supervision = FF_SUP_STOPPING, o.alive = false)), FF_STATE_STOPPING);
	assert_int_equal(state_of(WITH(o.supervision = FF_SUP_GIVEN_UP, o.alive = false)), FF_STATE_DEAD);
	assert_int_equal(state_of(WITH(o.supervision = FF_SUP_BETWEEN, o.alive = false)), FF_STATE_STARTING);
}

static void a_stall_needs_evidence(void **state)
{
	(void)state;
	struct ff_observed stall = WITH(o.in_flight = 1, o.oldest_request_s = 200, o.since_progress_s = 130);
	assert_int_equal(state_of(stall), FF_STATE_STALLED);
	assert_false(judge(stall).live);
	stall.since_progress_s = 10; // a long generation
	assert_int_equal(state_of(stall), FF_STATE_BUSY);
	stall.since_progress_s = 130, stall.in_flight = 0, stall.oldest_request_s = -1; // nothing to do
	assert_int_equal(state_of(stall), FF_STATE_READY);
	stall.loading = true; // a disk that is slow
	assert_int_equal(state_of(stall), FF_STATE_LOADING);
	assert_true(judge(stall).live);
	assert_int_equal(
		state_of(WITH(o.in_flight = 1, o.oldest_request_s = 9, o.request_max_s = 8)), FF_STATE_STALLED);
	assert_int_equal(state_of(WITH(o.in_flight = 1, o.oldest_request_s = 999, o.since_progress_s = 999,
				 o.stall_after_s = 0)),
		FF_STATE_BUSY);
}

static void a_driver_that_hangs_kills_no_worker_that_moves(void **state)
{
	(void)state;
	struct ff_health h = judge(WITH(o.driver_silent_s = 60, o.since_progress_s = 1));
	assert_true(h.live && !h.ready);
	h = judge(WITH(o.driver_silent_s = 600, o.since_progress_s = 500));
	assert_false(h.live || h.ready);
}

static void saturation(void **state)
{
	(void)state;
	assert_int_equal(
		state_of(WITH(o.in_flight = 6, o.recent_p95_s = 3.1, o.calm_median_s = 1)), FF_STATE_SATURATED);
	assert_int_equal(state_of(WITH(o.in_flight = 6, o.recent_p95_s = 2.9, o.calm_median_s = 1)), FF_STATE_BUSY);
	assert_int_equal(state_of(WITH(o.in_flight = 1, o.recent_p95_s = 9, o.calm_median_s = 1)), FF_STATE_BUSY);
	assert_int_equal(state_of(WITH(o.in_flight = 1, o.max_in_flight = 1)), FF_STATE_SATURATED);
}

static void addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host, *port;
	} rows[] = {{"9464", "127.0.0.1", "9464"}, {":80", "127.0.0.1", "80"}, {"0.0.0.0:1", "0.0.0.0", "1"},
		{"[::1]:80", "::1", "80"}, {"localhost:0", "localhost", "0"}, {"::1:80", NULL, NULL},
		{"1.2.3.4", NULL, NULL}, {"a:", NULL, NULL}, {"", NULL, NULL}, {"a:99999", NULL, NULL},
		{"a:-1", NULL, NULL}};
	char host[256], port[8];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ff_gate_address(rows[i].text, host, port), rows[i].host != NULL);
		if (rows[i].host) {
			assert_string_equal(host, rows[i].host);
			assert_string_equal(port, rows[i].port);
		}
	}
	assert_true(ff_gate_is_loopback("127.9.9.9") && ff_gate_is_loopback("::1") && ff_gate_is_loopback("localhost"));
	assert_false(ff_gate_is_loopback("0.0.0.0") || ff_gate_is_loopback("::") || ff_gate_is_loopback("128.0.0.1"));
}

static void tokens(void **state)
{
	(void)state;
	struct ff_gate open = {0}, closed = {.token = "abc"};
	assert_true(ff_gate_trusts(&open, NULL) && ff_gate_trusts(&closed, "Bearer abc") &&
		ff_gate_trusts(&closed, "bearer abc"));
	assert_false(ff_gate_trusts(&closed, NULL) || ff_gate_trusts(&closed, "Bearer ab") ||
		ff_gate_trusts(&closed, "Bearer abcd"));
	assert_false(ff_gate_trusts(&closed, "abc") || ff_gate_trusts(&closed, ""));
}

// An event as a reader gives it.
static struct ff_event event(
	uint32_t kind, uint64_t position, size_t n, const struct ff_field *fields, const char *const *keys)
{
	return (struct ff_event){.kind = kind,
		.time_ns = position * UINT64_C(1000000),
		.mono_ns = position * UINT64_C(1000000),
		.pid = 7,
		.lane = "7-1.ring",
		.n = n,
		.fields = fields,
		.keys = keys,
		.position = position};
}

static const char *const begin_keys[] = {
	"firstfix.phase", "firstfix.phase.id", "firstfix.request.id", "firstfix.request.concurrent"};
static const char *const end_keys[] = {"firstfix.phase.id", "firstfix.duration_ms", "firstfix.outcome", "error.type"};

static void request(struct ff_tally *t, uint64_t *position, int64_t id, double ms, const char *outcome)
{
	const struct ff_field begin[] = {ff_str(0, "request"), ff_int(0, id), ff_str(0, "r"), ff_int(0, 2)},
			      end[] = {ff_int(0, id), ff_real(0, ms), ff_str(0, outcome), ff_str(0, "Oops")};
	struct ff_event e = event(FF_EV_PHASE_BEGIN, *position += 64, 4, begin, begin_keys);
	ff_tally_count(t, &e);
	e = event(FF_EV_PHASE_END, *position += 64, 4, end, end_keys);
	ff_tally_count(t, &e);
	ff_tally_count(t, &e); // told twice, counted once
}

static unsigned in_flight(const struct ff_tally *t)
{
	unsigned n = 0;
	for (unsigned i = 0; i < FF_TALLY_OPEN; i++)
		n += t->open[i].id && t->open[i].request;
	return n;
}

static void counting(void **state)
{
	(void)state;
	struct ff_tally *t = calloc(1, sizeof(*t));
	uint64_t position = 0;
	assert_non_null(t);
	request(t, &position, 1, 30, "ok");
	request(t, &position, 2, 3000, "error");
	request(t, &position, 3, 40, "cancelled");
	assert_int_equal(t->requests[FF_OUTCOME_OK], 1);
	assert_int_equal(t->requests[FF_OUTCOME_ERROR], 1);
	assert_int_equal(t->requests[FF_OUTCOME_CANCELLED], 1);
	assert_int_equal(t->events, 6);
	assert_string_equal(t->errors[0].name, "Oops");
	assert_int_equal(t->errors[0].n, 1);
	assert_int_equal(t->latency.n[3], 2);
	assert_int_equal(t->levels[1].n, 3);
	assert_true(fabs(ff_histogram_quantile(&t->latency, 0.5) - 0.04375) < 1e-9);
	const struct ff_field begin[] = {ff_str(0, "request"), ff_int(0, 9)};
	struct ff_event e = event(FF_EV_PHASE_BEGIN, position += 64, 2, begin, begin_keys);
	ff_tally_count(t, &e);
	assert_int_equal(in_flight(t), 1);
	ff_tally_lane_died(t, 0);
	assert_int_equal(in_flight(t), 0);
	assert_int_equal(t->requests[FF_OUTCOME_KILLED], 1);
	free(t);
}

static void more_at_once_than_there_is_room_for(void **state)
{
	(void)state;
	struct ff_tally *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	for (int64_t i = 1; i <= 2 * FF_TALLY_OPEN; i++) {
		const struct ff_field begin[] = {ff_str(0, "request"), ff_int(0, i)};
		struct ff_event e = event(FF_EV_PHASE_BEGIN, (uint64_t)i, 2, begin, begin_keys);
		ff_tally_count(t, &e);
	}
	assert_int_equal(in_flight(t), FF_TALLY_OPEN);
	free(t);
}

static void a_name_has_one_row(void **state)
{
	(void)state;
	struct ff_named rows[4] = {0};
	const char *const names[] = {"", "a", "other", "b", "a", "c", "d"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ff_named_row(rows, 4, names[i])->n++;
	assert_string_equal(rows[0].name, "a");
	assert_int_equal(rows[0].n, 2);
	assert_string_equal(rows[2].name, "c");
	assert_string_equal(rows[3].name, "other"); // without a name, of that name, and one too many
	assert_int_equal(rows[3].n, 3);
}

static void a_file_is_gone_on_with(void **state)
{
	(void)state;
	char dir[] = "/tmp/firstfix-tally-XXXXXX", path[64];
	struct ff_twin *file, *second;
	uint64_t position = 0;
	assert_non_null(mkdtemp(dir));
	assert_null(ff_tally_open_file(dir, "x", &file));
	struct ff_tally *t = ff_twin_begin(file);
	request(t, &position, 1, 30, "ok");
	assert_int_equal(ff_tally_now(file)->requests[FF_OUTCOME_OK], 0); // not before it is whole
	ff_twin_commit(file);
	struct ff_error *err = ff_tally_open_file(dir, "x", &second);
	assert_non_null(err);
	assert_int_equal(err->code, FF_EDENIED);
	ff_error_destroy(err);
	((struct ff_tally *)ff_twin_begin(file))->requests[FF_OUTCOME_OK] = 99; // killed in the middle
	ff_twin_close(file);
	assert_null(ff_tally_open_file(dir, "x", &file));
	assert_int_equal(ff_tally_now(file)->requests[FF_OUTCOME_OK], 1);
	ff_twin_close(file);
	snprintf(path, sizeof(path), "%s/x.tally", dir);
	unlink(path);
	rmdir(dir);
}

static void text_of_metrics(void **state)
{
	(void)state;
	struct ff_exposition e = {0}, open = {.open = true};
	ff_metric(&e, FF_METRIC_REQUESTS);
	ff_sample2(&e, 3, "outcome", "a\"b\\c\nd\xc3\xa9", NULL, NULL);
	ff_exposition_end(&e);
	assert_non_null(strstr(e.out.p,
		"# TYPE firstfix_requests_total counter\nfirstfix_requests_total{outcome=\"a\\\"b\\\\c?d??\"} 3\n"));
	ff_metric(&open, FF_METRIC_REQUESTS);
	ff_sample(&open, 0.25, NULL);
	ff_exposition_end(&open);
	assert_non_null(strstr(open.out.p, "# TYPE firstfix_requests counter\nfirstfix_requests_total 0.25\n# EOF\n"));
	ff_buf_deinit(&e.out);
	ff_buf_deinit(&open.out);
}

// The helper is this program (main): it never answers, as in a driver that hangs.
static void few_helpers_hang_in_a_driver_that_hangs(void **state)
{
	(void)state;
	const uint64_t second = UINT64_C(1000000000);
	struct ff_gpu_watch w;
	uint64_t now = second;
	ff_gpu_start(&w, now);
	unsigned helpers = w.pid > 0;
	for (int i = 0; i < 4 * 400; i++) {
		pid_t before = w.pid;
		ff_gpu_tick(&w, now += second / 4);
		helpers += w.pid != before;
	}
	assert_int_equal(helpers, 3); // after a minute, and after two more
	assert_true(ff_gpu_silent_s(&w, now) > 390);
	for (int i = 0; i < 1000 && (w.killed[0] || w.killed[1]); i++) { // they need a moment to die
		usleep(10000);
		ff_gpu_tick(&w, ++now);
	}
	assert_int_equal(w.killed[0] | w.killed[1], 0);
	ff_gpu_stop(&w);
}

// What a process in an empty root sees, as a code: 77 where nobody may make one.
static int look_from_an_empty_root(const char *root, pid_t lives, pid_t dead)
{
	uint64_t ticks = 0;
	if (chroot(root) != 0)
		return 77;
	return ff_proc_lives(lives, 0, &ticks) && ff_proc_lives(lives, 1234, NULL) && !ticks &&
			!ff_proc_lives(dead, 0, NULL) && !ff_proc_lives(0, 0, NULL)
		? 0
		: 1;
}

static void a_worker_lives_in_a_root_without_proc(void **state)
{
	char root[] = "/tmp/ff-empty-XXXXXX";
	int status = 0;
	(void)state;
	pid_t dead = fork();
	if (!dead)
		_exit(0);
	assert_int_equal(waitpid(dead, &status, 0), dead);
	assert_non_null(mkdtemp(root));
	pid_t pid = fork();
	if (!pid)
		_exit(look_from_an_empty_root(root, getppid(), dead));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rmdir(root);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--gpu-helper") == 0)
		return pause();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states),
		cmocka_unit_test(a_stall_needs_evidence),
		cmocka_unit_test(a_driver_that_hangs_kills_no_worker_that_moves),
		cmocka_unit_test(saturation),
		cmocka_unit_test(addresses),
		cmocka_unit_test(tokens),
		cmocka_unit_test(counting),
		cmocka_unit_test(more_at_once_than_there_is_room_for),
		cmocka_unit_test(a_name_has_one_row),
		cmocka_unit_test(a_file_is_gone_on_with),
		cmocka_unit_test(text_of_metrics),
		cmocka_unit_test(few_helpers_hang_in_a_driver_that_hangs),
		cmocka_unit_test(a_worker_lives_in_a_root_without_proc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
