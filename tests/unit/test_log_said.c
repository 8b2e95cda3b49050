// What a log says of its own machine: engines' settings, interpreters, versions, runtimes; and what it must not
// believe.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diagnose/diagnose.h"
#include "diagnose/scan.h"
#include "log/said.h"

#include <stdlib.h>

struct row {
	const char *log, *path, *value; // value NULL: absent
};

static json_t *said_of(const char *log)
{
	_cleanup_said_ struct ff_said *said = NULL;
	struct ff_liner *liner = NULL;
	struct ff_events *events = NULL;
	json_t *doc = NULL;
	assert_null(ff_said_create(&said));
	assert_null(ff_liner_create(&liner));
	assert_null(ff_events_create(&events));
	struct ff_span rest = ff_span_of(log), line;
	ff_said_read(said, rest);
	for (uint64_t n = 1; ff_span_next(&rest, '\n', &line); n++)
		ff_events_line(events, &(struct ff_line){.number = n, .text = line});
	assert_null(ff_events_end(events));
	assert_null(ff_said_finish(said, events, &doc));
	ff_events_destroy(events);
	ff_liner_destroy(liner);
	return doc;
}

static void check(const struct row *r)
{
	json_t *doc = said_of(r->log);
	const char *found = ff_json_text(doc, r->path);
	if (!found && json_is_string(json_object_get(json_object_get(doc, "packages"), r->path)))
		found = json_string_value(json_object_get(json_object_get(doc, "packages"), r->path));
	if (r->value && !found)
		fail_msg("%s is not in %s", r->path, r->log);
	if (r->value && found)
		assert_string_equal(found, r->value);
	else
		assert_null(found);
	json_decref(doc);
}

static void rows(void **state)
{
	static const char vllm[] =
		"INFO 05-01 [api_server.py:1043] vLLM API server version 0.8.5\n"
		"INFO 05-01 [utils.py:233] non-default args: {'model': 'org/m', 'max_model_len': 8192, "
		"'rope': {'a': 1, 'b': 2}, 'quantization': None, 'enforce_eager': True}\n";
	static const char sglang[] = "[2025-05-01] server_args=ServerArgs(model_path='org/m', "
				     "mem_fraction_static=0.88, stop=['a', 'b'], tp_size=2)\n";
	static const char tgi[] = "INFO text_generation_launcher: Args { model_id: \"org/m\", max_input_tokens: "
				  "Some(1024), quantize: None, port: 80 }\n";
	static const char command[] = "+ vllm serve org/m --max-model-len 4096 --enforce-eager --dtype=half -tp 2\n";
	static const char usage[] =
		"usage: vllm serve [-h] --max-model-len 4096\nvllm serve: error: unrecognized --foo 1\n";
	static const char ollama[] =
		"msg=\"starting\" cmd=\"/usr/bin/ollama runner --model /m --ctx-size 8192 --n-gpu-layers 33\"\n";
	static const char frames[] = "Traceback (most recent call last):\n"
				     "  File \"/opt/venv/lib/python3.10/site-packages/torch/a.py\", line 5, in f\n"
				     "    g()\n"
				     "ImportError: tokenizers>=0.20 is required, but found tokenizers==0.15.2\n";
	static const char wanted[] = "vllm 0.8.3 requires torch==2.6.0\n";
	static const char environment[] =
		"PyTorch version: 2.3.1+cu121\nPython version: 3.11.9 (main)\n[pip3] numpy==1.26.4\n";
	static const char pip[] =
		"Requirement already satisfied: torch>=2.0 in /v/lib/python3.11/site-packages (from w) "
		"(2.5.1+cu124)\nSuccessfully installed heron-ops-1.4.0 triton-3.1.0\n";
	static const char portable[] = "** Python executable: D:\\AI\\python_embeded\\python.exe\n";
	static const char webui[] = "venv \"F:\\sd\\venv\\Scripts\\Python.exe\"\n";
	static const char named[] = "Traceback (most recent call last):\n  File \"D:\\AI\\nodes.py\", line 5, in f\n"
				    "ImportError: cannot import name 'A' from 'heron' "
				    "(D:\\AI\\python_embeded\\Lib\\site-packages\\heron\\__init__.py)\n";
	static const char passing[] =
		"Traceback (most recent call last):\n"
		"  File \"/tmp/pip-build-env-x1/overlay/lib/python3.10/site-packages/s/a.py\", line 5, in "
		"f\nOSError: x\n";
	static const struct row table[] = {
		{pip, "installer.packages.torch", "2.5.1+cu124"},
		{pip, "installer.packages.triton", "3.1.0"},
		{pip, "installer.packages.heron-ops", "1.4.0"},
		{pip, "torch", NULL},
		{portable, "python.prefix", "D:\\AI\\python_embeded"},
		{portable, "platform", "windows"},
		{"D:\\AI>.\\python_embeded\\python.exe -s main.py\n", "python.prefix", "D:\\AI\\python_embeded"},
		{"x>.\\python_embeded\\python.exe -s main.py\n", "python.prefix", NULL},
		{webui, "python.prefix", "F:\\sd\\venv"},
		{named, "python.prefix", "D:\\AI\\python_embeded"},
		{"** Python executable: /srv/v/bin/python\n", "python.executable", "/srv/v/bin/python"},
		{passing, "python.prefix", NULL},
		{"torch.__version__  = 2.1.0+cu121\n", "torch", "2.1.0+cu121"},
		{"u@h:~/w$ uv pip install heron\n", "installer.name", "uv"},
		{"RUN uv sync --frozen\n", "installer.name", "uv"},
		{"Otherwise, `uv pip install heron` brings it\n", "installer.name", NULL},
		{"   The build backend returned an error\n", "installer.name", "uv"},
		{vllm, "engine.name", "vllm"},
		{vllm, "engine.version", "0.8.5"},
		{vllm, "engine.settings.max_model_len", "8192"},
		{vllm, "engine.settings.enforce_eager", "True"},
		{vllm, "engine.settings.quantization", NULL},
		{vllm, "engine.settings.a", NULL},
		{sglang, "engine.name", "sglang"},
		{sglang, "engine.settings.mem_fraction_static", "0.88"},
		{sglang, "engine.settings.tp_size", "2"},
		{tgi, "engine.name", "tgi"},
		{tgi, "engine.settings.max_input_tokens", "1024"},
		{tgi, "engine.settings.port", "80"},
		{tgi, "engine.settings.quantize", NULL},
		{command, "engine.settings.max_model_len", "4096"},
		{command, "engine.settings.enforce_eager", "true"},
		{command, "engine.settings.dtype", "half"},
		{usage, "engine.settings.max_model_len", NULL},
		{usage, "engine.settings.foo", NULL},
		{ollama, "engine.name", "ollama"},
		{ollama, "engine.settings.ctx_size", "8192"},
		{frames, "python.prefix", "/opt/venv"},
		{frames, "python.version", "3.10"},
		{frames, "tokenizers", "0.15.2"},
		{wanted, "torch", NULL},
		{environment, "torch", "2.3.1+cu121"},
		{environment, "python.version", "3.11"},
		{environment, "numpy", "1.26.4"},
		{"#SBATCH --mem=32G\n", "engine.settings.mem", "32G"},
		{"worker-0: 3f2a9c1d4e5b:117:301 [0] NCCL INFO Bootstrap\n", "host", "3f2a9c1d4e5b"},
		{"quoted: NCCL INFO of [0] NCCL INFO x\n", "host", NULL},
		{"#SBATCH --mem=32G\n", "runtime.0", "slurm"},
		{"worker-1  | Traceback (most recent call last):\n", "runtime.0", "compose"},
		{"web_12    | ok\n", "carrier", "docker"},
		{"| N/A   31C    P0    27W / 165W |      0MiB / 24576MiB |\nloss-1 x  | y\n", "runtime.0", NULL},
		{"#SBATCH --mem=32G\n", "engine.name", NULL},
		{"Traceback (most recent call last):\n  File \"C:\\py\\Lib\\site-packages\\a.py\", line 5, in "
		 "f\nOSError: x\n",
			"platform", "windows"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		check(&table[i]);
}

// A list without an end, names that are too long, deep brackets: bounded and never believed beyond that.
static void hostile(void **state)
{
	(void)state;
	char log[40000] = "non-default args: {";
	for (size_t i = strlen(log); i + 16 < sizeof(log); i += 8)
		memcpy(log + i, "'a([{':1", 9);
	json_t *doc = said_of(log);
	assert_true(json_object_size(ff_json_at(doc, "engine.settings")) <= 300);
	json_decref(doc);
}

static json_t *scanned(const char *log)
{
	struct ff_rules *rules;
	struct ff_scan *scan;
	json_t *doc = NULL;
	assert_null(ff_rules_load(NULL, true, &rules));
	assert_null(ff_scan_create(rules, NULL, &scan));
	assert_null(ff_scan_feed(scan, log, strlen(log)));
	assert_null(ff_scan_end(scan));
	assert_null(ff_scan_said(scan, &doc));
	ff_scan_destroy(scan);
	ff_rules_destroy(rules);
	return doc;
}

// A worker that was restarted says its settings anew, far behind the head: those count, and no flag of before.
static void a_later_start(void **state)
{
	enum { BODY = 1 << 20 };
	static const char first[] = "non-default args: {'max_model_len': 8192, 'enforce_eager': True}\n",
			  second[] = "INFO non-default args: {'max_model_len': 4096, 'dtype': 'half'}\n";
	char *log = malloc(BODY);
	(void)state;
	assert_non_null(log);
	for (size_t i = 0; i < BODY - 1; i++)
		log[i] = i % 64 == 63 ? '\n' : 'k';
	log[BODY - 1] = 0;
	memcpy(log, first, sizeof(first) - 1);
	memcpy(log + BODY / 2 / 64 * 64, second, sizeof(second) - 1);
	json_t *doc = scanned(log);
	assert_string_equal(ff_json_text(doc, "engine.settings.max_model_len"), "4096");
	assert_string_equal(ff_json_text(doc, "engine.settings.dtype"), "half");
	assert_null(ff_json_text(doc, "engine.settings.enforce_eager"));
	json_decref(doc);
	free(log);
}

// Far behind the head: two lists by turns, with more others between than are kept, and bytes behind them that differ.
// What was said last holds, and what nobody has said since the first start.
static void starts_again_and_again(void **state)
{
	enum { HEAD = 300 << 10 };
	_cleanup_buf_ struct ff_buf log = {0};
	(void)state;
	while (log.n < HEAD)
		ff_buf_add(&log, "kkkk kkkkk\n", 11);
	for (unsigned i = 0; i < 100; i++)
		ff_buf_printf(&log,
			"INFO non-default args: {'max_model_len': 4096, 'dtype': 'half', 'seed': %u}\n"
			"INFO non-default args: {'max_model_len': 8192, 'note': 'a \\'), \\' b'} of start %u\n"
			"INFO non-default args: {'port': %u, 'only_%u': 1}\n",
			i % 2, i, i, i % 40);
	json_t *doc = scanned(log.p);
	assert_string_equal(ff_json_text(doc, "engine.settings.max_model_len"), "8192");
	assert_string_equal(ff_json_text(doc, "engine.settings.dtype"), "half");
	assert_string_equal(ff_json_text(doc, "engine.settings.seed"), "1");
	assert_string_equal(ff_json_text(doc, "engine.settings.note"), "a \\'), \\' b");
	assert_string_equal(ff_json_text(doc, "engine.settings.port"), "99");
	assert_string_equal(ff_json_text(doc, "engine.settings.only_0"), "1");
	assert_string_equal(ff_json_text(doc, "engine.settings.only_39"), "1");
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(hostile),
		cmocka_unit_test(a_later_start), cmocka_unit_test(starts_again_and_again)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
