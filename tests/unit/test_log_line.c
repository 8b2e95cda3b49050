// A line of a log as it arrives, and what was meant.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log/encoding.h"
#include "log/line.h"
#include "log/prefix_learned.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINES_MAX = 64 };

struct meant {
	uint64_t number;
	char *text, *source;
	enum ff_level level;
};

struct read {
	struct meant lines[LINES_MAX];
	size_t n;
};

static void keep(const struct ff_line *line, void *context)
{
	struct read *r = context;
	assert_true(r->n < LINES_MAX);
	assert_true(line->text.n <= FF_LINE_MAX);
	r->lines[r->n++] =
		(struct meant){line->number, ff_span_dup(line->text), ff_span_dup(line->source), line->level};
}

static void forget(struct read *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->lines[i].text);
		free(r->lines[i].source);
	}
	r->n = 0;
}

// Every line of the text, as one log.
static struct read read_bytes(const char *bytes, size_t n)
{
	struct read r = {0};
	struct ff_liner *liner;
	struct ff_span rest = {bytes, n}, line;
	uint64_t number = 0;
	assert_null(ff_liner_create(&liner));
	while (ff_span_next(&rest, '\n', &line))
		ff_liner_read(liner, line, ++number, keep, &r);
	assert_null(ff_liner_end(liner, number, keep, &r));
	ff_liner_destroy(liner);
	return r;
}

static struct read read_log(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void assert_lines(const char *log, const char *const *texts)
{
	struct read r = read_log(log);
	size_t n = 0;
	for (; texts[n]; n++) {
		assert_true(n < r.n);
		assert_string_equal(r.lines[n].text, texts[n]);
	}
	assert_int_equal(r.n, n);
	forget(&r);
}

struct sample {
	const char *raw, *text, *source;
	enum ff_level level;
};

static void assert_samples(const struct sample *samples, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct read r = read_log(samples[i].raw);
		assert_int_equal(r.n, 1);
		assert_string_equal(r.lines[0].text, samples[i].text);
		assert_string_equal(r.lines[0].source, samples[i].source);
		assert_int_equal(r.lines[0].level, samples[i].level);
		forget(&r);
	}
}

#define ASSERT_SAMPLES(samples) assert_samples(samples, sizeof(samples) / sizeof(*(samples)))

static void runtimes_and_collectors(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{"2026-01-02T03:04:05.678901234Z   File \"a.py\", line 1, in f", "  File \"a.py\", line 1, in f", "",
			0},
		{"2026-01-02T03:04:05.678901234Z stderr F     x = 1", "    x = 1", "", 0},
		{"worker-1  | KeyError: 'x'", "KeyError: 'x'", "worker-1", 0},
		{"worker_1  |", "", "worker_1", 0},
		{"[pod/w-7d9f8b6c5d-x2x4z/vllm] KeyError: 'x'", "KeyError: 'x'", "pod/w-7d9f8b6c5d-x2x4z/vllm", 0},
		{"[w-7d9f8b6c5d-x2x4z] KeyError: 'x'", "KeyError: 'x'", "w-7d9f8b6c5d-x2x4z", 0},
		{"w-7d9f8b6c5d-x2x4z vllm   File \"a\"", "  File \"a\"", "w-7d9f8b6c5d-x2x4z", 0},
		{"2026-01-02T03:04:05.678000+00:00 w/vllm/0a1b2c3d4e5f x", "x", "w/vllm/0a1b2c3d4e5f", 0},
		{"2026-01-02T03:04:05Z {app=\"w\", pod=\"w-0\"} x", "x", "", 0},
		{"2026-01-02T03:04:05Z app[148e2d6a] ams [info]x", "x", "app[148e2d6a]", FF_LEVEL_INFO},
		{"0|serve  | x", "x", "serve", 0},
		{"#12 3.456   x", "  x", "", 0},
	};
	ASSERT_SAMPLES(samples);
}

static void journals(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{"Mar 04 05:06:07 gpu-3 python3[711]:   x", "  x", "gpu-3 python3[711]", 0},
		{"Mar  4 05:06:07 gpu-3 kernel: NVRM: Xid", "NVRM: Xid", "gpu-3 kernel", 0},
		{"Mar  4 05:06:07 kernel: NVRM: Xid", "NVRM: Xid", "kernel", 0},
		{"2026-03-04T05:06:07+0100 gpu-3 w[711]: x", "x", "gpu-3 w[711]", 0},
		{"Wed 2026-03-04 05:06:07 UTC gpu-3 w[711]: x", "x", "gpu-3 w[711]", 0},
		{"1772600767.123456 gpu-3 w[711]: x", "x", "gpu-3 w[711]", 0},
		{"[   12.345678] gpu-3 w[711]: x", "x", "gpu-3 w[711]", 0},
		{"[   12.345678] NVRM: x", "NVRM: x", "", 0},
		{"<11>Mar  4 05:06:07 gpu-3 w: x", "x", "gpu-3 w", 0},
		{"<11>1 2026-03-04T05:06:07.1Z gpu-3 w 711 - -   x", "  x", "gpu-3 w 711", 0},
		{"<11>1 2026-03-04T05:06:07.1Z gpu-3 w 711 I [a@1 b=\"]\"] x", "x", "gpu-3 w 711", 0},
		{"2026-03-04T05:06:07+00:00 gpu-3 w[7]: #033[31mx#033[0m", "x", "gpu-3 w[7]", 0},
		{"{\"PRIORITY\":\"6\",\"MESSAGE\":[27,91,51,49,109,120,27,91,48,109]}", "x", "", 0},
		{"    MESSAGE=KeyError: 1", "KeyError: 1", "", 0},
	};
	ASSERT_SAMPLES(samples);
}

static void launchers_of_ranks(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{"[rank0]:   File \"a\"", "  File \"a\"", "rank0", 0},
		{"[default3]:  File \"a\"", "  File \"a\"", "default3", 0},
		{"[default3]:[rank3]: x", "x", "default3/rank3", 0},
		{"[1,0]<stderr>:  x", "  x", "1,0", 0},
		{"[prterun-gpu3-411@1,0]<stderr>: x", "x", "prterun-gpu3-411@1,0", 0},
		{"12: x", "x", "12", 0},
		{" 7:   x", "  x", "7", 0},
		{"gpu-node-3: KeyError: 1", "KeyError: 1", "gpu-node-3", 0},
		{"gpu-3\tKeyError: 1", "KeyError: 1", "gpu-3", 0},
		{"libx.so.12: x", "libx.so.12: x", "", 0},
		{"10.0.0.4: x", "x", "10.0.0.4", 0},
		{"(RayWorkerWrapper pid=1, ip=10.0.0.2)   x", "  x", "RayWorkerWrapper pid=1, ip=10.0.0.2", 0},
		{"(raylet) x", "x", "raylet", 0},
		{"(EngineCore_0 pid=7) ERROR 03-04 05:06:07 [core.py:396]   x", "  x", "EngineCore_0 pid=7",
			FF_LEVEL_ERROR},
		{"[2026-03-04 05:06:07 TP0] x", "x", "TP0", 0},
		{"2026-03-04T05:06:07,891 [INFO ] W-9000-m_1.0-stdout MODEL_LOG -   x", "  x", "W-9000-m_1.0", 0},
		{"[E] cannot open the model", "cannot open the model", "", FF_LEVEL_ERROR},
		{"ab12cd34ef56gh[error]worker exited with exit code 139", "worker exited with exit code 139",
			"ab12cd34ef56gh", FF_LEVEL_ERROR},
		{"[INFO ] PyProcess - W-103-m-stdout: x", "x", "W-103-m", 0},
	};
	ASSERT_SAMPLES(samples);
}

static void loggers_and_ci(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{"2026-03-04 05:06:07,891 - worker - ERROR - x", "x", "", FF_LEVEL_ERROR},
		{"[2026-03-04 05:06:07,891][worker][ERROR] - x", "x", "", FF_LEVEL_ERROR},
		{"[2026-03-04 05:06:07,891: ERROR/ForkPoolWorker-1] x", "x", "ForkPoolWorker-1", FF_LEVEL_ERROR},
		{"[2026-03-04 05:06:07,891: WARNING/ForkPoolWorker-1] x", "x", "ForkPoolWorker-1", 0},
		{"ERROR:worker.main:x", "x", "", FF_LEVEL_ERROR},
		{"2026-03-04 05:06:07.891 | WARNING  | worker:serve:41 - x", "x", "", FF_LEVEL_WARNING},
		{"E0304 05:06:07.891000 1 model.cc:402] x", "x", "", FF_LEVEL_ERROR},
		{"time=2026-03-04T05:06:07Z level=ERROR source=a.go:1 msg=\"x \\\"y\\\"\"", "x \"y\"", "",
			FF_LEVEL_ERROR},
		{"2026-03-04T05:06:07.1234567Z ##[error]x", "x", "", FF_LEVEL_ERROR},
		{"test\tRun tests\t2026-03-04T05:06:07.1234567Z   x", "  x", "", 0},
		{"2026-03-04T05:06:07.123456Z 01E x", "x", "", 0},
		{"[2026-03-04T05:06:07.891Z] x", "x", "", 0},
		{">   File \"a\"", "  File \"a\"", "", 0},
		{"2026-03-04T05:06:07Z,worker-0,\"KeyError: \"\"x\"\"\"", "KeyError: \"x\"", "", 0},
		{"libcudart.so.12: cannot open", "libcudart.so.12: cannot open", "", 0},
		{"gpt-2 model loaded", "gpt-2 model loaded", "", 0},
		{"RuntimeError: x | y", "RuntimeError: x | y", "", 0},
	};
	ASSERT_SAMPLES(samples);
}

static void colours_and_controls(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{"\x1b[36m(A pid=7)\x1b[0;0m \x1b[31mx\x1b[0m\x1b[K", "x", "A pid=7", 0},
		{"a\x1b]0;title\x07"
		 "b\x1b]8;;u\x1b\\c",
			"abc", "", 0},
		{"[36m(A pid=7)[0;0m x", "x", "A pid=7", 0},
		{"^[[31mx^[[0m", "x", "", 0},
		{"\\x1b[31mx\\033[0m \\u001b[1my", "x y", "", 0},
		{"list[0] [5m] [12 m", "list[0] [5m] [12 m", "", 0},
		{"a\bb\x7f\xc2\x9b"
		 "c",
			"abc", "", 0},
		{"&#x27;a&#39; &quot;b&quot; &lt;c&gt; &amp;d &e;", "'a' \"b\" <c> &d &e;", "", 0},
		{"x\r", "x", "", 0},
	};
	ASSERT_SAMPLES(samples);
	struct read r = read_bytes("a\0b\xff\xfe", 5);
	assert_string_equal(r.lines[0].text, "a b\xff\xfe");
	forget(&r);
	assert_lines("10%|#  |\r100%|###|Traceback", (const char *const[]){"10%|#  |", "100%|###|Traceback", NULL});
	assert_lines("a: 100%|##| 4/4 [00:11<00:00,  2.81s/it]KeyError: 1",
		(const char *const[]){"a: 100%|##| 4/4 [00:11<00:00,  2.81s/it]", "KeyError: 1", NULL});
	assert_lines("\xe2\x94\x82 \xe2\x9d\xb1 3 x    \xe2\x94\x82", (const char *const[]){"\xe2\x9d\xb1 3 x", NULL});
	assert_lines("  |   File \"a\"\n    | KeyError: 1\n  | ",
		(const char *const[]){"  File \"a\"", "KeyError: 1", "", NULL});
}

static void structured_lines(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{"{\"log\":\"x\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-02T03:04:05Z\"}", "x", "", 0},
		{"{\"levelname\":\"WARNING\",\"message\":\"  x\"}", "  x", "", FF_LEVEL_WARNING},
		{"{\"level\":50,\"msg\":\"x\"}", "x", "", FF_LEVEL_ERROR},
		{"{\"event\":\"x\",\"level\":\"critical\"}", "x", "", FF_LEVEL_FATAL},
		{"{\"severity\":\"ERROR\",\"jsonPayload\":{\"message\":\"x\"}}", "x", "", FF_LEVEL_ERROR},
		{"{\"textPayload\":\"x\"}", "x", "", 0},
		{"{\"labels\":{},\"line\":\"x\"}", "x", "", 0},
		{"{\"body\":{\"stringValue\":\"x\"},\"severityText\":\"INFO\"}", "x", "", FF_LEVEL_INFO},
		{"2026-01-02T03:04:05Z {\"message\":\"x\"}", "x", "", 0},
		{"2026-01-02T03:04:05+00:00\tkube.w\t{\"log\":\"x\"}", "x", "", 0},
		{"{\"log\":\"{\\\"message\\\":\\\"x\\\"}\\n\"}", "x", "", 0},
		{"{\"loss\": 1.5, \"step\": 3}", "{\"loss\": 1.5, \"step\": 3}", "", 0},
		{"{\"message\": broken}", "{\"message\": broken}", "", 0},
	};
	ASSERT_SAMPLES(samples);
	const char *both[] = {"failed", "Traceback (most recent call last):", "KeyError: 'x'", NULL};
	assert_lines(
		"{\"message\":\"failed\",\"exc_info\":\"Traceback (most recent call last):\\nKeyError: 'x'\"}", both);
	assert_lines("{\"msg\":\"failed\",\"err\":{\"stack\":\"Traceback (most recent call last):\\nKeyError: 'x'\"}}",
		both);
	assert_lines("{\"text\":\"failed\\nTraceback (most recent call last):\\nKeyError: "
		     "'x'\",\"exception\":\"KeyError: 'x'\"}",
		both);
	assert_lines(
		"{\"body\":{\"stringValue\":\"failed\"},\"attributes\":[{\"key\":\"exception.stacktrace\",\"value\":"
		"{\"stringValue\":\"Traceback (most recent call last):\\nKeyError: 'x'\"}}]}",
		both);
	assert_lines("{\n  \"insertId\": \"1\",\n  \"textPayload\": \"x \\\"y\\\"\",\n  \"n\": 3\n},",
		(const char *const[]){"{", "  \"insertId\": \"1\",", "x \"y\"", NULL});
}

// structlog's dict_tracebacks, the last raised first.
static void tracebacks_taken_apart(void **state)
{
	(void)state;
	assert_lines("{\"event\":\"failed\",\"exception\":["
		     "{\"exc_type\":\"RuntimeError\",\"exc_value\":\"late\",\"is_cause\":false,\"frames\":[]},"
		     "{\"exc_type\":\"KeyError\",\"exc_value\":\"'x'\",\"is_cause\":true,\"frames\":"
		     "[{\"filename\":\"a.py\",\"lineno\":3,\"name\":\"f\"}]}]}",
		(const char *const[]){"failed", "Traceback (most recent call last):", "  File \"a.py\", line 3, in f",
			"KeyError: 'x'", "", "The above exception was the direct cause of the following exception:", "",
			"Traceback (most recent call last):", "RuntimeError: late", NULL});
}

static void escaped_newlines(void **state)
{
	(void)state;
	assert_lines(
		"failed: 'Traceback (most recent call last):\\n  File \"a.py\", line 1, in f\\nKeyError: \\'x\\'\\n'",
		(const char *const[]){"failed: ", "Traceback (most recent call last):", "  File \"a.py\", line 1, in f",
			"KeyError: 'x'", NULL});
	// Source code means its \n.
	assert_lines("    raise ValueError('a\\nb\\nc\\nd')",
		(const char *const[]){"    raise ValueError('a\\nb\\nc\\nd')", NULL});
	assert_lines("path C:\\new\\names", (const char *const[]){"path C:\\new\\names", NULL});
}

static void parts_of_a_line(void **state)
{
	(void)state;
	const char *whole[] = {"one line", "another", NULL};
	assert_lines("2026-01-02T03:04:05Z stderr P one \n2026-01-02T03:04:05Z stderr F line\n"
		     "2026-01-02T03:04:05Z stderr F another",
		whole);
	assert_lines(
		"2026-01-02T03:04:05Z stdout P {\"message\":\"one l\n2026-01-02T03:04:05Z stdout F ine\"}\nanother",
		whole);
	// An end that never comes
	assert_lines("2026-01-02T03:04:05Z stderr P one line\nanother", whole);
	assert_lines("one line\n2026-01-02T03:04:05Z stderr P another", whole);
	struct ff_buf log = {0};
	ff_buf_str(&log, "{\"log\":\"{\\\"message\\\":\\\"");
	for (size_t i = log.n; i < 16384 + 12; i++) // docker's part is 16 KiB of text
		ff_buf_char(&log, 'x');
	ff_buf_str(&log, "\",\"stream\":\"stderr\",\"time\":\"t\"}\n");
	ff_buf_str(&log, "{\"log\":\"!\\\"}\\n\",\"stream\":\"stderr\",\"time\":\"t\"}");
	struct read r = read_bytes(log.p, log.n);
	assert_int_equal(r.n, 1);
	assert_true(ff_ends(r.lines[0].text, "xxx!"));
	forget(&r);
	ff_buf_deinit(&log);
}

static void a_long_line_comes_in_pieces(void **state)
{
	(void)state;
	struct ff_buf log = {0};
	for (size_t i = 0; i < FF_LINE_MAX; i++)
		ff_buf_char(&log, 'x');
	ff_buf_str(&log, "KeyError: 1");
	struct read r = read_bytes(log.p, log.n);
	assert_int_equal(r.n, 2);
	assert_string_equal(r.lines[1].text, "KeyError: 1");
	assert_int_equal(r.lines[1].number, 1);
	forget(&r);
	ff_buf_deinit(&log);
}

static void a_prefix_is_learned(void **state)
{
	(void)state;
	struct read r = read_log("07.000041 >> stage-2 >> Traceback (most recent call last):\n"
				 "07.000057 >> stage-2 >>   File \"a.py\", line 3, in f\n"
				 "08.000060 >> stage-2 >> KeyError: 'x'\n"
				 "08.000061 >> stage-3 >> ValueError: 'y'\n"
				 ">> KeyError");
	const char *texts[] = {"07.000041 >> stage-2 >> Traceback (most recent call last):",
		"  File \"a.py\", line 3, in f", "KeyError: 'x'", "ValueError: 'y'", ">> KeyError"};
	assert_int_equal(r.n, 5);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(r.lines[i].text, texts[i]);
	assert_string_equal(r.lines[2].source, ""); // as the first line, which came before anything was known
	assert_string_equal(r.lines[3].source, "stage-3");
	forget(&r);
	// A logger's words before a traceback are no prefix, and the traceback of a child is indented.
	assert_lines("it failed: Traceback (most recent call last):\n  File \"a.py\", line 3, in f\nit failed: x",
		(const char *const[]){"it failed: Traceback (most recent call last):", "  File \"a.py\", line 3, in f",
			"it failed: x", NULL});
	assert_lines("  Traceback (most recent call last):\n    File \"a.py\", line 3, in f\n  x",
		(const char *const[]){
			"  Traceback (most recent call last):", "    File \"a.py\", line 3, in f", "  x", NULL});
}

// All of the bytes, cut into pieces of this size.
static char *decoded(const char *bytes, size_t n, size_t piece)
{
	struct ff_decoder decoder = {0};
	struct ff_buf out = {0};
	char *text;
	for (size_t i = 0; i < n; i += piece)
		ff_decode(&decoder, (struct ff_span){bytes + i, n - i < piece ? n - i : piece}, false, &out);
	ff_decode(&decoder, FF_SPAN(""), true, &out);
	assert_null(ff_buf_finish(&out, &text));
	return text;
}

static void encodings(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		const char *text;
	} samples[] = {
		{"\xff\xfeK\0e\0y\0\r\0\n\0\xe9\0\x3d\xd8\x00\xde", 18, "Key\r\n\xc3\xa9\xf0\x9f\x98\x80"},
		{"\xfe\xff\0K\0e\0y\0\n\0!", 12, "Key\n!"},
		{"K\0e\0y\0E\0", 8, "KeyE"},
		{"\xef\xbb\xbfKey", 6, "Key"},
		{"\xff\xfeKey Error", 11, "\xff\xfeKey Error"},
		{"Key", 3, "Key"},
		{"\xff\xfeK\0e\0\x00\xd8y\0", 10, "Ke\xef\xbf\xbdy"},
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		for (size_t piece = 1; piece <= samples[i].n; piece++) {
			char *text = decoded(samples[i].bytes, samples[i].n, piece);
			assert_string_equal(text, samples[i].text);
			free(text);
		}
	}
}

static void words_of_levels(void **state)
{
	(void)state;
	assert_int_equal(ff_level_of(FF_SPAN("warn")), FF_LEVEL_WARNING);
	assert_int_equal(ff_level_of(FF_SPAN("E")), FF_LEVEL_ERROR);
	assert_int_equal(ff_level_of(FF_SPAN("Critical")), FF_LEVEL_FATAL);
	assert_int_equal(ff_level_of(FF_SPAN("errors")), FF_LEVEL_NONE);
	assert_int_equal(ff_level_of((struct ff_span){NULL, 0}), FF_LEVEL_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runtimes_and_collectors),
		cmocka_unit_test(journals),
		cmocka_unit_test(launchers_of_ranks),
		cmocka_unit_test(loggers_and_ci),
		cmocka_unit_test(colours_and_controls),
		cmocka_unit_test(structured_lines),
		cmocka_unit_test(tracebacks_taken_apart),
		cmocka_unit_test(escaped_newlines),
		cmocka_unit_test(parts_of_a_line),
		cmocka_unit_test(a_long_line_comes_in_pieces),
		cmocka_unit_test(a_prefix_is_learned),
		cmocka_unit_test(encodings),
		cmocka_unit_test(words_of_levels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
