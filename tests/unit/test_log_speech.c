// What a line only quotes, and what it says: the same words behind others.
#include "log/speech.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char words[] = "CUDA driver version is insufficient";

static const struct {
	const char *before;
	bool quoted;
} rows[] = {
	{"", false},
	{"RuntimeError: ", false},
	{"  what():  \"", false},
	{"level=ERROR source=gpu.go:12 msg=\"", false},
	{"docker: Error response from daemon: ", false},
	{"Check failed: error == cudaSuccess (35 vs. 0)  ", false},
	{"terminate called with '", false},
	{"error text: ", false},
	{"error=", false},
	{"[E] [TRT] ", false},
	{"12 of 30 workers: ", false},
	{"/srv/app/a.cu:12: ", false},
	{"# ", true},
	{"// ", true},
	{"  38      raise RuntimeError(\"", true},
	{"---> 38     raise RuntimeError(\"", true},
	{"    logger.error(\"", true},
	{"+ echo \"", true},
	{"MOTD=", true},
	{"export NOTE='", true},
	{"Assistant: The words '", true},
	{"<|user|>: ", true},
	{"Sample 3: text: ", true},
	{"INFO Received request cmpl-7: prompt: '", true},
	{"{\"role\": \"user\", \"content\": \"", true},
	{"If you see '", true},
	{"You may see the message ", true},
	{"The docs explain the error \"", true},
	{"2 - failed: ", false},
	{"worker 3: the model's output was lost: ", false},
	{"$ ./run # prints ", true},
	{"+ [[ $out == *\"", true},
	{"  \"RETRY_ON\": \"", true},
	{"  \"MESSAGE\": \"", false},
	{"docs/faq.md:12:RuntimeError: ", true},
	{"/srv/app/serve.py:12: RuntimeError: ", false},
	{"app/a.py:55:    log.error(\"", true},
	{"const MSG = \"", true},
	{"- fixed: ", true},
	{"to fix ", true},
	{"5f0c1d2 Handle ", true},
	{"  --retry ON  when it says ", true},
	{"[00:01.000 --> 00:04.000]  it says ", true},
	{"<li>", true},
	{"12    ", true},
	{">>> Why does it say ", true},
	{">>> torch.zeros(1).cuda() # ", false},
	{">>> import torch; ", false},
	{"Code 35 means that ", true},
	{"Your job was ", true},
	{"Look for \"", true},
};

static void tells_who_says_it(void **state)
{
	(void)state;
	struct ff_speech *speech;
	assert_null(ff_speech_create(&speech));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		_cleanup_buf_ struct ff_buf line = {0};
		ff_buf_str(&line, rows[i].before);
		ff_buf_str(&line, words);
		if (ff_speech_quoted(speech, (struct ff_span){line.p, line.n}, strlen(rows[i].before)) !=
			rows[i].quoted)
			fail_msg("%s%s", rows[i].before, words);
	}
	assert_false(ff_speech_quoted(speech, FF_SPAN("# a"), 99));
	ff_speech_destroy(speech);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(tells_who_says_it)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
