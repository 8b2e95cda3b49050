// Which layers of a model keep how much of a sequence, from config.json.
//
//	{"num_hidden_layers": 62, "sliding_window": 1024, "sliding_window_pattern": 6}        Gemma 3: 52 of 1024 tokens, 10 of all
//	{"layer_types": ["linear_attention", "linear_attention", ..., "full_attention"]}      Qwen3-Next
//	{"attn_layer_period": 8, "attn_layer_offset": 4, "mamba_d_state": 16}                 Jamba: 4 of 32 attend
//	{"hybrid_override_pattern": "M-M-M-M*-M-..."}                                         Nemotron-H: M state, * attention
//	{"kv_lora_rank": 512, "qk_rope_head_dim": 64}                                         DeepSeek: 576 numbers a token
// How the source lies: sliding_window stands in files of models that do not use it (Qwen2 with use_sliding_window
// false), and Gemma 2 alternates without a word of it.
#include "parse/model_file.h"

enum { LAYERS_MAX = 4096 };

static uint64_t number(const json_t *config, const char *name)
{
	int64_t value;
	return ff_json_int(config, name, &value) && value > 0 ? (uint64_t)value : 0;
}

static uint64_t number_or(const json_t *config, const char *name, const char *other)
{
	uint64_t value = number(config, name);
	return value ? value : number(config, other);
}

static uint64_t product(uint64_t a, uint64_t b)
{
	uint64_t result;
	return __builtin_mul_overflow(a, b, &result) ? 0 : result;
}

static uint64_t *kind_of(struct ff_model_layers *kept, const char *word)
{
	static const struct {
		const char *part;
		size_t at;
	} kinds[] = {{"sliding", offsetof(struct ff_model_layers, windowed)},
		{"chunked", offsetof(struct ff_model_layers, windowed)},
		{"local", offsetof(struct ff_model_layers, windowed)},
		{"linear", offsetof(struct ff_model_layers, recurrent)},
		{"mamba", offsetof(struct ff_model_layers, recurrent)},
		{"recurrent", offsetof(struct ff_model_layers, recurrent)},
		{"conv", offsetof(struct ff_model_layers, recurrent)},
		{"attention", offsetof(struct ff_model_layers, full)},
		{"hybrid", offsetof(struct ff_model_layers, full)}};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strstr(word, kinds[i].part))
			return (uint64_t *)((char *)kept + kinds[i].at);
	return NULL;
}

// A word for each layer; RecurrentGemma's list is said over and over until there are enough.
static bool by_words(const json_t *config, uint64_t layers, struct ff_model_layers *kept)
{
	static const char *const names[] = {"layer_types", "layers_block_type", "block_types", "_block_types"};
	const json_t *list = NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !json_array_size(list); i++)
		list = json_object_get(config, names[i]);
	size_t n = json_array_size(list);
	for (uint64_t i = 0; n && i < layers; i++) {
		const char *word = json_string_value(json_array_get(list, i % n));
		uint64_t *kind = word ? kind_of(kept, word) : NULL;
		*(kind ? kind : &kept->full) += 1;
		kept->recurrent += word && strstr(word, "hybrid") != NULL; // Zamba2, Falcon-H1: both in one
	}
	return n > 0;
}

static bool by_letters(const json_t *config, struct ff_model_layers *kept)
{
	const char *letters = ff_json_text(config, "hybrid_override_pattern");
	for (const char *c = letters; c && *c; c++) {
		kept->recurrent += *c == 'M';
		kept->full += *c == '*';
	}
	return letters != NULL;
}

// Layers that attend stand at a list of places or at a step from a first one; the others have a state.
static bool by_places(const json_t *config, uint64_t layers, struct ff_model_layers *kept)
{
	uint64_t listed = json_array_size(json_object_get(config, "attn_layer_indices"));
	uint64_t step = number_or(config, "attn_layer_period", "full_attention_interval");
	uint64_t first = number(config, "attn_layer_offset");
	if (!listed && !step)
		return false;
	for (uint64_t i = 0; !listed && i < layers; i++)
		kept->full += step && i % step == (number(config, "attn_layer_period") ? first % step : step - 1);
	kept->full = listed ? (listed < layers ? listed : layers) : kept->full;
	kept->recurrent = layers - kept->full;
	return true;
}

// Every how many layers one attends to all; 1: each does; 0: none does.
static uint64_t window_step(const json_t *config, const struct ff_model_shape *shape)
{
	static const struct {
		const char *type;
		uint64_t step;
	} families[] = {{"gemma2", 2}, {"gemma3", 6}, {"gemma3_text", 6}, {"cohere2", 4}, {"gpt_oss", 2}, {"llama4", 4},
		{"llama4_text", 4}};
	uint64_t step = number(config, "sliding_window_pattern");
	for (size_t i = 0; !step && i < sizeof(families) / sizeof(families[0]); i++)
		step = strcmp(shape->type, families[i].type) == 0 ? families[i].step : 0;
	return json_is_false(json_object_get(config, "use_sliding_window")) ? 1 : step;
}

static void by_window(const json_t *config, const struct ff_model_shape *shape, struct ff_model_layers *kept)
{
	uint64_t step = window_step(config, shape), unused = number(config, "max_window_layers");
	kept->full = shape->layers;
	if (!kept->window || step == 1)
		return;
	kept->full = step ? shape->layers / step : 0;
	if (json_is_true(json_object_get(config, "use_sliding_window")) && unused) // Qwen2: the first ones do not
		kept->full = unused < shape->layers ? unused : shape->layers;
	kept->windowed = shape->layers - kept->full;
}

static uint64_t state_of(const json_t *config, const struct ff_model_shape *shape)
{
	uint64_t values = number(config, "linear_num_value_heads"), value_dim = number(config, "linear_value_head_dim");
	uint64_t keys = number(config, "linear_num_key_heads"), key_dim = number(config, "linear_key_head_dim");
	uint64_t size = number_or(config, "mamba_d_state", "ssm_state_size");
	uint64_t heads = number_or(config, "mamba_n_heads", "mamba_num_heads");
	uint64_t head_dim = number_or(config, "mamba_d_head", "mamba_head_dim");
	uint64_t groups = number_or(config, "mamba_n_groups", "n_groups");
	uint64_t conv = number_or(config, "mamba_d_conv", "conv_kernel"), expand = number(config, "mamba_expand");
	if (values && value_dim) // gated delta rule: a matrix for each head, and what the convolution looks back at
		return product(product(values, value_dim), key_dim) +
			product(2 * product(keys, key_dim) + product(values, value_dim), 3);
	size = size ? size : number(config, "state_size");
	uint64_t inner = heads && head_dim ? product(heads, head_dim) : product(shape->hidden, expand ? expand : 2);
	conv = conv ? conv : 4;
	if (heads && head_dim) // Mamba 2
		return product(inner, size) + product(inner + 2 * product(groups ? groups : 1, size), conv - 1);
	return size ? product(inner, size + conv) : 0;
}

void ff_config_layers(const json_t *config, const struct ff_model_shape *shape, struct ff_model_layers *ret)
{
	struct ff_model_layers kept = {.window = number_or(config, "sliding_window", "attention_chunk_size")};
	uint64_t rank = number(config, "kv_lora_rank"), rope = number(config, "qk_rope_head_dim");
	*ret = kept;
	if (!shape->layers || shape->layers > LAYERS_MAX)
		return;
	if (!by_words(config, shape->layers, &kept) && !by_letters(config, &kept) &&
		!by_places(config, shape->layers, &kept))
		by_window(config, shape, &kept);
	if (!kept.window) { // said to be windowed, and not how wide
		kept.full += kept.windowed;
		kept.windowed = 0;
	}
	if (strcmp(shape->type, "mamba") == 0 || strcmp(shape->type, "mamba2") == 0 ||
		strcmp(shape->type, "falcon_mamba") == 0) {
		kept.recurrent = shape->layers;
		kept.full = 0;
	}
	kept.state = kept.recurrent ? state_of(config, shape) : 0;
	if (rank) {
		kept.latent = rank + rope;
		kept.latent_whole =
			product(shape->heads, number(config, "qk_nope_head_dim") + rope + number(config, "v_head_dim"));
	}
	*ret = kept;
}
