// What engines take when nobody says otherwise, and the changes that make a model fit, from the one that costs least:
// more of the GPU for the engine, a cache of 8 bits, fewer sequences, a shorter context, more GPUs, smaller weights,
// some of them in the machine's memory. What the user asked for in so many words is given up last.
//
//	Llama 3.1 8B on an RTX 3060 with 131072 tokens: [{"say": "Make the weights 4 bits while loading (bitsandbytes).",
//	 "settings": {"four_bit": true}, "context": 8192, "memory": {"weights": 6029508608, ...}}]
//
// Each is tried by the same arithmetic as the question. Where none is enough alone, smaller weights and more GPUs are
// tried together with a shorter context.
#include "know/serving.h"

#include "know/gpu_arch.h"

#include <stdio.h>

enum {
	CONTEXT_USUAL = 8192,
	BATCH_USUAL = 256,
	BATCH_LARGE = 1024,
	BATCH_SMALL = 64,
	STEP_USUAL = 2048,
	STEP_LARGE = 8192
};
enum { CONTEXT_LEAST = 512, CONTEXT_STEP = 1024, GPUS_MAX = 16, SAY_MAX = 200 };

static const double SHARE_VLLM = 0.9, SHARE_MORE = 0.95, SHARE_ALL = 1;
static const uint64_t GIB = 1ull << 30, MIB = 1 << 20;
static const uint64_t LARGE_GPU = 70ull << 30; // vLLM prepares for more on GPUs of so much memory

static const char *const names[FF_SERVING_N] = {[FF_SERVING_VLLM] = "vllm",
	[FF_SERVING_TRANSFORMERS] = "transformers",
	[FF_SERVING_LLAMA_CPP] = "llama.cpp",
	[FF_SERVING_SGLANG] = "sglang"};

const char *ff_know_serving_name(enum ff_serving engine)
{
	return names[engine];
}

bool ff_know_serving_engine(const char *name, enum ff_serving *ret)
{
	for (int i = 0; i < FF_SERVING_N; i++)
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum ff_serving)i;
			return true;
		}
	return false;
}

bool ff_know_serving_on_torch(enum ff_serving engine)
{
	return engine != FF_SERVING_LLAMA_CPP;
}

bool ff_know_has_capability(const char *cc, unsigned major, unsigned minor)
{
	struct ff_arch have;
	return ff_arch_parse(ff_span_of(cc), &have) &&
		(have.major > major || (have.major == major && have.minor >= minor));
}

// ---- what engines take when nobody says otherwise ----

// SGLang leaves room for a pass of its chunk and for graphs, by the size of the GPU (its server_args.py since 0.5.3).
static const struct {
	uint64_t below_gib, chunk, graphs_few, graphs_many; // graphs: batch with fewer than 4 GPUs, else
} sglang_sizes[] = {{20, 2048, 8, 8}, {35, 2048, 24, 80}, {60, 4096, 32, 160}, {160, 8192, 256, 512},
	{UINT64_MAX, 16384, 512, 512}};

static double sglang_share(const struct ff_serving_plan *p)
{
	size_t i = 0;
	while (p->memory / GIB >= sglang_sizes[i].below_gib)
		i++;
	uint64_t graphs = p->gpus < 4 ? sglang_sizes[i].graphs_few : sglang_sizes[i].graphs_many;
	uint64_t mib = 512 + sglang_sizes[i].chunk * 3 / 2 + graphs * 2 + p->gpus * 1024 / 8;
	if (p->memory > 60 * GIB && mib < 10240)
		mib = 10240;
	double kept = (double)(mib * MIB) / (double)p->memory;
	return kept < 0.9 ? 1 - kept : 0.1;
}

void ff_know_serving_usual(const struct ff_model *m, const char *cc, struct ff_serving_plan *p)
{
	bool vllm = p->engine == FF_SERVING_VLLM, large = p->memory > LARGE_GPU && strcmp(cc, "8.0") != 0;
	uint64_t most = m->shape.context;
	uint64_t batch = p->sequences ? p->sequences : large ? BATCH_LARGE : BATCH_USUAL;
	p->gpus = p->gpus ? p->gpus : 1;
	p->context = p->context ? p->context : most && most < CONTEXT_USUAL ? most : CONTEXT_USUAL;
	p->sequences = p->sequences ? p->sequences : 1;
	p->batch = p->batch ? p->batch : batch;
	p->step_tokens = !vllm ? 0 : p->step_tokens ? p->step_tokens : large ? STEP_LARGE : STEP_USUAL;
	p->cache_bits = p->cache_bits ? p->cache_bits : 16000;
	if (!(p->share > 0))
		p->share = vllm ? SHARE_VLLM : p->engine == FF_SERVING_SGLANG ? sglang_share(p) : SHARE_ALL;
}

// ---- one change each: false where it means nothing here ----

// A plan that is being changed, and what was set.
struct draft {
	const struct ff_serving_question *q;
	struct ff_serving_plan plan;
	json_t *settings;
	char say[SAY_MAX];
};

static bool is_vllm(const struct draft *d)
{
	return d->plan.engine == FF_SERVING_VLLM;
}

// vLLM and SGLang cut layers up, quantize while loading, and keep a cache of 8 bits.
static bool is_server(const struct draft *d)
{
	return is_vllm(d) || d->plan.engine == FF_SERVING_SGLANG;
}

static bool fits(const struct draft *d, struct ff_model_need *ret)
{
	return ff_know_model_need(d->q->model, &d->plan, ret) && ff_know_model_fits(ret);
}

static void set_number(struct draft *d, const char *setting, uint64_t n)
{
	json_object_set_new(d->settings, setting, json_integer((json_int_t)n));
}

static void say(struct draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct draft *d, const char *format, ...)
{
	size_t n = strlen(d->say);
	va_list args;
	va_start(args, format);
	if (n)
		n += (size_t)snprintf(d->say + n, sizeof(d->say) - n, " ");
	if (n < sizeof(d->say))
		vsnprintf(d->say + n, sizeof(d->say) - n, format, args);
	va_end(args);
}

static bool more_of_the_gpu(struct draft *d)
{
	if (!is_vllm(d) || d->q->share_asked || d->q->held || d->plan.share >= SHARE_MORE)
		return false;
	d->plan.share = SHARE_MORE;
	json_object_set_new(d->settings, "gpu_memory_utilization", json_real(SHARE_MORE));
	say(d, "Let the engine take %g of the GPU's memory.", SHARE_MORE);
	return true;
}

static bool smaller_trial(struct draft *d)
{
	if (!is_vllm(d) || d->q->sequences_asked || d->plan.batch <= BATCH_SMALL)
		return false;
	d->plan.batch = BATCH_SMALL;
	set_number(d, "max_num_seqs", BATCH_SMALL);
	say(d, "Prepare for %d sequences at once.", BATCH_SMALL);
	return true;
}

static bool small_cache(struct draft *d)
{
	if (d->plan.engine == FF_SERVING_TRANSFORMERS || d->plan.cache_bits < 16000)
		return false;
	d->plan.cache_bits = is_server(d) ? 8000 : 8500;
	json_object_set_new(d->settings, "kv_cache_q8", json_true());
	say(d, "Keep the cache in 8 bits.");
	return true;
}

static bool fewer_sequences(struct draft *d)
{
	uint64_t n = ff_know_most_sequences(d->q->model, &d->plan);
	if (!d->q->sequences_asked || !n || n >= d->plan.sequences)
		return false;
	d->plan.sequences = n;
	set_number(d, "max_num_seqs", n);
	say(d, "Serve %llu at once.", (unsigned long long)n);
	return true;
}

static bool shorter_context(struct draft *d)
{
	uint64_t n = ff_know_longest_context(d->q->model, &d->plan);
	n -= n > 2 * CONTEXT_STEP ? n % CONTEXT_STEP : n % 256;
	if (n < CONTEXT_LEAST || n >= d->plan.context)
		return false;
	d->plan.context = n;
	set_number(d, "max_model_len", n * (d->plan.engine == FF_SERVING_LLAMA_CPP ? d->plan.sequences : 1));
	say(d, "Shorten the context to %llu tokens.", (unsigned long long)n);
	return true;
}

static bool more_gpus(struct draft *d)
{
	uint64_t heads = d->q->model->shape.heads;
	struct ff_model_need need;
	for (unsigned n = d->plan.gpus * 2; n <= GPUS_MAX; n *= 2) {
		bool shared = !is_server(d) || (heads && heads % n == 0);
		struct draft tried = *d;
		tried.plan.gpus = n;
		if (!shared || (!fits(&tried, &need) && n * 2 <= GPUS_MAX))
			continue;
		d->plan.gpus = n;
		set_number(d, "tensor_parallel_size", n);
		say(d,
			d->q->gpus_here && d->q->gpus_here < n ? "Serve it on %u such GPUs; there are %u here."
							       : "Serve it on %u such GPUs.",
			n, d->q->gpus_here);
		return true;
	}
	return false;
}

// Weights that are small already, or of which nobody knows what they are, stay as they are.
static bool has_wide_weights(const struct draft *d)
{
	const struct ff_model *m = d->q->model;
	return !m->gguf && !d->plan.scheme && !*m->shape.quantization && m->tensors.matrix_parameters &&
		m->tensors.bytes / 2 >= m->tensors.parameters;
}

static bool eight_bits(struct draft *d)
{
	if (!has_wide_weights(d) || !is_server(d) || !ff_know_has_capability(d->q->cc, 8, 9))
		return false;
	d->plan.scheme = "fp8";
	json_object_set_new(d->settings, "quantization", json_string("fp8"));
	say(d, "Make the weights fp8 while loading.");
	return true;
}

static bool four_bits(struct draft *d)
{
	if (!has_wide_weights(d))
		return false;
	d->plan.scheme = "nf4";
	json_object_set_new(d->settings, "four_bit", json_true());
	say(d, "Make the weights 4 bits while loading (bitsandbytes).");
	return true;
}

// Whole layers of llama.cpp; of others as many GiB as are missing. Half the weights at most: more is no serving.
static bool in_host_memory(struct draft *d)
{
	struct ff_model_need need;
	uint64_t layers = d->q->model->shape.layers + 1; // and the output's
	if (d->plan.offload || !ff_know_model_need(d->q->model, &d->plan, &need) || need.total <= need.room)
		return false;
	uint64_t unit = d->plan.engine == FF_SERVING_LLAMA_CPP ? need.weights / layers + 1 : GIB;
	uint64_t n = (need.total - need.room + unit - 1) / unit;
	if (n * unit > need.weights / 2)
		return false;
	d->plan.offload = n * unit;
	if (d->plan.engine == FF_SERVING_LLAMA_CPP) {
		set_number(d, "gpu_layers", layers - n);
		say(d, "Keep %llu of its %llu layers in the machine's memory; it gets slower.", (unsigned long long)n,
			(unsigned long long)layers);
		return true;
	}
	set_number(d, "cpu_offload_gb", n);
	say(d, "Keep %llu GiB of the weights in the machine's memory; it gets slower.", (unsigned long long)n);
	return true;
}

// ---- in the order of what they cost ----

typedef bool change_fn(struct draft *d);

static change_fn *const alone[] = {more_of_the_gpu, smaller_trial, small_cache, shorter_context, fewer_sequences,
	more_gpus, eight_bits, four_bits, in_host_memory};
static change_fn *const asked_last[] = {fewer_sequences, shorter_context};
static change_fn *const together[][3] = {{more_of_the_gpu, smaller_trial, shorter_context},
	{more_of_the_gpu, small_cache, shorter_context}, {eight_bits, more_of_the_gpu, shorter_context},
	{four_bits, more_of_the_gpu, shorter_context}, {more_gpus, more_of_the_gpu, shorter_context},
	{more_gpus, four_bits, shorter_context}};

static bool was_asked(const struct ff_serving_question *q, change_fn *change)
{
	return (change == shorter_context && q->context_asked) || (change == fewer_sequences && q->sequences_asked) ||
		(change == more_gpus && q->gpus_here && q->gpus_here < 2 * q->plan.gpus);
}

json_t *ff_know_need_json(const struct ff_model_need *n)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "weights", (json_int_t)n->weights, "cache",
		(json_int_t)n->cache, "state", (json_int_t)n->state, "activations", (json_int_t)n->activations,
		"overhead", (json_int_t)n->overhead, "total", (json_int_t)n->total, "room", (json_int_t)n->room);
}

static struct ff_error *add_change(const struct draft *d, const struct ff_model_need *need, json_t *list)
{
	json_t *entry = json_pack("{s:s, s:O, s:I, s:I, s:i, s:o}", "say", d->say, "settings", d->settings, "context",
		(json_int_t)d->plan.context, "sequences", (json_int_t)d->plan.sequences, "gpus", (int)d->plan.gpus,
		"memory", ff_know_need_json(need));
	return json_array_append_new(list, entry) < 0 ? &ff_enomem : NULL;
}

static struct ff_error *try_changes(
	const struct ff_serving_question *q, change_fn *const *changes, size_t n, json_t *list, bool *ret_found)
{
	_cleanup_json_ json_t *settings = json_object();
	struct draft d = {.q = q, .plan = q->plan, .settings = settings};
	struct ff_model_need need;
	bool done = false;
	*ret_found = false;
	if (!settings)
		return &ff_enomem;
	for (size_t i = 0; i < n && !*ret_found; i++) {
		done = changes[i](&d) || done;
		*ret_found = done && fits(&d, &need);
	}
	return *ret_found ? add_change(&d, &need, list) : NULL;
}

struct ff_error *ff_know_serving_changes(const struct ff_serving_question *q, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	struct ff_error *err = list ? NULL : &ff_enomem;
	bool found;
	for (size_t i = 0; !err && i < sizeof(alone) / sizeof(alone[0]); i++)
		if (!was_asked(q, alone[i]))
			err = try_changes(q, &alone[i], 1, list, &found);
	for (size_t i = 0; !err && i < sizeof(asked_last) / sizeof(asked_last[0]); i++)
		if (was_asked(q, asked_last[i]))
			err = try_changes(q, &asked_last[i], 1, list, &found);
	for (size_t i = 0; !err && !json_array_size(list) && i < sizeof(together) / sizeof(together[0]); i++)
		err = try_changes(q, together[i], 3, list, &found);
	if (!err && !json_array_size(list) && was_asked(q, more_gpus))
		err = try_changes(q, (change_fn *const[]){more_gpus}, 1, list, &found);
	if (!err)
		*ret = json_incref(list);
	return err;
}

// ---- a model out of the facts ----

static uint64_t number_of(const json_t *doc, const char *path)
{
	int64_t n;
	return ff_json_int(doc, path, &n) && n > 0 ? (uint64_t)n : 0;
}

void ff_know_shape_of_facts(const json_t *config, struct ff_model_shape *ret)
{
	struct ff_model_shape s = {0};
	const char *dtype = ff_json_text(config, "dtype"), *quantization = ff_json_text(config, "quantization");
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {{"layers", &s.layers}, {"hidden", &s.hidden}, {"heads", &s.heads}, {"kv_heads", &s.kv_heads},
		{"head_dim", &s.head_dim}, {"vocabulary", &s.vocabulary}, {"intermediate", &s.intermediate},
		{"experts", &s.experts}, {"experts_used", &s.experts_used}, {"expert_width", &s.expert_width},
		{"context", &s.context}, {"quantization_bits", &s.quantization_bits}, {"full_layers", &s.kept.full},
		{"windowed_layers", &s.kept.windowed}, {"window", &s.kept.window},
		{"recurrent_layers", &s.kept.recurrent}, {"state", &s.kept.state}, {"latent", &s.kept.latent},
		{"latent_whole", &s.kept.latent_whole}};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		*numbers[i].value = number_of(config, numbers[i].name);
	snprintf(s.dtype, sizeof(s.dtype), "%s", dtype ? dtype : "");
	snprintf(s.quantization, sizeof(s.quantization), "%s", quantization ? quantization : "");
	*ret = s;
}

bool ff_know_model_of_facts(const json_t *entry, struct ff_model *ret)
{
	struct ff_model m = {0};
	uint64_t bytes = number_of(entry, "weights"), parameters = number_of(entry, "tensors.parameters");
	uint64_t wide = number_of(entry, "tensors.wide_parameters"),
		 matrices = number_of(entry, "tensors.matrix_parameters");
	ff_know_shape_of_facts(json_object_get(entry, "config"), &m.shape);
	if (!m.shape.layers || !m.shape.hidden || !bytes || wide > parameters || matrices > parameters ||
		wide > bytes / 4)
		return false;
	m.tensors.n_dtypes = 2;
	m.tensors.dtypes[0] = (struct ff_model_dtype){"F32", 1, wide, 4 * wide};
	m.tensors.dtypes[1] = (struct ff_model_dtype){"other", 1, parameters - wide, bytes - 4 * wide};
	m.tensors.bytes = bytes;
	m.tensors.parameters = parameters;
	m.tensors.matrix_parameters = matrices;
	*ret = m;
	return true;
}
