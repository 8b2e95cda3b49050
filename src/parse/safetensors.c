// The header of a safetensors file.
//
//	8 bytes   little-endian length of the header
//	JSON      {"__metadata__": {...}, "lm_head.weight": {"dtype": "BF16", "shape": [32000, 4096], "data_offsets": [0, 262144000]}}
//	data
//
// A download that broke off leaves a valid header and too few bytes behind it: compare file_bytes with the file's size.
// A git-lfs pointer or an HTML page begins with text, which makes an absurd length.
#include "base/cursor.h"
#include "parse/model_file.h"

#include <stdio.h>

enum { HEADER_MAX = 32 << 20, DIMENSIONS_MAX = 16, LENGTH_BYTES = 8 };

static const struct {
	const char *name;
	unsigned bits;
} dtypes[] = {{"BOOL", 8}, {"U8", 8}, {"I8", 8}, {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"I16", 16},
	{"U16", 16}, {"F16", 16}, {"BF16", 16}, {"I32", 32}, {"U32", 32}, {"F32", 32}, {"I64", 64}, {"U64", 64},
	{"F64", 64}, {"C64", 64}, {"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6}};

struct extent {
	uint64_t start, end;
};

bool ff_model_tensors_add(struct ff_model_tensors *t, const char *dtype, uint64_t parameters, uint64_t bytes)
{
	size_t i = 0;
	while (i < t->n_dtypes && strcmp(t->dtypes[i].name, dtype) != 0)
		i++;
	if (i == FF_MODEL_DTYPES || strlen(dtype) >= sizeof(t->dtypes[0].name) ||
		__builtin_add_overflow(t->parameters, parameters, &t->parameters) ||
		__builtin_add_overflow(t->bytes, bytes, &t->bytes))
		return false;
	struct ff_model_dtype *d = &t->dtypes[i];
	if (i == t->n_dtypes) {
		*d = (struct ff_model_dtype){0};
		snprintf(d->name, sizeof(d->name), "%s", dtype);
		t->n_dtypes++;
	}
	d->parameters += parameters; // no more than the sums that were checked
	d->bytes += bytes;
	d->tensors++;
	t->tensors++;
	return true;
}

static bool ends_in_any(struct ff_span name, const char *const endings[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ff_span_ends(name, endings[i]))
			return true;
	return false;
}

// As transformers' families, Mistral's own files and GGUF call them.
void ff_model_tensors_use(
	struct ff_model_tensors *t, struct ff_span name, size_t dimensions, uint64_t parameters, uint64_t bytes)
{
	static const char *const inputs[] = {"embed_tokens.weight", "wte.weight", "word_embeddings.weight",
		"token_embd.weight", "tok_embeddings.weight", "embed_in.weight", "backbone.embeddings.weight"};
	static const char *const outputs[] = {"lm_head.weight", "embed_out.weight"};
	if (ends_in_any(name, inputs, sizeof(inputs) / sizeof(inputs[0]))) {
		t->input_parameters += parameters; // sums of what _add() has checked
		t->input_bytes += bytes;
	} else if (ff_span_eq(name, "output.weight") ||
		ends_in_any(name, outputs, sizeof(outputs) / sizeof(outputs[0]))) {
		t->output_parameters += parameters;
		t->output_bytes += bytes;
	} else if (dimensions > 1) {
		t->matrix_parameters += parameters;
	}
}

bool ff_model_tensors_join(struct ff_model_tensors *into, const struct ff_model_tensors *other)
{
	for (size_t i = 0; i < other->n_dtypes; i++) {
		const struct ff_model_dtype *d = &other->dtypes[i];
		uint64_t tensors = into->tensors + d->tensors - 1; // _add() counts one
		if (!ff_model_tensors_add(into, d->name, d->parameters, d->bytes))
			return false;
		into->tensors = tensors + 1;
	}
	into->input_bytes += other->input_bytes;
	into->input_parameters += other->input_parameters;
	into->inputs += other->inputs;
	into->input_rows = other->inputs ? other->input_rows : into->input_rows;
	into->output_bytes += other->output_bytes;
	into->output_parameters += other->output_parameters;
	into->matrix_parameters += other->matrix_parameters;
	return !__builtin_add_overflow(into->file_bytes, other->file_bytes, &into->file_bytes);
}

struct ff_error *ff_safetensors_header(const char *file, struct ff_span first, uint64_t file_size, uint64_t *ret)
{
	struct ff_cursor c = ff_cursor_of(file, first.p, first.n);
	uint64_t n = ff_cursor_u64(&c);
	struct ff_error *err = ff_cursor_check(&c, "safetensors length");
	if (err)
		return err;
	if (file_size < LENGTH_BYTES || n > file_size - LENGTH_BYTES)
		return ff_error_format(file, 0, "the header would be %llu bytes long, the file has %llu",
			(unsigned long long)n, (unsigned long long)file_size);
	if (n > HEADER_MAX)
		return ff_error_create(FF_ELIMIT, "%s: a header of %llu bytes", file, (unsigned long long)n);
	*ret = n;
	return NULL;
}

static bool whole_number(const json_t *value, uint64_t *ret)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

static bool count_parameters(const json_t *shape, uint64_t *ret)
{
	uint64_t product = 1, n;
	const json_t *dimension;
	size_t i;
	if (!json_is_array(shape) || json_array_size(shape) > DIMENSIONS_MAX)
		return false;
	json_array_foreach (shape, i, dimension)
		if (!whole_number(dimension, &n) || __builtin_mul_overflow(product, n, &product))
			return false;
	*ret = product;
	return true;
}

static bool size_fits(const char *dtype, uint64_t parameters, uint64_t bytes)
{
	uint64_t bits;
	for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]); i++)
		if (strcmp(dtypes[i].name, dtype) == 0)
			return !__builtin_mul_overflow(parameters, (uint64_t)dtypes[i].bits, &bits) &&
				bits / 8 + (bits % 8 != 0) == bytes;
	return true; // a type of a later release
}

static const char *read_tensor(const char *name, const json_t *entry, struct ff_model_tensors *t, struct extent *ret)
{
	const char *dtype = ff_json_text(entry, "dtype");
	uint64_t parameters;
	if (!dtype || !count_parameters(json_object_get(entry, "shape"), &parameters))
		return "has no type or no shape";
	const json_t *offsets = json_object_get(entry, "data_offsets");
	if (json_array_size(offsets) != 2 || !whole_number(json_array_get(offsets, 0), &ret->start) ||
		!whole_number(json_array_get(offsets, 1), &ret->end) || ret->end < ret->start)
		return "has no valid data_offsets";
	if (!size_fits(dtype, parameters, ret->end - ret->start))
		return "has another size than its shape says";
	if (!ff_model_tensors_add(t, dtype, parameters, ret->end - ret->start))
		return "is too much";
	const json_t *shape = json_object_get(entry, "shape");
	uint64_t before = t->input_parameters, rows;
	ff_model_tensors_use(t, ff_span_of(name), json_array_size(shape), parameters, ret->end - ret->start);
	bool plain = strcmp(dtype, "F16") == 0 || strcmp(dtype, "BF16") == 0 || strcmp(dtype, "F32") == 0;
	if (plain && t->input_parameters > before && json_array_size(shape) == 2 &&
		whole_number(json_array_get(shape, 0), &rows)) {
		t->inputs++;
		t->input_rows = rows;
	}
	return NULL;
}

static int by_start(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

static struct ff_error *check_extents(const char *file, struct extent *extents, size_t n)
{
	uint64_t at = 0;
	if (n)
		qsort(extents, n, sizeof(*extents), by_start);
	for (size_t i = 0; i < n; i++) {
		if (extents[i].start != at)
			return ff_error_format(file, at, "tensors %s each other in the data",
				extents[i].start < at ? "overlap" : "leave a hole between");
		at = extents[i].end;
	}
	return NULL;
}

struct ff_error *ff_safetensors_parse(const char *file, struct ff_span text, struct ff_model_tensors *ret)
{
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err = ff_json_parse(file, text.p ? text.p : "", text.n, &doc);
	if (err)
		return err;
	struct ff_model_tensors t = {0};
	size_t n = 0;
	_cleanup_free_ struct extent *extents = calloc(json_object_size(doc) + 1, sizeof(*extents));
	if (!extents)
		return &ff_enomem;
	const char *name;
	json_t *entry;
	json_object_foreach (doc, name, entry) {
		const char *flaw = strcmp(name, "__metadata__") == 0 ? NULL : read_tensor(name, entry, &t, &extents[n]);
		if (flaw)
			return ff_error_create(FF_EFORMAT, "%s: tensor \"%.200s\" %s", file, name, flaw);
		n += strcmp(name, "__metadata__") != 0;
	}
	err = json_is_object(doc) ? check_extents(file, extents, n)
				  : ff_error_create(FF_EFORMAT, "%s: the header is no JSON object", file);
	if (err)
		return err;
	t.file_bytes = LENGTH_BYTES + text.n + t.bytes;
	*ret = t;
	return NULL;
}
