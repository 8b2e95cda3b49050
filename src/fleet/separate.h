// Which facts tell the workers that fail from the others: pure functions over counts.
//
// Every statement is tested: a key's value, a key that is there or not, a version below or from a release on; then
// pairs of the best. The evidence of one is Fisher's exact test (the chance of such a table, were the fact of no
// matter), corrected for how many statements there were to choose from. Its size is the logarithm of the odds ratio,
// each cell half a worker larger, so that little data says little.
#pragma once

#include "fleet/source.h"

enum { FF_TERMS = 2 };

struct ff_candidate {
	struct ff_predicate terms[FF_TERMS];
	size_t n_terms;
	uint64_t with[2], without[2]; /**< workers of which it is known; [1] of those that fail */
	double log_odds, low, high;   /**< shrunk, and its 95 % interval */
	double log_p;		      /**< of Fisher's test, one side */
	double score;		      /**< -log_p less the logarithm of how many statements of its kind there are */
};

struct ff_candidates {
	struct ff_candidate *rows;
	size_t n, cap;
};

/** Logarithm of the chance that so many or more of the failing have a fact that is of no matter. */
double ff_fisher(const uint64_t with[2], const uint64_t without[2]);

/** What `with` and `without` say, filled in. `tested`: how many statements of the kind there are. */
void ff_candidate_judge(struct ff_candidate *candidate, double tested);

/** Evidence that is claimed: the family's error is 5 %, halved between single facts and pairs, and at the lower end of
    its 95 % interval the fact at least doubles the odds. */
bool ff_candidate_is_claimed(const struct ff_candidate *candidate);

/** All single statements that speak for failing, best first, at most FF_PREDICATES, few of one key. */
struct ff_error *ff_separate_singles(
	const struct ff_fact_counts *counts, struct ff_candidates *ret, double *ret_tested);

/** Workers as columns of bits, for the same predicates. */
struct ff_columns;

struct ff_error *ff_columns_make(const struct ff_worker_list *workers, size_t predicates, struct ff_columns **ret);
void ff_columns_destroy(struct ff_columns *columns);

/** Which of predicates a candidate's terms are: places in the list that the columns were made for. */
struct ff_at {
	size_t terms[FF_TERMS], n;
};

/** The table of one predicate or of both together. */
void ff_columns_table(
	const struct ff_columns *columns, const struct ff_at *at, uint64_t ret_with[2], uint64_t ret_without[2]);

/** Over the workers of which both are known: the tables of each, how they go together (phi), and how many have the one
    without the other. */
struct ff_rivalry {
	struct ff_candidate a, b;
	double phi;
	uint64_t only_a[2], only_b[2];
};

void ff_columns_compare(
	const struct ff_columns *columns, const struct ff_at *a, const struct ff_at *b, struct ff_rivalry *ret);

/** Pairs of the single ones; those that say more than both of their parts, best first, at most `most`. */
struct ff_error *ff_separate_pairs(const struct ff_columns *columns, const struct ff_candidates *singles, double tested,
	size_t most, struct ff_candidates *ret, struct ff_at *ret_at);
