// What back ends share.
#include "fleet/source.h"

#include "parse/version.h"

#include <stdlib.h>
#include <string.h>

void ff_fact_counts_deinit(struct ff_fact_counts *counts)
{
	for (size_t i = 0; i < counts->n; i++) {
		free(counts->rows[i].key);
		free(counts->rows[i].value);
	}
	free(counts->rows);
}

static int by_key(const void *a, const void *b)
{
	const struct ff_fact_count *x = a, *y = b;
	int order = strcmp(x->key, y->key);
	if (!order)
		order = ff_version_compare(x->value, y->value);
	return order ? order : strcmp(x->value, y->value);
}

void ff_fact_counts_sort(struct ff_fact_counts *counts)
{
	if (counts->n)
		qsort(counts->rows, counts->n, sizeof(*counts->rows), by_key);
}

struct ff_worker_bits *ff_worker_list_add(struct ff_worker_list *list)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 1024;
		struct ff_worker_bits *more = realloc(list->rows, cap * sizeof(*more));
		if (!more)
			return NULL;
		list->rows = more;
		list->cap = cap;
	}
	list->rows[list->n] = (struct ff_worker_bits){0};
	return &list->rows[list->n++];
}

bool ff_predicate_bits_make(const struct ff_fact_counts *counts, const struct ff_predicate *predicates, size_t n,
	struct ff_predicate_bits *ret)
{
	*ret = (struct ff_predicate_bits){
		.has = calloc(counts->n + 1, sizeof(uint64_t)), .known = calloc(counts->n + 1, sizeof(uint64_t))};
	if (!ret->has || !ret->known)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct ff_predicate *p = &predicates[i];
		uint64_t bit = UINT64_C(1) << i;
		for (size_t row = p->key_first; row < p->key_last; row++)
			ret->known[row] |= bit;
		for (size_t row = p->first; row < p->last; row++)
			ret->has[row] |= bit;
		ret->always |= p->op == FF_PRESENT || p->op == FF_ABSENT ? bit : 0;
		ret->inverted |= p->op == FF_ABSENT ? bit : 0;
	}
	return true;
}

void ff_predicate_bits_deinit(struct ff_predicate_bits *bits)
{
	free(bits->has);
	free(bits->known);
}
