// Lines of docker's json-file as the container wrote them.
#include "log/docker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_read(const char *lines, const char *text)
{
	struct ff_span in = ff_span_of(lines);
	char *out = malloc(in.n + 1);
	assert_non_null(out);
	size_t n = ff_docker_read(in, out);
	assert_true(n <= in.n);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(out, text, n);
	free(out);
}

static void lines_of_a_container(void **state)
{
	(void)state;
	assert_read("{\"log\":\"step 1\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T04:00:00.1Z\"}\n", "step 1\n");
	assert_read("{\"log\": \"\\n\", \"stream\": \"stdout\", \"time\": \"x\"}", "");
	assert_read(
		"{\"log\":\"a \\\"b\\\" \\\\ \\u003c\\u00e9\\ud83d\\ude00\\u001b[0m\\t\\r\\n\",\"stream\":\"stdout\","
		"\"time\":\"x\"}\n",
		"a \"b\" \\ <\xc3\xa9\xf0\x9f\x98\x80\x1b[0m\t\r\n");
	assert_read("{\"log\":\"a\\n\",\"stream\":\"stderr\",\"time\":\"x\"}\n\nplain\n"
		    "{\"log\":\"b\\n\",\"stream\":\"stderr\",\"time\":\"x\"}",
		"a\n\nplain\nb");
}

static void what_stays_as_it_is(void **state)
{
	(void)state;
	static const char *const lines[] = {"", "\n", "{\"log\":\"a part\",\"stream\":\"stderr\",\"time\":\"x\"}\n",
		"{\"log\":\"two\\nlines\\n\",\"stream\":\"stderr\",\"time\":\"x\"}\n",
		"{\"log\":\"a\\n\",\"stream\":\"stderr\",\"attrs\":{\"tag\":\"w\"},\"time\":\"x\"}\n",
		"{\"log\":\"a\\n\",\"stream\":\"stderr\",\"time\":\"x\"} b\n",
		"{\"log\":\"half a pair \\ud83d\\n\",\"stream\":\"stderr\",\"time\":\"x\"}\n",
		"{\"log\":\"\\x\\n\",\"stream\":\"stderr\",\"time\":\"x\"}\n", "{\"log\":\"\\u00g0\\n\"}\n",
		"{\"log\":\"cut\\", "{\"log\":\"cut\\u12", "{\"log\":\"cut", "{\"log\":\"a\\n\",\"stream\":\"stderr\""};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_read(lines[i], lines[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_a_container),
		cmocka_unit_test(what_stays_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
