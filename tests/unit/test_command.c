// A program's output as it comes: whole, bounded in time, without what it left behind, and how it ended.
#include "host/command.h"

#include "base/clock.h"
#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LONG_MS = 20000, SHORT_MS = 200, MAX = 1 << 20 };

// The stream of a shell script to its end.
static void run(
	const char *script, unsigned deadline_ms, bool joined, struct ff_buf *text, struct ff_command_result *ret)
{
	struct ff_command_stream stream;
	char *argv[] = {"/bin/sh", "-c", (char *)script, NULL};
	assert_null(ff_command_stream_open(argv, deadline_ms, joined, &stream));
	assert_null(ff_read_all(stream.fd, "stream", MAX, text));
	ff_command_stream_close(&stream, ret);
}

static void test_both_outputs(void **state)
{
	(void)state;
	_cleanup_buf_ struct ff_buf joined = {0}, apart = {0};
	struct ff_command_result r;
	run("echo out; echo err >&2", LONG_MS, true, &joined, &r);
	assert_string_equal(joined.p, "out\nerr\n");
	assert_int_equal(r.exit_code, 0);
	assert_null(r.output.p);
	run("echo out; echo err >&2; exit 7", LONG_MS, false, &apart, &r);
	assert_string_equal(apart.p, "out\n");
	assert_string_equal(r.output.p, "err\n");
	assert_int_equal(r.exit_code, 7);
	assert_false(r.timed_out);
	ff_buf_deinit(&r.output);
}

static void test_a_signal(void **state)
{
	(void)state;
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_command_result r;
	run("kill -9 $$", LONG_MS, true, &text, &r);
	assert_int_equal(r.exit_code, 128 + 9);
}

static void test_deadline(void **state)
{
	(void)state;
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_command_result r;
	uint64_t started = ff_clock_ns();
	run("echo first; sleep 100", SHORT_MS, true, &text, &r);
	assert_string_equal(text.p, "first\n");
	assert_true(r.timed_out);
	assert_true(ff_clock_ms_since(started) < LONG_MS / 2);
}

static void test_what_it_leaves_behind_holds_nobody_up(void **state)
{
	(void)state;
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_command_result r;
	uint64_t started = ff_clock_ns();
	run("sleep 100 & echo done", LONG_MS, true, &text, &r);
	assert_int_equal(r.exit_code, 0);
	assert_true(ff_clock_ms_since(started) < LONG_MS / 2);
}

static void test_a_reader_that_leaves_early(void **state)
{
	(void)state;
	struct ff_command_stream stream;
	struct ff_command_result r;
	char byte, *argv[] = {"/bin/sh", "-c", "while :; do echo y; done", NULL};
	assert_null(ff_command_stream_open(argv, LONG_MS, true, &stream));
	assert_int_equal(read(stream.fd, &byte, 1), 1);
	uint64_t started = ff_clock_ns();
	ff_command_stream_close(&stream, &r);
	assert_true(ff_clock_ms_since(started) < LONG_MS / 2);
}

static void test_find(void **state)
{
	(void)state;
	_cleanup_free_ char *sh = ff_command_find("sh"), *path = ff_command_find("/x/y");
	assert_true(sh && ff_ends(sh, "/sh"));
	assert_string_equal(path, "/x/y");
	assert_null(ff_command_find("no such program"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_outputs),
		cmocka_unit_test(test_a_signal),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_what_it_leaves_behind_holds_nobody_up),
		cmocka_unit_test(test_a_reader_that_leaves_early),
		cmocka_unit_test(test_find),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
