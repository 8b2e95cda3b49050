// OTLP: variables, messages, answers, the queue.
#include "otlp/message.h"
#include "otlp/queue.h"
#include "otlp/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const (*variables)[2];

static const char *get(const char *name)
{
	for (size_t i = 0; variables[i][0]; i++)
		if (strcmp(variables[i][0], name) == 0)
			return variables[i][1];
	return NULL;
}

static void read_settings(const char *const given[][2], struct ff_otlp_settings *ret)
{
	variables = given;
	assert_null(ff_otlp_settings_read(get, ret));
}

static void variables_of_one_signal(void **state)
{
	(void)state;
	struct ff_otlp_settings s;
	const char *const given[][2] = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/x?y=1"}, {"OTEL_LOGS_EXPORTER", "console, otlp"},
		{"OTEL_METRICS_EXPORTER", "prometheus"}, {"OTEL_EXPORTER_OTLP_TIMEOUT", "250"},
		{"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "x"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"}, {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b%2Cc,, bad name=1,x=%0d%0aEvil: 1,d = e"},
		{"OTEL_BSP_SCHEDULE_DELAY", "10"}, {NULL, NULL}};
	read_settings(given, &s);
	assert_true(s.on);
	assert_string_equal(s.targets[FF_SIGNAL_LOGS].url, "http://c:4318/v1/logs");
	assert_string_equal(s.targets[FF_SIGNAL_TRACES].url, "https://t/x?y=1");
	assert_null(s.targets[FF_SIGNAL_METRICS].url);
	assert_int_equal(s.targets[FF_SIGNAL_TRACES].timeout_ms, 250);
	assert_int_equal(s.targets[FF_SIGNAL_LOGS].timeout_ms, 10000);
	assert_true(s.targets[FF_SIGNAL_LOGS].json);
	assert_false(s.targets[FF_SIGNAL_TRACES].json);
	assert_string_equal(s.targets[FF_SIGNAL_LOGS].client_key, "/k");
	assert_int_equal(s.targets[FF_SIGNAL_LOGS].n_headers, 2);
	assert_string_equal(s.targets[FF_SIGNAL_LOGS].headers[0], "a: b,c");
	assert_string_equal(s.targets[FF_SIGNAL_LOGS].headers[1], "d: e");
	assert_int_equal(s.delay_ms, 10);
	assert_int_equal(s.metrics_every_ms, 60000);
	assert_true(s.parent_based && s.sampled == 1);
	assert_true(s.n_problems >= 3);
	ff_otlp_settings_deinit(&s);
}

static void sampler_and_resource(void **state)
{
	(void)state;
	struct ff_otlp_settings s;
	const char *const given[][2] = {{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://c"},
		{"OTEL_TRACES_SAMPLER", "traceidratio"}, {"OTEL_TRACES_SAMPLER_ARG", "0.25"},
		{"OTEL_RESOURCE_ATTRIBUTES", "service.name=a%20b,k=v=w,nothing"}, {NULL, NULL}};
	read_settings(given, &s);
	assert_null(s.targets[FF_SIGNAL_TRACES].url);
	assert_false(s.parent_based);
	assert_true(s.sampled == 0.25);
	assert_string_equal(s.service_name, "a b");
	assert_string_equal(json_string_value(json_object_get(s.attributes, "k")), "v=w");
	assert_int_equal(s.n_problems, 1);
	ff_otlp_settings_deinit(&s);
}

static void nothing_is_asked_for(void **state)
{
	(void)state;
	struct ff_otlp_settings s;
	const char *const none[][2] = {{"OTEL_EXPORTER_OTLP_ENDPOINT", ""}, {NULL, NULL}},
			  *const off[][2] = {{"OTEL_SDK_DISABLED", "TRUE"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"},
				  {NULL, NULL}};
	read_settings(none, &s);
	assert_false(s.on);
	read_settings(off, &s);
	assert_false(s.on);
	ff_otlp_settings_deinit(&s);
}

static bool encodes(enum ff_signal signal, const char *text, struct ff_buf *ret)
{
	_cleanup_json_ json_t *doc = NULL;
	assert_null(ff_json_parse("text", text, strlen(text), &doc));
	struct ff_error *err = ff_otlp_protobuf(ff_otlp_requests[signal], doc, ret);
	bool good = !err;
	ff_error_destroy(err);
	return good;
}

static void bytes_of_a_message(void **state)
{
	(void)state;
	_cleanup_buf_ struct ff_buf out = {0};
	static const char wanted[] =
		"\x0a\x18\x12\x16\x12\x14\x09\x01\0\0\0\0\0\0\0\x10\x11\x45\x01\0\0\0\x4a\x02\xab\xcd";
	assert_true(encodes(FF_SIGNAL_LOGS,
		"{\"resourceLogs\": [{\"scopeLogs\": [{\"logRecords\": [{\"traceId\": \"abcd\", \"flags\": 1, "
		"\"timeUnixNano\": \"1\", \"severityNumber\": 17}]}]}]}",
		&out));
	assert_int_equal(out.n, sizeof(wanted) - 1);
	assert_memory_equal(out.p, wanted, out.n);
}

static void what_is_no_message_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"{\"other\": []}", "{\"resourceLogs\": {}}", "{\"resourceLogs\": [7]}",
		"{\"resourceLogs\": [{\"schemaUrl\": 1}]}",
		"{\"resourceLogs\": [{\"scopeLogs\": [{\"logRecords\": [{\"timeUnixNano\": \"-1\"}]}]}]}",
		("{\"resourceLogs\": [{\"scopeLogs\": [{\"logRecords\": "
		 "[{\"timeUnixNano\": \"18446744073709551616\"}]}]}]}"),
		"{\"resourceLogs\": [{\"scopeLogs\": [{\"logRecords\": [{\"traceId\": \"abc\"}]}]}]}",
		"{\"resourceLogs\": [{\"scopeLogs\": [{\"logRecords\": [{\"traceId\": \"zz\"}]}]}]}",
		"{\"resourceLogs\": [{\"scopeLogs\": [{\"logRecords\": [{\"severityNumber\": 4294967296}]}]}]}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_cleanup_buf_ struct ff_buf out = {0};
		assert_false(encodes(FF_SIGNAL_LOGS, bad[i], &out));
	}
}

static void answers(void **state)
{
	(void)state;
	assert_int_equal(ff_otlp_rejected(FF_SPAN("\x0a\x07\x08\x03\x12\x03"
						  "bad"),
				 false),
		3);
	assert_int_equal(ff_otlp_rejected(FF_SPAN("\x0a\x03\x08\xff"), false), 0);
	assert_int_equal(ff_otlp_rejected(FF_SPAN("{\"partialSuccess\":{\"rejectedSpans\":\"12\"}}"), true), 12);
	assert_int_equal(ff_otlp_rejected(FF_SPAN("<html>"), true), 0);
	assert_int_equal(ff_otlp_rejected((struct ff_span){0}, true), 0);
}

static void put(struct ff_otlp_queue *q, enum ff_signal signal, const char *text)
{
	assert_true(ff_otlp_queue_put(q, signal, text, strlen(text), 1));
}

static void expect(struct ff_otlp_queue *q, enum ff_signal signal, const char *text)
{
	_cleanup_buf_ struct ff_buf got = {0};
	uint64_t number;
	assert_true(ff_otlp_queue_next(q, signal, &number, &got));
	assert_string_equal(got.p, text);
	ff_otlp_queue_done(q, number, true);
}

static void the_queue_keeps_order_bounds_and_survives(void **state)
{
	(void)state;
	char dir[] = "/tmp/firstfix-otlp-XXXXXX", other[] = "/tmp/firstfix-otlp-XXXXXX";
	struct ff_otlp_queue *q;
	uint64_t number;
	_cleanup_buf_ struct ff_buf none = {0};
	assert_non_null(mkdtemp(dir));
	assert_non_null(mkdtemp(other));
	assert_null(ff_otlp_queue_open(dir, 10, &q));
	put(q, FF_SIGNAL_LOGS, "one");
	put(q, FF_SIGNAL_TRACES, "two");
	put(q, FF_SIGNAL_LOGS, "three");
	assert_true(ff_otlp_queue_is_safe(q));
	assert_int_equal(ff_otlp_queue_counts(q).lost[FF_SIGNAL_LOGS], 1); // "one": there is room for ten bytes
	ff_otlp_queue_close(q);
	assert_null(ff_otlp_queue_open(dir, 1000, &q));
	put(q, FF_SIGNAL_LOGS, "four");
	expect(q, FF_SIGNAL_LOGS, "three");
	expect(q, FF_SIGNAL_LOGS, "four");
	assert_false(ff_otlp_queue_next(q, FF_SIGNAL_LOGS, &number, &none));
	struct ff_otlp_queue *heir;
	assert_null(ff_otlp_queue_open(other, 1000, &heir));
	ff_otlp_queue_adopt(heir, dir);
	expect(heir, FF_SIGNAL_TRACES, "two");
	ff_otlp_queue_close(heir);
	ff_otlp_queue_close(q);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(rmdir(other), 0);
}

static void without_a_disk_it_waits_in_memory(void **state)
{
	(void)state;
	struct ff_otlp_queue *q;
	assert_null(ff_otlp_queue_open("/proc/self/nothing-can-be-made-here", 1 << 30, &q));
	put(q, FF_SIGNAL_LOGS, "one");
	assert_false(ff_otlp_queue_is_safe(q));
	char *much = calloc(1, 5 << 20);
	assert_non_null(much);
	memset(much, 'x', (5 << 20) - 1);
	put(q, FF_SIGNAL_TRACES, much);
	assert_false(ff_otlp_queue_put(q, FF_SIGNAL_TRACES, much, strlen(much), 1)); // more is kept by whoever has it
	free(much);
	expect(q, FF_SIGNAL_LOGS, "one");
	ff_otlp_queue_close(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_of_one_signal),
		cmocka_unit_test(sampler_and_resource),
		cmocka_unit_test(nothing_is_asked_for),
		cmocka_unit_test(bytes_of_a_message),
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(answers),
		cmocka_unit_test(the_queue_keeps_order_bounds_and_survives),
		cmocka_unit_test(without_a_disk_it_waits_in_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
