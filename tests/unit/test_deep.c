// Steps of `check --deep` against an interpreter that does what each step must survive: crash, hang, talk for ever,
// fail, skip.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "host/command.h"
#include "probe/deep.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

// Called as: interpreter -u -c SCRIPT STEP
static const char interpreter[] =
	"#!/bin/sh\n"
	"case \"$4\" in\n"
	"import-torch) echo 'torch 2.3.1'; exit 0;;\n"
	"cuda-init) echo 'half a line'; kill -SEGV $$; sleep 9;;\n"
	"product-on-every-gpu) sleep 100 & sleep 100;;\n" // a grandchild holds the pipe
	"bitsandbytes-import) echo 'RuntimeError: CUDA Setup failed despite GPU being available' >&2; exit 1;;\n"
	"quantize-4bit) yes abcdefgh | head -c 1999998; echo the end; exit 3;;\n"
	"linear4bit) echo 'bitsandbytes is not installed'; exit 77;;\n"
	"transformers-config) exit 4;;\n"
	"*) printf 'no newline \\033[31m\\000'; exit 0;;\n"
	"esac\n";

static void write_script(char path[], const char *text)
{
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, 0755), 0);
	close(fd);
}

static void each_step_is_an_answer(void **state)
{
	(void)state;
	char path[] = "/tmp/ff-deep-XXXXXX";
	_cleanup_buf_ struct ff_buf log = {0};
	json_t *steps;
	write_script(path, interpreter);
	uint64_t started = ff_clock_ns();
	assert_null(ff_deep_run(path, 700, &log, &steps));
	assert_true(ff_clock_ms_since(started) < 5000);
	unlink(path);
	assert_int_equal(json_array_size(steps), 8);
	assert_true(json_is_true(ff_json_at(steps, "0.ok")));
	assert_string_equal(ff_json_text(steps, "0.said"), "torch 2.3.1");
	assert_true(json_integer_value(ff_json_at(steps, "0.peak_rss")) > 0);
	assert_true(json_is_false(ff_json_at(steps, "1.ok")));
	assert_non_null(strstr(ff_json_text(steps, "1.error"), "signal 11"));
	assert_string_equal(ff_json_text(steps, "2.error"), "no answer within 700 ms");
	assert_non_null(strstr(ff_json_text(steps, "3.error"), "CUDA Setup failed"));
	assert_string_equal(ff_json_text(steps, "4.error"), "the end");
	assert_string_equal(ff_json_text(steps, "5.skipped"), "bitsandbytes is not installed");
	assert_null(ff_json_at(steps, "5.ok"));
	assert_string_equal(ff_json_text(steps, "6.error"), "exit code 4");
	assert_true(json_is_true(ff_json_at(steps, "7.ok")));
	// the log holds what the failing ones said, each from the line its entry names
	assert_non_null(strstr(log.p, "half a line\nSegmentation fault (core dumped)\n"));
	assert_int_equal(json_integer_value(ff_json_at(steps, "1.log")), 1);
	assert_int_equal(json_integer_value(ff_json_at(steps, "3.log")), 3);
	assert_null(strstr(log.p, "torch 2.3.1"));
	assert_true(log.n < 2 * FF_COMMAND_OUTPUT_MAX);
	json_decref(steps);
}

static void an_interpreter_that_is_not_there_is_an_error(void **state)
{
	(void)state;
	struct ff_buf log = {0};
	json_t *steps = NULL;
	struct ff_error *err = ff_deep_run("/nowhere/python", 1000, &log, &steps);
	assert_non_null(err);
	assert_non_null(strstr(err->message, "/nowhere/python"));
	ff_error_destroy(err);
	err = ff_deep_run(NULL, 1000, &log, &steps);
	assert_non_null(err);
	ff_error_destroy(err);
	assert_null(steps);
	ff_buf_deinit(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_is_an_answer),
		cmocka_unit_test(an_interpreter_that_is_not_there_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
