// What a model needs on one GPU, by arithmetic from its headers.
//
//	Llama 3.1 8B in vLLM on an H100, 256 sequences: weights 14.96 GiB as stored, 128 KiB of cache a token, and
//	1.22 GiB for its trial of the sampler (256 rows of 128256 words, 40 bytes each: the sort's values and places and
//	the sums over them); its log says 14.99, 0.12 outside torch, and 1.19.
//	Qwen2 1.5B in one pass of 32768 tokens: 2.02 GiB, all of it the feed-forward part; its log says 2.02.
//	Llama 3 8B in llama.cpp with flash attention: a buffer of 512 tokens by 128256 words and 4096 numbers: 258.5 MiB,
//	as its log says.
// tests/unit/test_model_memory.c holds these and others that engines printed.
//
// How the sources lie: torch's quantized files hold packed integers, so that a count of numbers is no count of weights;
// an engine's newest release may take less (it says so in its log: explain reads that).
#include "know/model_memory.h"

#include "know/model_size.h"

enum {
	ROW_BYTES = 40,	      // vLLM's sampler, for each word of each row
	CACHE_BLOCK = 16,     // tokens; vLLM
	CACHE_PAD = 256,      // tokens; llama.cpp
	STEP_LLAMA_CPP = 512, // its -ub
	BITS_FULL = 16000,
	CONTEXT_MAX = 1 << 28,
	SEQUENCES_MAX = 1 << 20,
};

static const uint64_t MIB = 1 << 20;

// What a process has on the GPU beside tensors: CUDA's context with the libraries' kernels, their workspaces, graphs.
// Medians of what torch, vLLM ("non_torch_memory") and nvidia-smi beside llama.cpp show in public logs; another
// process of the group adds NCCL's buffers.
static const struct {
	uint64_t inside_mib, each_peer_mib; // counted against the engine's share
	uint64_t outside_mib;		    // beside it: the context itself and graphs
} overheads[FF_SERVING_N] = {
	[FF_SERVING_VLLM] = {160, 250, 1100},
	[FF_SERVING_TRANSFORMERS] = {100, 250, 500},
	[FF_SERVING_LLAMA_CPP] = {0, 0, 450},
	[FF_SERVING_SGLANG] = {0, 250, 600},
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t rounded(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

// Sums and products of numbers that come from files: once one overflows, all is said to be unknown.
struct sum {
	uint64_t n;
	bool overflow;
};

static void add(struct sum *s, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t product;
	s->overflow = s->overflow || __builtin_mul_overflow(a, b, &product) ||
		__builtin_mul_overflow(product, c, &product) || __builtin_add_overflow(s->n, product, &s->n);
}

// transformers (device_map) and llama.cpp put layers side by side on several GPUs; vLLM and SGLang cut each layer up.
static bool by_layers(const struct ff_serving_plan *p)
{
	return p->engine != FF_SERVING_VLLM && p->engine != FF_SERVING_SGLANG;
}

// ---- weights ----

static bool is_wide(const char *dtype)
{
	return strcmp(dtype, "F32") == 0 || strcmp(dtype, "F64") == 0;
}

// As the files hold them; what is stored in 32 bits is loaded in 16 by whoever goes by config.json, and by vLLM.
static uint64_t stored_bytes(const struct ff_model *m, const struct ff_serving_plan *p)
{
	bool narrow = !m->gguf && (!by_layers(p) || strcmp(m->shape.dtype, "float32") != 0);
	uint64_t bytes = 0;
	for (size_t i = 0; i < m->tensors.n_dtypes; i++) {
		const struct ff_model_dtype *d = &m->tensors.dtypes[i];
		bytes += narrow && is_wide(d->name) ? 2 * d->parameters : d->bytes;
	}
	// llama.cpp leaves the table of the input's words in the machine's memory where the output has its own.
	return m->gguf && m->tensors.output_bytes ? bytes - m->tensors.input_bytes : bytes;
}

static bool weights_of(const struct ff_model *m, const struct ff_serving_plan *p, uint64_t *ret)
{
	const struct ff_model_tensors *t = &m->tensors;
	uint64_t matrices, others = t->parameters - t->matrix_parameters;
	*ret = stored_bytes(m, p);
	if (p->scheme) {
		if (!ff_know_weight_bytes(t->matrix_parameters, p->scheme, &matrices))
			return false;
		*ret = matrices + 2 * others;
	}
	*ret /= p->gpus;
	*ret -= least(*ret, p->offload);
	return t->bytes > 0;
}

// ---- cache ----

static uint64_t numbers_of_token(const struct ff_model_shape *s, const struct ff_serving_plan *p)
{
	if (s->kept.latent && p->engine == FF_SERVING_TRANSFORMERS)
		return s->kept.latent_whole;
	if (s->kept.latent)
		return s->kept.latent; // the same on every GPU
	uint64_t heads = by_layers(p) || !s->kv_heads ? s->kv_heads : most(1, s->kv_heads / p->gpus);
	return 2 * heads * s->head_dim;
}

static void layers_of(const struct ff_model_shape *s, const struct ff_serving_plan *p, struct ff_model_layers *ret)
{
	*ret = s->kept;
	if (!ret->full && !ret->windowed && !ret->recurrent)
		ret->full = s->layers;
	if (by_layers(p)) {
		ret->full = (ret->full + p->gpus - 1) / p->gpus;
		ret->windowed = (ret->windowed + p->gpus - 1) / p->gpus;
		ret->recurrent = (ret->recurrent + p->gpus - 1) / p->gpus;
	}
}

static bool cache_of(
	const struct ff_model_shape *s, const struct ff_serving_plan *p, uint64_t *ret, uint64_t *ret_state)
{
	struct ff_model_layers kept;
	struct sum numbers = {0}, state = {0};
	uint64_t tokens = rounded(p->context, p->engine == FF_SERVING_LLAMA_CPP ? CACHE_PAD : CACHE_BLOCK);
	uint64_t each = numbers_of_token(s, p);
	layers_of(s, p, &kept);
	if ((kept.full || kept.windowed) && !each)
		return false;
	uint64_t window = kept.window + (p->engine == FF_SERVING_LLAMA_CPP ? STEP_LLAMA_CPP : 0);
	add(&numbers, kept.full * tokens + kept.windowed * least(tokens, window), each, p->sequences);
	add(&state, kept.recurrent, kept.state, 2 * p->sequences);
	if (numbers.overflow || state.overflow || numbers.n > UINT64_MAX / BITS_FULL)
		return false;
	*ret = numbers.n / 8 * p->cache_bits / 1000;
	*ret_state = state.n / (by_layers(p) ? 1 : p->gpus);
	return true;
}

// ---- activations ----

// Numbers of one token in the widest layer: the feed-forward part's three, and the residual with its copies.
static uint64_t width_of(const struct ff_model_shape *s, unsigned gpus)
{
	uint64_t forward = s->intermediate ? s->intermediate : 4 * s->hidden, copies = 4 * s->hidden;
	if (s->experts) {
		uint64_t used = s->experts_used ? s->experts_used : 2;
		uint64_t expert = s->expert_width ? s->expert_width : forward;
		return 3 * used * expert / gpus + (used + 4) * s->hidden;
	}
	return 3 * forward / gpus + copies;
}

static bool activations_of(const struct ff_model_shape *s, const struct ff_serving_plan *p, uint64_t *ret)
{
	struct sum pass = {0}, words = {0};
	uint64_t prompt = p->context * p->sequences, tokens = p->step_tokens ? least(p->step_tokens, prompt) : prompt;
	if (p->engine == FF_SERVING_LLAMA_CPP) {
		add(&pass, least(STEP_LLAMA_CPP, prompt), s->vocabulary + s->hidden, 4);
		*ret = pass.n;
		return !pass.overflow;
	}
	if (p->engine == FF_SERVING_VLLM) { // it tries a pass of its own size, whatever is asked later
		tokens = p->step_tokens;
		add(&words, least(p->batch, tokens), s->vocabulary, ROW_BYTES);
	} else {
		add(&words, p->sequences, s->vocabulary, 4);
	}
	add(&pass, tokens, width_of(s, by_layers(p) ? 1 : p->gpus), 2);
	*ret = most(pass.n, words.n);
	return !pass.overflow && !words.overflow;
}

// ---- all of it ----

static bool is_sane(const struct ff_model *m, const struct ff_serving_plan *p)
{
	const struct ff_model_shape *s = &m->shape;
	const uint64_t sizes[] = {s->layers, s->hidden, s->heads, s->kv_heads, s->head_dim, s->vocabulary,
		s->intermediate, s->experts, s->experts_used, s->expert_width, s->kept.window, s->kept.latent,
		s->kept.latent_whole, s->kept.full, s->kept.windowed, s->kept.recurrent};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] > UINT32_MAX / 4)
			return false;
	return s->layers && s->hidden && p->gpus && p->gpus <= 1024 && p->context && p->context <= CONTEXT_MAX &&
		p->sequences && p->sequences <= SEQUENCES_MAX;
}

bool ff_know_model_need(const struct ff_model *m, const struct ff_serving_plan *p, struct ff_model_need *ret)
{
	struct ff_model_need n = {0};
	if (!is_sane(m, p) || !weights_of(m, p, &n.weights) || !cache_of(&m->shape, p, &n.cache, &n.state) ||
		!activations_of(&m->shape, p, &n.activations))
		return false;
	uint64_t outside = overheads[p->engine].outside_mib * MIB;
	n.overhead = (overheads[p->engine].inside_mib + (p->gpus - 1 ? overheads[p->engine].each_peer_mib : 0)) * MIB;
	n.room = p->memory > outside ? p->memory - outside : 0;
	if (p->engine == FF_SERVING_SGLANG) // what it keeps clear is for its passes and graphs
		n.activations = (uint64_t)((double)n.room * (1 - p->share));
	else
		n.room = least(n.room, (uint64_t)((double)p->memory * p->share));
	struct sum total = {0};
	const uint64_t parts[] = {n.weights, n.cache, n.state, n.activations, n.overhead};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		add(&total, parts[i], 1, 1);
	n.total = total.n;
	*ret = n;
	return !total.overflow;
}

// The largest value of one number of the plan that fits; what is needed only grows with it.
static uint64_t largest(const struct ff_model *m, const struct ff_serving_plan *p, size_t number, uint64_t high)
{
	struct ff_serving_plan plan = *p;
	struct ff_model_need need;
	uint64_t low = 0, *value = (uint64_t *)((char *)&plan + number);
	while (low < high) {
		*value = low + (high - low + 1) / 2;
		if (ff_know_model_need(m, &plan, &need) && ff_know_model_fits(&need))
			low = *value;
		else
			high = *value - 1;
	}
	return low;
}

uint64_t ff_know_longest_context(const struct ff_model *m, const struct ff_serving_plan *p)
{
	return largest(m, p, offsetof(struct ff_serving_plan, context), CONTEXT_MAX);
}

uint64_t ff_know_most_sequences(const struct ff_model *m, const struct ff_serving_plan *p)
{
	return largest(m, p, offsetof(struct ff_serving_plan, sequences), SEQUENCES_MAX);
}

uint64_t ff_know_token_bytes(const struct ff_model *m, const struct ff_serving_plan *p)
{
	struct ff_model_layers kept;
	if (!is_sane(m, p))
		return 0;
	layers_of(&m->shape, p, &kept);
	return kept.full * numbers_of_token(&m->shape, p) * p->cache_bits / 8000;
}
