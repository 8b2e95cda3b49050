// Tables of two facts, of workers as columns of bits: what takes the same words for both of a pair is a count of bits.
#include "fleet/separate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 64 };

// For each predicate words of workers: those that fail stand behind the others, from a word of their own.
struct ff_columns {
	size_t words, others; // words in all, and of those that do not fail
	uint64_t *has, *known;
};

struct ff_error *ff_columns_make(const struct ff_worker_list *workers, size_t predicates, struct ff_columns **ret)
{
	size_t n[2] = {0, 0};
	for (size_t i = 0; i < workers->n; i++)
		n[workers->rows[i].failing]++;
	size_t others = (n[0] + WORD - 1) / WORD, words = others + (n[1] + WORD - 1) / WORD;
	struct ff_columns *c = calloc(1, sizeof(*c));
	if (c)
		*c = (struct ff_columns){.words = words,
			.others = others,
			.has = calloc(words * predicates + 1, sizeof(uint64_t)),
			.known = calloc(words * predicates + 1, sizeof(uint64_t))};
	if (!c || !c->has || !c->known) {
		ff_columns_destroy(c);
		return &ff_enomem;
	}
	size_t at[2] = {0, others * WORD};
	for (size_t i = 0; i < workers->n; i++) {
		const struct ff_worker_bits *w = &workers->rows[i];
		size_t place = at[w->failing]++;
		for (size_t p = 0; p < predicates; p++) {
			c->has[p * words + place / WORD] |= (w->has >> p & 1) << place % WORD;
			c->known[p * words + place / WORD] |= (w->known >> p & 1) << place % WORD;
		}
	}
	*ret = c;
	return NULL;
}

void ff_columns_destroy(struct ff_columns *columns)
{
	if (!columns)
		return;
	free(columns->has);
	free(columns->known);
	free(columns);
}

// Both hold: known where both are, or where one is known not to.
static inline void word_of(
	const struct ff_columns *c, const struct ff_at *at, size_t word, uint64_t *ret_has, uint64_t *ret_known)
{
	uint64_t has = c->has[at->terms[0] * c->words + word], known = c->known[at->terms[0] * c->words + word];
	if (at->n > 1) {
		uint64_t h = c->has[at->terms[1] * c->words + word], k = c->known[at->terms[1] * c->words + word];
		known = (known & k) | (known & ~has) | (k & ~h);
		has &= h;
	}
	*ret_has = has;
	*ret_known = known;
}

void ff_columns_table(const struct ff_columns *c, const struct ff_at *at, uint64_t ret_with[2], uint64_t ret_without[2])
{
	uint64_t has, known;
	memset(ret_with, 0, 2 * sizeof(*ret_with));
	memset(ret_without, 0, 2 * sizeof(*ret_without));
	for (size_t word = 0; word < c->words; word++) {
		size_t side = word >= c->others;
		word_of(c, at, word, &has, &known);
		ret_with[side] += (uint64_t)__builtin_popcountll(has);
		ret_without[side] += (uint64_t)__builtin_popcountll(known & ~has);
	}
}

void ff_columns_compare(
	const struct ff_columns *c, const struct ff_at *a, const struct ff_at *b, struct ff_rivalry *ret)
{
	uint64_t both[2] = {0, 0}, none[2] = {0, 0}, has_a, known_a, has_b, known_b;
	*ret = (struct ff_rivalry){0};
	for (size_t word = 0; word < c->words; word++) {
		size_t side = word >= c->others;
		word_of(c, a, word, &has_a, &known_a);
		word_of(c, b, word, &has_b, &known_b);
		uint64_t known = known_a & known_b;
		both[side] += (uint64_t)__builtin_popcountll(known & has_a & has_b);
		none[side] += (uint64_t)__builtin_popcountll(known & ~has_a & ~has_b);
		ret->only_a[side] += (uint64_t)__builtin_popcountll(known & has_a & ~has_b);
		ret->only_b[side] += (uint64_t)__builtin_popcountll(known & ~has_a & has_b);
	}
	for (size_t side = 0; side < 2; side++) {
		ret->a.with[side] = both[side] + ret->only_a[side];
		ret->b.with[side] = both[side] + ret->only_b[side];
		ret->a.without[side] = none[side] + ret->only_b[side];
		ret->b.without[side] = none[side] + ret->only_a[side];
	}
	ff_candidate_judge(&ret->a, 1);
	ff_candidate_judge(&ret->b, 1);
	double n11 = (double)(both[0] + both[1]), n00 = (double)(none[0] + none[1]),
	       n10 = (double)(ret->only_a[0] + ret->only_a[1]), n01 = (double)(ret->only_b[0] + ret->only_b[1]);
	double size = sqrt((n11 + n10) * (n01 + n00) * (n11 + n01) * (n10 + n00));
	ret->phi = size > 0 ? (n11 * n00 - n10 * n01) / size : 0;
}

// Of one key only a range between two versions says more than each of its ends.
static bool is_pair(const struct ff_predicate *a, const struct ff_predicate *b)
{
	bool range = (a->op == FF_BELOW && b->op == FF_AT_LEAST) || (a->op == FF_AT_LEAST && b->op == FF_BELOW);
	return a->key_last != b->key_last || range;
}

// Puts a pair where it belongs among the best.
static void insert(struct ff_candidates *list, struct ff_at *at, size_t most, const struct ff_candidate *c,
	const struct ff_at *where)
{
	size_t i = list->n;
	if (list->n == most && c->score <= list->rows[most - 1].score)
		return;
	if (list->n < most)
		list->n++;
	else
		i = most - 1;
	for (; i > 0 && list->rows[i - 1].score < c->score; i--) {
		list->rows[i] = list->rows[i - 1];
		at[i] = at[i - 1];
	}
	list->rows[i] = *c;
	at[i] = *where;
}

struct ff_error *ff_separate_pairs(const struct ff_columns *c, const struct ff_candidates *singles, double tested,
	size_t most, struct ff_candidates *ret, struct ff_at *ret_at)
{
	double pairs = tested * (tested - 1) / 2;
	*ret = (struct ff_candidates){.rows = calloc(most, sizeof(*ret->rows)), .cap = most};
	if (!ret->rows)
		return &ff_enomem;
	for (size_t i = 0; i < singles->n; i++) {
		for (size_t k = i + 1; k < singles->n; k++) {
			if (!is_pair(&singles->rows[i].terms[0], &singles->rows[k].terms[0]))
				continue;
			// In the order of their keys, however the two rank.
			bool turn = singles->rows[i].terms[0].key_first > singles->rows[k].terms[0].key_first;
			struct ff_at at = {{turn ? k : i, turn ? i : k}, 2};
			struct ff_candidate pair = {.n_terms = 2};
			for (size_t term = 0; term < 2; term++)
				pair.terms[term] = singles->rows[at.terms[term]].terms[0];
			ff_columns_table(c, &at, pair.with, pair.without);
			ff_candidate_judge(&pair, pairs);
			if (pair.score > singles->rows[i].score && pair.score > singles->rows[k].score)
				insert(ret, ret_at, most, &pair, &at);
		}
	}
	return NULL;
}
