// The answer to `firstfix fit`: a question made complete, the arithmetic of know/model_memory.h, and how far it goes.
//
//	fit /models/llama-70b --gpu h100 --context 32k
//	  vLLM, 1 GPU, 32768 tokens: weights 131.4 GiB of 71.2 GiB: does not fit; on 2 with fp8: --tensor-parallel-size 2 ...
#include "model/fit.h"

#include "fix/machine.h"
#include "know/facts.h"

#include <stdio.h>
#include <stdlib.h>

static const double SHARE_LEAST = 0.05;

// ---- the question ----

static bool has_package(const json_t *facts, const char *name)
{
	return ff_facts_package(ff_json_at(facts, "python.packages"), name) != NULL;
}

static struct ff_error *no_engine(const char *asked)
{
	_cleanup_buf_ struct ff_buf all = {0};
	for (int i = 0; i < FF_SERVING_N; i++)
		ff_buf_printf(&all, "%s%s", i ? ", " : "", ff_know_serving_name((enum ff_serving)i));
	return all.failed ? &ff_enomem : ff_error_create(FF_EUSAGE, "--engine %.40s: one of %s", asked, all.p);
}

static struct ff_error *choose_engine(const struct ff_fit_question *q, enum ff_serving *ret)
{
	const char *asked = q->asked->engine;
	bool gguf = q->files->model.gguf;
	if (asked && !ff_know_serving_engine(asked, ret))
		return no_engine(asked);
	if (asked && gguf != (*ret == FF_SERVING_LLAMA_CPP))
		return ff_error_create(FF_EUSAGE, "%s reads %s files, and this model is of %s", asked,
			gguf ? "no GGUF" : "GGUF", gguf ? "those" : "safetensors");
	if (asked)
		return NULL;
	bool plain = !has_package(q->facts, "vllm") && has_package(q->facts, "transformers");
	bool sglang = !has_package(q->facts, "vllm") && has_package(q->facts, "sglang");
	*ret = gguf	 ? FF_SERVING_LLAMA_CPP
		: sglang ? FF_SERVING_SGLANG
		: plain	 ? FF_SERVING_TRANSFORMERS
			 : FF_SERVING_VLLM;
	return NULL;
}

// How the matrices are made smaller while loading.
static struct ff_error *choose_scheme(const struct ff_fit_question *q, enum ff_serving engine, const char **ret)
{
	const char *asked = q->asked->quantization;
	bool fp8 = asked && strcmp(asked, "fp8") == 0, four = asked && strcmp(asked, "4bit") == 0;
	*ret = fp8 ? "fp8" : four ? "nf4" : NULL;
	if (asked && !*ret)
		return ff_error_create(FF_EUSAGE, "--quantization %.20s: one of fp8, 4bit", asked);
	if (asked && engine == FF_SERVING_LLAMA_CPP)
		return ff_error_create(
			FF_EUSAGE, "--quantization: llama.cpp loads a GGUF as it is: take a smaller one");
	if (fp8 && engine == FF_SERVING_TRANSFORMERS)
		return ff_error_create(
			FF_EUSAGE, "--quantization fp8: vllm and sglang make fp8 while loading; transformers 4bit");
	if (fp8 && *q->gpu->cc && !ff_know_has_capability(q->gpu->cc, 8, 0))
		return ff_error_create(FF_EUSAGE, "--quantization fp8: %s has compute capability %s, it takes 8.0",
			q->gpu->name, q->gpu->cc);
	return NULL;
}

static struct ff_error *complete(struct ff_fit_question *q)
{
	const struct ff_fit_options *asked = q->asked;
	const struct ff_model_shape *shape = &q->files->model.shape;
	struct ff_serving_plan *p = &q->plan;
	struct ff_error *err = choose_engine(q, &p->engine);
	if (!err)
		err = choose_scheme(q, p->engine, &p->scheme);
	if (err)
		return err;
	bool server = p->engine == FF_SERVING_VLLM || p->engine == FF_SERVING_SGLANG;
	p->context = asked->context;
	p->sequences = asked->sequences;
	p->gpus = asked->gpus;
	p->share = server ? asked->share : 0;
	p->memory = q->gpu->memory;
	ff_know_serving_usual(&q->files->model, q->gpu->cc, p);
	if (p->share < SHARE_LEAST || p->share > 1)
		return ff_error_create(FF_EUSAGE, "--utilization: a share of the memory, from 0.05 to 1");
	if (server && shape->heads && shape->heads % p->gpus)
		return ff_error_create(FF_EUSAGE, "--tp %u: the model's %llu heads cannot be shared out so", p->gpus,
			(unsigned long long)shape->heads);
	uint64_t left = p->memory - q->gpu->held; // of this machine's GPU
	if (p->engine != FF_SERVING_VLLM)
		p->memory = left;
	else if ((double)left < p->share * (double)p->memory)
		p->share = (double)left / (double)p->memory;
	return NULL;
}

// ---- how it is written ----

static json_t *said_of(const struct ff_fit_question *q)
{
	return json_pack("{s:{s:s}}", "engine", "name", ff_know_serving_name(q->plan.engine));
}

struct ff_error *ff_fit_flags(const struct ff_fit_question *q, const json_t *settings, char **ret)
{
	_cleanup_json_ json_t *said = said_of(q);
	_cleanup_fix_machine_ struct ff_fix_machine *machine = NULL;
	_cleanup_buf_ struct ff_buf flags = {0};
	const char *name;
	json_t *value;
	struct ff_error *err = said ? ff_fix_machine_create(q->facts, said, &machine) : &ff_enomem;
	json_object_foreach ((json_t *)settings, name, value) {
		_cleanup_json_ json_t *fix = NULL;
		_cleanup_json_ json_t *intention =
			json_pack("{s:s, s:O, s:s}", "flag", name, "value", value, "say", "Set it.");
		if (!err)
			err = intention ? ff_fix_write(machine, intention, &fix) : &ff_enomem;
		const char *command = err ? NULL : ff_json_text(fix, "command");
		if (command)
			ff_buf_printf(&flags, "%s%s", flags.n ? " " : "", command);
	}
	return err ? err : ff_buf_finish(&flags, ret);
}

struct ff_error *ff_fit_command(const struct ff_fit_question *q, const char *flags, char **ret)
{
	_cleanup_buf_ struct ff_buf b = {0};
	static const char *const starts[FF_SERVING_N][2] = {// of files here, and of the hub
		[FF_SERVING_VLLM] = {"vllm serve ", "vllm serve "},
		[FF_SERVING_SGLANG] = {"python3 -m sglang.launch_server --model-path ",
			"python3 -m sglang.launch_server --model-path "},
		[FF_SERVING_LLAMA_CPP] = {"llama-server -m ", "llama-server -hf "}};
	const char *start = starts[q->plan.engine][strcmp(q->files->from, "hub") == 0];
	if (start) { // else arguments in code: the flags are all there is
		ff_buf_str(&b, start);
		ff_shell_word(&b, q->asked->model);
	}
	if (flags && *flags)
		ff_buf_printf(&b, "%s%s", b.n ? " " : "", flags);
	return ff_buf_finish(&b, ret);
}

// GPUs before 8.0 have no bfloat16, which vLLM refuses; transformers loads in 32 bits unless told (before 5).
static void put_dtype(const struct ff_fit_question *q, json_t *settings)
{
	const char *dtype = q->files->model.shape.dtype;
	bool old = *q->gpu->cc && !ff_know_has_capability(q->gpu->cc, 8, 0), bfloat = strcmp(dtype, "bfloat16") == 0;
	if (q->plan.engine == FF_SERVING_VLLM && old && bfloat)
		json_object_set_new(settings, "dtype", json_string("half"));
	else if (q->plan.engine == FF_SERVING_TRANSFORMERS && *dtype && strcmp(dtype, "float32") != 0)
		json_object_set_new(settings, "dtype", json_string(old && bfloat ? "float16" : dtype));
}

json_t *ff_fit_settings(const struct ff_fit_question *q)
{
	const struct ff_serving_plan *p = &q->plan;
	json_t *s = json_object();
	uint64_t tokens = p->context * (p->engine == FF_SERVING_LLAMA_CPP ? p->sequences : 1);
	json_object_set_new(s, "max_model_len", json_integer((json_int_t)tokens));
	if (q->asked->sequences && p->engine != FF_SERVING_TRANSFORMERS)
		json_object_set_new(s, "max_num_seqs", json_integer((json_int_t)p->sequences));
	if (p->gpus > 1)
		json_object_set_new(s, "tensor_parallel_size", json_integer(p->gpus));
	put_dtype(q, s);
	if (p->engine == FF_SERVING_LLAMA_CPP)
		json_object_set_new(s, "gpu_layers", json_integer(999));
	if (p->scheme && strcmp(p->scheme, "fp8") == 0)
		json_object_set_new(s, "quantization", json_string("fp8"));
	else if (p->scheme)
		json_object_set_new(s, "four_bit", json_true());
	if (q->asked->share && (p->engine == FF_SERVING_VLLM || p->engine == FF_SERVING_SGLANG))
		json_object_set_new(s, "gpu_memory_utilization", json_real(q->asked->share));
	return s;
}

static json_t *model_of(const struct ff_model_files *files)
{
	const struct ff_model *m = &files->model;
	json_t *dtypes = json_object();
	for (size_t i = 0; i < m->tensors.n_dtypes; i++)
		json_object_set_new(
			dtypes, m->tensors.dtypes[i].name, json_integer((json_int_t)m->tensors.dtypes[i].parameters));
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:I, s:I, s:s*}", "place", files->place, "from",
		files->from, "type", m->shape.type, "files", (json_int_t)files->n, "parameters",
		(json_int_t)m->tensors.parameters, "bytes", (json_int_t)m->tensors.bytes, "dtypes", dtypes, "layers",
		(json_int_t)m->shape.layers, "context", (json_int_t)m->shape.context, "quantization",
		*m->shape.quantization ? m->shape.quantization : NULL);
}

// What the figures rest on and nobody said.
static json_t *assumed_of(const struct ff_fit_question *q)
{
	json_t *list = json_array();
	const struct ff_model_shape *s = &q->files->model.shape;
	char text[200];
	if (q->gpu->assumed) {
		snprintf(text, sizeof(text), "%s is sold with several sizes: %.1f GiB were taken.", q->gpu->name,
			(double)q->gpu->memory / (1 << 30));
		json_array_append_new(list, json_string(text));
	}
	if (q->gpu->held) {
		snprintf(text, sizeof(text), "Other processes hold %.1f GiB of it now.",
			(double)q->gpu->held / (1 << 30));
		json_array_append_new(list, json_string(text));
	}
	if (!q->asked->context) {
		snprintf(text, sizeof(text),
			"No context was said: %llu tokens (--context); the model takes up to %llu.",
			(unsigned long long)q->plan.context, (unsigned long long)s->context);
		json_array_append_new(list, json_string(text));
	}
	if (q->plan.engine == FF_SERVING_VLLM && !q->asked->sequences) {
		snprintf(text, sizeof(text),
			"vLLM prepares for %llu sequences at once (--batch) and for steps of %llu tokens.",
			(unsigned long long)q->plan.batch, (unsigned long long)q->plan.step_tokens);
		json_array_append_new(list, json_string(text));
	}
	if (q->plan.engine == FF_SERVING_SGLANG && !q->asked->share) {
		snprintf(text, sizeof(text),
			"SGLang gives weights and cache %.3g of the GPU and keeps the rest clear, as 0.5.3 and later "
			"do.",
			q->plan.share);
		json_array_append_new(list, json_string(text));
	}
	if (q->files->sizes_alone)
		json_array_append_new(
			list, json_string("The files have no header: parameters follow from their size."));
	if (s->kept.windowed)
		json_array_append_new(list,
			json_string("Layers with a window keep no more than it, as vLLM 0.10, transformers 4.56 and "
				    "llama.cpp of June 2025 do."));
	return list;
}

// What is needed beside all of this, by how much nobody can say from the files.
static json_t *not_counted_of(const struct ff_model_shape *s)
{
	json_t *list = json_array();
	if (s->senses)
		json_array_append_new(list,
			json_string("What its part that sees or hears works on: the larger and the more pictures or "
				    "sounds at once, the more; vLLM tries the largest that the model takes."));
	if (s->kept.recurrent && !s->kept.state)
		json_array_append_new(list, json_string("The state of its recurrent layers, which is not said."));
	return list;
}

// ---- the answer ----

static json_t *document_of(const struct ff_fit_question *q, const struct ff_model_need *need)
{
	const struct ff_serving_plan *p = &q->plan;
	bool fits = ff_know_model_fits(need);
	return json_pack("{s:s, s:b, s:o, s:{s:s, s:s*, s:I, s:I}, s:s, s:{s:I, s:I, s:i, s:f}, s:o, s:{s:I, s:I}, "
			 "s:I, s:o, s:o}",
		"schema", "firstfix.fit/1", "fits", fits, "model", model_of(q->files), "gpu", "name", q->gpu->name,
		"compute_capability", *q->gpu->cc ? q->gpu->cc : NULL, "memory", (json_int_t)q->gpu->memory, "held",
		(json_int_t)q->gpu->held, "engine", ff_know_serving_name(p->engine), "plan", "context",
		(json_int_t)p->context, "sequences", (json_int_t)p->sequences, "gpus", (int)p->gpus, "share", p->share,
		"memory", ff_know_need_json(need), "largest", "context",
		(json_int_t)ff_know_longest_context(&q->files->model, p), "sequences",
		(json_int_t)ff_know_most_sequences(&q->files->model, p), "token_bytes",
		(json_int_t)ff_know_token_bytes(&q->files->model, p), "assumed", assumed_of(q), "not_counted",
		not_counted_of(&q->files->model.shape));
}

static struct ff_error *put_command(const struct ff_fit_question *q, json_t *doc)
{
	_cleanup_json_ json_t *settings = ff_fit_settings(q);
	_cleanup_free_ char *flags = NULL, *command = NULL;
	struct ff_error *err = settings ? ff_fit_flags(q, settings, &flags) : &ff_enomem;
	if (!err)
		err = ff_fit_command(q, flags, &command);
	if (!err && json_object_set_new(doc, "command", json_string(command)) < 0)
		err = &ff_enomem;
	return err;
}

static struct ff_error *put_changes(const struct ff_fit_question *q, json_t *doc)
{
	json_t *changes = NULL;
	struct ff_error *err = ff_fit_changes(q, &changes);
	if (!err && json_object_set_new(doc, "changes", changes) < 0)
		err = &ff_enomem;
	return err;
}

struct ff_error *ff_fit_answer(
	const struct ff_fit_options *asked, const struct ff_model_files *files, const json_t *facts, json_t **ret)
{
	struct ff_fit_gpu gpu;
	struct ff_fit_question q = {.asked = asked, .files = files, .gpu = &gpu, .facts = facts};
	struct ff_model_need need;
	struct ff_error *err = ff_fit_gpu_find(asked->gpu, facts, &gpu);
	if (!err)
		err = complete(&q);
	if (err)
		return err;
	if (!ff_know_model_need(&files->model, &q.plan, &need))
		return ff_error_create(FF_EFORMAT,
			"%s: its files do not say enough (heads, layers, sizes) to count with", files->place);
	_cleanup_json_ json_t *doc = document_of(&q, &need);
	if (!doc)
		return &ff_enomem;
	err = ff_know_model_fits(&need) ? put_command(&q, doc) : put_changes(&q, doc);
	if (!err)
		*ret = json_incref(doc);
	return err;
}
