// Memory of a model by arithmetic: rules/data/weight_bits.tsv and the shape from config.json or GGUF.
//
//	Mixtral 8x7B, 46.7e9 weights in nf4: 46.7e9 * 4.5 / 8 = 26.3e9 bytes
#include "know/model_size.h"

#include "base/table.h"

FF_EMBEDDED(ff_table, weight_bits);

uint64_t ff_know_bits_per_weight(const char *scheme)
{
	struct ff_table_row row;
	uint64_t value;
	if (!ff_table_find(ff_table_weight_bits, ff_span_of(scheme), &row) || !ff_span_u64(row.cells[1], &value))
		return 0;
	return value;
}

bool ff_know_weight_bytes(uint64_t parameters, const char *scheme, uint64_t *ret)
{
	uint64_t each = ff_know_bits_per_weight(scheme), whole, rest = parameters % 8000;
	if (!each || __builtin_mul_overflow(parameters / 8000, each, &whole) ||
		__builtin_add_overflow(whole, (rest * each + 7999) / 8000, &whole))
		return false;
	*ret = whole;
	return true;
}

enum { EXPERTS_MAX = 8, SIZE_SAID_MAX = 1 << 20 };

bool ff_know_least_parameters(const struct ff_model_shape *shape, uint64_t *ret)
{
	uint64_t experts = shape->experts ? shape->experts : 1;
	uint64_t forward = shape->intermediate ? 3 * shape->intermediate : 8 * shape->hidden; // three matrices
	if (!shape->layers || !shape->hidden || experts > EXPERTS_MAX || shape->hidden > SIZE_SAID_MAX ||
		shape->intermediate > SIZE_SAID_MAX || shape->vocabulary > INT32_MAX || shape->layers > 10000)
		return false;
	*ret = shape->layers * shape->hidden * (2 * shape->hidden + forward * experts) +
		shape->vocabulary * shape->hidden;
	return true;
}
