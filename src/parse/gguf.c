// The header of a GGUF file (llama.cpp), version 2 and 3: keys with values, then the list of tensors.
//
//	"GGUF" version:u32 tensors:u64 keys:u64
//	key:string type:u32 value ...     "general.architecture" 8 "llama", "llama.block_count" 4 32, tokens as an array of strings
//	name:string n:u32 dims:u64[n] type:u32 offset:u64 ...
//
// Numbers of elements come from the file and are not believed: every element costs bytes that must be there.
#include "base/cursor.h"
#include "parse/model_file.h"

#include <stdio.h>

enum { DIMENSIONS_MAX = 8, ALIGNMENT_DEFAULT = 32, TYPE_STRING = 8, TYPE_ARRAY = 9, NEST_MAX = 4 };

// Size of a value by its type; 0 for those of no fixed size.
static const unsigned char value_sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

static const struct {
	const char *name;
	unsigned parameters, bytes; // of one block
} quants[] = {[0] = {"F32", 1, 4},
	[1] = {"F16", 1, 2},
	[2] = {"Q4_0", 32, 18},
	[3] = {"Q4_1", 32, 20},
	[6] = {"Q5_0", 32, 22},
	[7] = {"Q5_1", 32, 24},
	[8] = {"Q8_0", 32, 34},
	[9] = {"Q8_1", 32, 36},
	[10] = {"Q2_K", 256, 84},
	[11] = {"Q3_K", 256, 110},
	[12] = {"Q4_K", 256, 144},
	[13] = {"Q5_K", 256, 176},
	[14] = {"Q6_K", 256, 210},
	[15] = {"Q8_K", 256, 292},
	[16] = {"IQ2_XXS", 256, 66},
	[17] = {"IQ2_XS", 256, 74},
	[18] = {"IQ3_XXS", 256, 98},
	[19] = {"IQ1_S", 256, 50},
	[20] = {"IQ4_NL", 32, 18},
	[21] = {"IQ3_S", 256, 110},
	[22] = {"IQ2_S", 256, 82},
	[23] = {"IQ4_XS", 256, 136},
	[24] = {"I8", 1, 1},
	[25] = {"I16", 1, 2},
	[26] = {"I32", 1, 4},
	[27] = {"I64", 1, 8},
	[28] = {"F64", 1, 8},
	[29] = {"IQ1_M", 256, 56},
	[30] = {"BF16", 1, 2},
	[34] = {"TQ1_0", 256, 54},
	[35] = {"TQ2_0", 256, 66},
	[39] = {"MXFP4", 32, 17}};

static struct ff_span take_string(struct ff_cursor *c)
{
	return ff_cursor_bytes(c, ff_cursor_u64(c));
}

static bool skip_value(struct ff_cursor *c, uint32_t type, unsigned depth)
{
	if (type >= sizeof(value_sizes) || depth > NEST_MAX)
		return false;
	if (type == TYPE_STRING) {
		take_string(c);
		return true;
	}
	if (type != TYPE_ARRAY) {
		ff_cursor_skip(c, value_sizes[type]);
		return true;
	}
	uint32_t of = ff_cursor_u32(c);
	uint64_t n = ff_cursor_u64(c), bytes;
	if (of < sizeof(value_sizes) && value_sizes[of]) {
		if (__builtin_mul_overflow(n, (uint64_t)value_sizes[of], &bytes))
			return false;
		ff_cursor_skip(c, bytes);
		return true;
	}
	for (uint64_t i = 0; i < n && ff_cursor_left(c); i++)
		if (!skip_value(c, of, depth + 1))
			return false;
	return true;
}

static uint64_t take_number(struct ff_cursor *c, uint32_t type)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < value_sizes[type]; i++)
		value |= (uint64_t)ff_cursor_u8(c) << (8 * i);
	return value;
}

static bool is_whole_number(uint32_t type)
{
	return type <= 5 || type == 10 || type == 11;
}

// What is said of the layers, beside the shape.
struct said {
	uint64_t alignment, rank, rope, conv, state, inner, groups, interval;
	uint64_t with_cache, without_cache, windowed; // counted in lists of a number or a truth for each layer
};

static uint64_t *slot_of(struct ff_model_shape *shape, struct said *said, struct ff_span key)
{
	const struct {
		const char *ending;
		uint64_t *slot;
	} slots[] = {{".block_count", &shape->layers}, {".embedding_length", &shape->hidden},
		{".attention.head_count", &shape->heads}, {".attention.head_count_kv", &shape->kv_heads},
		{".attention.key_length", &shape->head_dim}, {".feed_forward_length", &shape->intermediate},
		{".vocab_size", &shape->vocabulary}, {".expert_count", &shape->experts},
		{".context_length", &shape->context}, {".expert_used_count", &shape->experts_used},
		{".expert_feed_forward_length", &shape->expert_width},
		{".attention.sliding_window", &shape->kept.window}, {"general.alignment", &said->alignment},
		{".attention.kv_lora_rank", &said->rank}, {".rope.dimension_count", &said->rope},
		{".ssm.conv_kernel", &said->conv}, {".ssm.state_size", &said->state}, {".ssm.inner_size", &said->inner},
		{".ssm.group_count", &said->groups}, {".full_attention_interval", &said->interval}};
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
		if (ff_span_ends(key, slots[i].ending))
			return slots[i].slot;
	return NULL;
}

// A list with an item for each layer, or the list of the vocabulary, of which only the length counts.
static bool read_list(struct ff_cursor *c, struct ff_model_shape *shape, struct said *said, struct ff_span key)
{
	struct ff_cursor at = *c;
	uint32_t of = ff_cursor_u32(&at);
	uint64_t n = ff_cursor_u64(&at);
	bool heads = ff_span_ends(key, ".attention.head_count_kv"),
	     window = ff_span_ends(key, ".sliding_window_pattern");
	if (ff_span_eq(key, "tokenizer.ggml.tokens") && !shape->vocabulary)
		shape->vocabulary = n;
	for (uint64_t i = 0; (heads || window) && of <= 7 && i < n && ff_cursor_left(&at); i++) {
		uint64_t value = take_number(&at, of);
		said->windowed += window && value;
		said->with_cache += heads && value;
		said->without_cache += heads && !value;
		if (heads && value > shape->kv_heads && value <= UINT16_MAX)
			shape->kv_heads = value;
	}
	return skip_value(c, TYPE_ARRAY, 0);
}

static void finish_layers(struct ff_model_shape *shape, const struct said *said)
{
	// Those whose files have no list of which layers look back how far.
	static const struct {
		const char *name;
		uint64_t step;
	} families[] = {{"gemma2", 2}, {"gemma3", 6}, {"cohere2", 4}, {"gpt-oss", 2}, {"llama4", 4}};
	struct ff_model_layers *kept = &shape->kept;
	uint64_t step = 0;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		step = strcmp(shape->type, families[i].name) == 0 ? families[i].step : step;
	kept->windowed = kept->window ? said->windowed ? said->windowed
			: step			       ? shape->layers - shape->layers / step
						       : 0
				      : 0;
	kept->recurrent = said->without_cache  ? said->without_cache
		: said->interval	       ? shape->layers - shape->layers / said->interval
		: said->inner && !shape->heads ? shape->layers
					       : 0;
	uint64_t others = kept->windowed + kept->recurrent;
	kept->full = shape->layers > others ? shape->layers - others : 0;
	kept->latent = said->rank ? said->rank + said->rope : 0;
	if (said->inner < (1 << 24) && said->state < (1 << 16) && said->conv < 64 && said->groups < (1 << 16))
		kept->state = said->inner * said->state + (said->inner + 2 * said->groups * said->state) * said->conv;
}

static bool read_key(struct ff_cursor *c, struct ff_model_shape *shape, struct said *said)
{
	struct ff_span key = take_string(c);
	uint32_t type = ff_cursor_u32(c);
	uint64_t *slot = slot_of(shape, said, key);
	if (slot && type < sizeof(value_sizes) && is_whole_number(type)) {
		*slot = take_number(c, type);
	} else if (ff_span_eq(key, "general.architecture") && type == TYPE_STRING) {
		struct ff_span name = take_string(c);
		snprintf(shape->type, sizeof(shape->type), "%.*s", (int)(name.n < 40 ? name.n : 40),
			name.p ? name.p : "");
	} else {
		return type == TYPE_ARRAY ? read_list(c, shape, said, key) : skip_value(c, type, 0);
	}
	return true;
}

// Parameters, bytes and the end in the data section of one tensor.
static const char *read_tensor(struct ff_cursor *c, struct ff_model_tensors *t, uint64_t *data_end)
{
	struct ff_span name = take_string(c);
	uint32_t n = ff_cursor_u32(c);
	uint64_t parameters = 1, bytes, end;
	if (n > DIMENSIONS_MAX)
		return "too many dimensions";
	for (uint32_t i = 0; i < n; i++)
		if (__builtin_mul_overflow(parameters, ff_cursor_u64(c), &parameters))
			return "size overflows";
	uint32_t type = ff_cursor_u32(c);
	uint64_t offset = ff_cursor_u64(c);
	if (c->short_read)
		return NULL; // said once, at the end
	if (type >= sizeof(quants) / sizeof(quants[0]) || !quants[type].name)
		return "unknown tensor type";
	if (parameters % quants[type].parameters ||
		__builtin_mul_overflow(parameters / quants[type].parameters, (uint64_t)quants[type].bytes, &bytes) ||
		__builtin_add_overflow(offset, bytes, &end))
		return "size is no multiple of its block or overflows";
	*data_end = end > *data_end ? end : *data_end;
	if (!ff_model_tensors_add(t, quants[type].name, parameters, bytes))
		return "too much";
	ff_model_tensors_use(t, name, n, parameters, bytes);
	return NULL;
}

static struct ff_error *read_lists(struct ff_cursor *c, struct ff_model_tensors *t, struct ff_model_shape *shape)
{
	struct said said = {.alignment = ALIGNMENT_DEFAULT};
	uint64_t n_tensors = ff_cursor_u64(c), n_keys = ff_cursor_u64(c), data_end = 0;
	for (uint64_t i = 0; i < n_keys && !c->short_read; i++)
		if (!read_key(c, shape, &said))
			return ff_error_format(c->file, c->pos, "unknown type of value");
	for (uint64_t i = 0; i < n_tensors && !c->short_read; i++) {
		const char *flaw = read_tensor(c, t, &data_end);
		if (flaw)
			return ff_error_format(c->file, c->pos, "tensor: %s", flaw);
	}
	if (c->short_read)
		return ff_error_create(FF_ELIMIT, "%s: the header goes on behind the first %llu bytes", c->file,
			(unsigned long long)c->n);
	if (!said.alignment || said.alignment > (1 << 20))
		return ff_error_format(c->file, c->pos, "alignment %llu", (unsigned long long)said.alignment);
	uint64_t data = (c->pos + said.alignment - 1) / said.alignment * said.alignment;
	if (__builtin_add_overflow(data, data_end, &t->file_bytes))
		return ff_error_format(c->file, c->pos, "offsets overflow");
	finish_layers(shape, &said);
	return NULL;
}

struct ff_error *ff_gguf_parse(
	const char *file, struct ff_span bytes, struct ff_model_tensors *ret_tensors, struct ff_model_shape *ret_shape)
{
	struct ff_model_tensors t = {0};
	struct ff_model_shape shape = {0};
	struct ff_cursor c = ff_cursor_of(file, bytes.p, bytes.n);
	struct ff_span magic = ff_cursor_bytes(&c, 4);
	uint32_t version = ff_cursor_u32(&c);
	struct ff_error *err = ff_cursor_check(&c, "GGUF header");
	if (err)
		return err;
	if (!ff_span_eq(magic, "GGUF") || version < 2 || version > 3)
		return ff_error_format(file, 0, "no GGUF of version 2 or 3");
	err = read_lists(&c, &t, &shape);
	if (err)
		return err;
	if (!shape.kv_heads)
		shape.kv_heads = shape.heads;
	if (!shape.head_dim && shape.heads)
		shape.head_dim = shape.hidden / shape.heads;
	*ret_tensors = t;
	*ret_shape = shape;
	return NULL;
}
