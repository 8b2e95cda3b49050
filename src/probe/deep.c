// Runs deep.py step by step. A step that crashes or hangs says nothing about the next one: each has a process of its
// own.
//
//	{"step": "product-on-every-gpu", "ok": false, "ms": 2913.1, "peak_rss": 831520768, "log": 1,
//	 "error": "RuntimeError: CUDA error: no kernel image is available for execution on the device"}
#include "probe/deep.h"

#include "base/embed.h"
#include "host/command.h"

FF_EMBEDDED(ff_deep, deep);

enum { SKIPPED = 77 };

static const char *const steps[] = {"import-torch", "cuda-init", "product-on-every-gpu", "bitsandbytes-import",
	"quantize-4bit", "linear4bit", "transformers-config", "transformers-backend"};

static uint64_t count_lines(const struct ff_buf *b)
{
	uint64_t n = 0;
	for (size_t i = 0; i < b->n; i++)
		n += b->p[i] == '\n';
	return n;
}

static json_t *why_it_failed(const struct ff_command_result *r, unsigned deadline_ms)
{
	struct ff_span said = ff_span_last_line((struct ff_span){r->output.p, r->output.n});
	if (r->timed_out)
		return json_sprintf("no answer within %u ms", deadline_ms);
	if (r->signal)
		return json_sprintf("died of signal %d (%s)", r->signal, strsignal(r->signal));
	return said.n ? ff_json_string(said.p, said.n) : json_sprintf("exit code %d", r->exit_code);
}

static void add_to_log(const struct ff_command_result *r, struct ff_buf *log)
{
	ff_buf_add(log, r->output.p, r->output.n);
	if (r->output.n && r->output.p[r->output.n - 1] != '\n')
		ff_buf_char(log, '\n');
	if (r->signal && !r->timed_out)
		ff_buf_printf(log, "%s (core dumped)\n", strsignal(r->signal)); // what a shell would say of it
}

static json_t *entry_of(const char *step, const struct ff_command_result *r, unsigned deadline_ms, struct ff_buf *log)
{
	struct ff_span said = ff_span_last_line((struct ff_span){r->output.p, r->output.n});
	if (r->exit_code == SKIPPED)
		return json_pack("{s:s, s:o}", "step", step, "skipped", ff_json_string(said.n ? said.p : "", said.n));
	json_t *entry = json_pack("{s:s, s:b, s:f, s:I}", "step", step, "ok", (int)(r->exit_code == 0), "ms",
		r->took_ms, "peak_rss", (json_int_t)r->peak_rss);
	if (r->exit_code == 0) {
		json_object_set_new(entry, "said", ff_json_string(said.n ? said.p : "", said.n));
		return entry;
	}
	json_object_set_new(entry, "error", why_it_failed(r, deadline_ms));
	json_object_set_new(entry, "log", json_integer((json_int_t)count_lines(log) + 1));
	add_to_log(r, log);
	return entry;
}

static struct ff_error *run_step(
	const char *python, const char *step, unsigned deadline_ms, struct ff_buf *log, json_t *list)
{
	_cleanup_free_ char *script = ff_span_dup(ff_deep_deep), *interpreter = strdup(python), *name = strdup(step);
	char c[] = "-c", u[] = "-u";
	struct ff_command_result r;
	if (!script || !interpreter || !name)
		return &ff_enomem;
	struct ff_error *err = ff_command_run((char *[]){interpreter, u, c, script, name, NULL}, deadline_ms, &r);
	if (err)
		return err;
	json_t *entry = entry_of(step, &r, deadline_ms, log);
	bool failed = r.output.failed || log->failed;
	ff_buf_deinit(&r.output);
	return json_array_append_new(list, entry) < 0 || failed ? &ff_enomem : NULL;
}

struct ff_error *ff_deep_run(const char *python, unsigned deadline_ms, struct ff_buf *log, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	struct ff_error *err = list ? NULL : &ff_enomem;
	if (!python)
		return ff_error_create(FF_EUSAGE, "no Python interpreter was found to run the steps with; name one");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
		err = run_step(python, steps[i], deadline_ms, log, list);
	if (!err)
		*ret = ff_take(&list);
	return err;
}
