// Which lines of access logs tell of the same request.
#include "log/request.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint64_t of(const char *line)
{
	return ff_request_of(ff_span_of(line));
}

static void test_the_same_request_in_every_form(void **state)
{
	(void)state;
	uint64_t chat = of("10.0.0.7:4000 - \"POST /v1/chat/completions HTTP/1.1\" 200 OK");
	assert_true(chat > FF_REQUEST_ANY);
	assert_int_equal(chat, of("\"POST /v1/chat/completions?stream=1 HTTP/1.1\" 500 Internal Server Error"));
	assert_int_equal(
		chat, of("[GIN] 2026/05/14 - 10:12:01 | 200 | 1.8s | 10.0.0.7 | POST     \"/v1/chat/completions\""));
	assert_int_equal(chat, of("srv log_server_r: request: POST /v1/chat/completions 127.0.0.1 200"));
	assert_int_not_equal(chat, of("\"POST /v1/completions HTTP/1.1\" 200"));
	assert_int_not_equal(chat, of("\"GET /v1/chat/completions HTTP/1.1\" 200"));
	assert_int_not_equal(of("\"POST /a HTTP/1.1\" 200"), of("\"PUT /a HTTP/1.1\" 200"));
}

static void test_names_of_what_is_asked_for_do_not_tell(void **state)
{
	(void)state;
	assert_int_equal(of("\"GET /jobs/812 HTTP/1.1\" 200"), of("\"GET /jobs/7 HTTP/1.1\" 500"));
	assert_int_equal(of("\"GET /files/5f0c9a5f-aaaa-bbbb-cccc-dddddddddddd-eeeeeeeeeeeeee HTTP/1.1\" 200"),
		of("\"GET /files/ffffffff-ffff-ffff-ffff-ffffffffffff-ffffffffffffff HTTP/1.1\" 200"));
}

static void test_what_is_no_request(void **state)
{
	(void)state;
	static const char *const lines[] = {"", "POST", "step 12 loss: 0.5", "POSTED / x",
		"HTTP Request: POST https://heron.example/v1/chat \"HTTP/1.1 200 OK\""};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(of(lines[i]), FF_REQUEST_NONE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_request_in_every_form),
		cmocka_unit_test(test_names_of_what_is_asked_for_do_not_tell),
		cmocka_unit_test(test_what_is_no_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
