// config.json of a transformers model: the numbers that memory arithmetic needs.
//
//	{"model_type": "mixtral", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
//	 "num_key_value_heads": 8, "torch_dtype": "bfloat16", "quantization_config": {"quant_method": "gptq", "bits": 4}}
//
// Names differ by family (GPT-2: n_layer, n_embd); models that also see or hear keep the language part under
// text_config or a name of their own.
#include "parse/model_file.h"

#include <stdio.h>

enum { SPELLINGS = 5 };

static uint64_t number_of(const json_t *doc, const char *const names[SPELLINGS])
{
	int64_t value;
	for (size_t i = 0; i < SPELLINGS && names[i]; i++)
		if (ff_json_int(doc, names[i], &value) && value > 0)
			return (uint64_t)value;
	return 0;
}

// Where models of several parts keep the numbers of the language's.
static const json_t *language_part(const json_t *whole)
{
	static const char *const parts[] = {
		"text_config", "llm_config", "language_config", "thinker_config.text_config"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const json_t *part = ff_json_at(whole, parts[i]);
		if (json_is_object(part))
			return part;
	}
	return whole;
}

// Parts that see or hear, by the names that families give them.
static bool has_senses(const json_t *whole)
{
	static const char *const parts[] = {"vision_config", "audio_config", "visual", "vision_tower",
		"mm_vision_tower", "audio_encoder_config", "thinker_config.vision_config",
		"thinker_config.audio_config", "vision_model", "img_processor"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const json_t *part = ff_json_at(whole, parts[i]);
		if (part && !json_is_null(part))
			return true;
	}
	return false;
}

// Groups of keys are said, or there is one for all heads, or one for each. Falcon's new decoder has groups and says
// "multi_query" too; its old one repeats the number of heads.
static uint64_t kv_heads_of(const json_t *doc, uint64_t said, uint64_t heads)
{
	bool one = json_is_true(json_object_get(doc, "multi_query")) &&
		!json_is_true(json_object_get(doc, "new_decoder_architecture"));
	if (one && (!said || said == heads))
		return 1;
	return said ? said : heads;
}

static void copy_text(const json_t *doc, const char *path, char *ret, size_t size)
{
	const char *text = ff_json_text(doc, path);
	if (text && !ret[0])
		snprintf(ret, size, "%s", text);
}

static void read_quantization(const json_t *doc, struct ff_model_shape *shape)
{
	const json_t *quantization = ff_json_at(doc, "quantization_config");
	int64_t bits;
	copy_text(quantization, "quant_method", shape->quantization, sizeof(shape->quantization));
	if (ff_json_int(quantization, "bits", &bits) && bits > 0 && bits <= 64)
		shape->quantization_bits = (uint64_t)bits;
	if (json_is_true(ff_json_at(quantization, "load_in_4bit")))
		shape->quantization_bits = 4;
	if (json_is_true(ff_json_at(quantization, "load_in_8bit")))
		shape->quantization_bits = 8;
}

struct ff_error *ff_config_json_parse(const char *file, struct ff_span text, struct ff_model_shape *ret)
{
	_cleanup_json_ json_t *whole = NULL;
	struct ff_error *err = ff_json_parse(file, text.p ? text.p : "", text.n, &whole);
	if (err)
		return err;
	if (!json_is_object(whole))
		return ff_error_create(FF_EFORMAT, "%s: no JSON object", file);
	const json_t *doc = language_part(whole);
	struct ff_model_shape s = {0};
	const struct {
		uint64_t *slot;
		const char *names[SPELLINGS];
	} numbers[] = {
		{&s.layers, {"num_hidden_layers", "n_layer", "num_layers", "n_layers"}},
		{&s.hidden, {"hidden_size", "n_embd", "d_model"}},
		{&s.heads, {"num_attention_heads", "n_head", "n_heads"}},
		{&s.kv_heads,
			{"num_key_value_heads", "multi_query_group_num", "num_kv_heads", "n_head_kv",
				"attn_config.kv_n_heads"}},
		{&s.head_dim, {"head_dim", "kv_channels"}},
		{&s.vocabulary, {"vocab_size", "padded_vocab_size"}},
		{&s.intermediate, {"intermediate_size", "ffn_hidden_size", "n_inner"}},
		{&s.experts, {"num_local_experts", "num_experts", "n_routed_experts"}},
		{&s.context, {"max_position_embeddings", "n_positions", "seq_length", "max_seq_len"}},
		{&s.experts_used, {"num_experts_per_tok", "moe_topk", "top_k_experts", "num_experts_per_token"}},
		{&s.expert_width, {"moe_intermediate_size", "expert_ffn_hidden_size"}},
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		*numbers[i].slot = number_of(doc, numbers[i].names);
	s.kv_heads = kv_heads_of(doc, s.kv_heads, s.heads);
	if (!s.head_dim && s.heads)
		s.head_dim = s.hidden / s.heads;
	copy_text(whole, "model_type", s.type, sizeof(s.type));
	copy_text(doc, "torch_dtype", s.dtype, sizeof(s.dtype));
	copy_text(whole, "torch_dtype", s.dtype, sizeof(s.dtype));
	copy_text(whole, "dtype", s.dtype, sizeof(s.dtype));
	copy_text(whole, "transformers_version", s.made_by, sizeof(s.made_by));
	copy_text(whole, "_name_or_path", s.name, sizeof(s.name));
	s.custom_code = json_object_size(ff_json_at(whole, "auto_map")) > 0;
	s.transformers = json_array_size(ff_json_at(whole, "architectures")) > 0;
	s.senses = has_senses(whole);
	read_quantization(whole, &s);
	ff_config_layers(doc, &s, &s.kept);
	*ret = s;
	return NULL;
}
