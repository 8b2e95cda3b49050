// Single statements: every one is counted, those that speak for failing are judged.
//
// How the source lies: a fact that nobody knows of a worker is neither there nor not there, and such a worker counts
// for neither; a key that only some have may be missing because its probe failed; a hundred versions are few workers
// each, and a line between two of them is a statement about all.
#include "fleet/separate.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "know/facts_diff.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OF_ONE_KEY = 4, VERSIONS_LEAST = 3, CANDIDATES_MAX = 1 << 16 };

static const double family_error = 0.05, least_ratio = 2, sides = 1.96;

static double choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

double ff_fisher(const uint64_t with[2], const uint64_t without[2])
{
	double a = (double)with[1], failing = a + (double)without[1], carriers = a + (double)with[0];
	double n = failing + (double)(with[0] + without[0]), most = failing < carriers ? failing : carriers;
	if (a * n <= failing * carriers) // no more than by chance
		return 0;
	// The first term of the tail; the ratio of each next one to the one before falls.
	double first = choose(carriers, a) + choose(n - carriers, failing - a) - choose(n, failing), sum = 1, term = 1;
	for (double k = a; k < most && term > sum * 1e-12; k++) {
		term *= (carriers - k) * (failing - k) / ((k + 1) * (n - carriers - failing + k + 1));
		sum += term;
	}
	double log_p = first + log(sum);
	return log_p < 0 ? log_p : 0;
}

void ff_candidate_judge(struct ff_candidate *c, double tested)
{
	double a = (double)c->with[1] + 0.5, b = (double)c->without[1] + 0.5, d = (double)c->with[0] + 0.5,
	       e = (double)c->without[0] + 0.5;
	c->log_odds = log(a * e / (b * d));
	double error = sqrt(1 / a + 1 / b + 1 / d + 1 / e);
	c->low = c->log_odds - sides * error;
	c->high = c->log_odds + sides * error;
	c->log_p = ff_fisher(c->with, c->without);
	c->score = -c->log_p - log(tested > 1 ? tested : 1);
}

bool ff_candidate_is_claimed(const struct ff_candidate *c)
{
	return c->score > -log(family_error / 2) && c->low > log(least_ratio);
}

static struct ff_error *add(struct ff_candidates *list, const struct ff_candidate *c)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 256;
		struct ff_candidate *more = realloc(list->rows, cap * sizeof(*more));
		if (!more)
			return &ff_enomem;
		list->rows = more;
		list->cap = cap;
	}
	list->rows[list->n++] = *c;
	return NULL;
}

struct singles {
	const struct ff_fact_counts *counts;
	struct ff_candidates *list;
	double tested;
	struct ff_error *err;
};

static struct ff_error *keep_best(const struct ff_fact_counts *counts, struct ff_candidates *list);

// Where workers share nothing there is a statement for each value: only the best ones are kept on the way. Which those
// are does not hang on how many there will be.
static struct ff_error *keep_few(struct singles *s)
{
	if (s->list->n < CANDIDATES_MAX)
		return NULL;
	for (size_t i = 0; i < s->list->n; i++)
		ff_candidate_judge(&s->list->rows[i], 1);
	return keep_best(s->counts, s->list);
}

static void consider(struct singles *s, struct ff_predicate p, const uint64_t with[2], const uint64_t all[2])
{
	struct ff_candidate c = {.terms = {p},
		.n_terms = 1,
		.with = {with[0], with[1]},
		.without = {all[0] - with[0], all[1] - with[1]}};
	// Who has it is all that may decide whether it is tested, never who fails.
	if (s->err || with[0] + with[1] < 2 || c.without[0] + c.without[1] == 0)
		return;
	s->tested++;
	if ((double)with[1] * (double)all[0] > (double)with[0] * (double)all[1])
		s->err = add(s->list, &c) ?: keep_few(s);
}

static void sum_rows(const struct ff_fact_counts *counts, size_t first, size_t last, uint64_t ret[2])
{
	ret[0] = ret[1] = 0;
	for (size_t i = first; i < last; i++)
		for (size_t side = 0; side < 2; side++)
			ret[side] += counts->rows[i].with[side];
}

// Lines between versions; a line with one value on a side says the same as that value.
static void consider_versions(struct singles *s, size_t first, size_t last)
{
	while (first < last && !isdigit((unsigned char)s->counts->rows[first].value[0]))
		first++;
	uint64_t all[2], below[2] = {0, 0};
	if (last - first < VERSIONS_LEAST)
		return;
	sum_rows(s->counts, first, last, all);
	for (size_t cut = first + 1; cut < last; cut++) {
		const struct ff_fact_count *before = &s->counts->rows[cut - 1];
		below[0] += before->with[0];
		below[1] += before->with[1];
		uint64_t above[2] = {all[0] - below[0], all[1] - below[1]};
		if (cut > first + 1)
			consider(s, (struct ff_predicate){FF_BELOW, first, last, first, cut}, below, all);
		if (cut < last - 1)
			consider(s, (struct ff_predicate){FF_AT_LEAST, first, last, cut, last}, above, all);
	}
}

static void consider_key(struct singles *s, size_t first, size_t last)
{
	uint64_t all[2], missing[2];
	const uint64_t *workers = s->counts->workers;
	sum_rows(s->counts, first, last, all);
	for (size_t side = 0; side < 2; side++)
		missing[side] = workers[side] > all[side] ? workers[side] - all[side] : 0;
	for (size_t i = first; i < last && last - first > 1; i++)
		consider(s, (struct ff_predicate){FF_IS, first, last, i, i + 1}, s->counts->rows[i].with, all);
	consider_versions(s, first, last);
	consider(s, (struct ff_predicate){FF_PRESENT, first, last, first, last}, all, workers);
	consider(s, (struct ff_predicate){FF_ABSENT, first, last, first, last}, missing, workers);
}

struct order {
	struct ff_candidate *candidate;
	const char *key;
	int weight;
};

// What says the same is ordered by how much a fact of the kind tells, then by its name.
static int by_score(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	double difference = y->candidate->score - x->candidate->score;
	if (fabs(difference) > 1e-9)
		return difference > 0 ? 1 : -1;
	if (x->weight != y->weight)
		return y->weight - x->weight;
	int keys = strcmp(x->key, y->key);
	return keys ? keys : (int)x->candidate->terms[0].op - (int)y->candidate->terms[0].op;
}

// The best FF_PREDICATES, few of each key: of the lines between versions the neighbours say nearly the same.
static struct ff_error *keep_best(const struct ff_fact_counts *counts, struct ff_candidates *list)
{
	_cleanup_free_ struct order *sorted = calloc(list->n + 1, sizeof(*sorted));
	struct ff_candidate *kept = calloc(FF_PREDICATES, sizeof(*kept));
	size_t n = 0;
	if (!sorted || !kept) {
		free(kept);
		return &ff_enomem;
	}
	for (size_t i = 0; i < list->n; i++) {
		const char *key = counts->rows[list->rows[i].terms[0].key_first].key;
		sorted[i] = (struct order){&list->rows[i], key, ff_facts_weight(key)};
	}
	qsort(sorted, list->n, sizeof(*sorted), by_score);
	for (size_t i = 0; i < list->n && n < FF_PREDICATES; i++) {
		size_t same = 0;
		for (size_t k = 0; k < n; k++)
			same += kept[k].terms[0].key_last == sorted[i].candidate->terms[0].key_last;
		if (same < OF_ONE_KEY)
			kept[n++] = *sorted[i].candidate;
	}
	free(list->rows);
	*list = (struct ff_candidates){kept, n, FF_PREDICATES};
	return NULL;
}

struct ff_error *ff_separate_singles(const struct ff_fact_counts *counts, struct ff_candidates *ret, double *ret_tested)
{
	struct singles s = {.counts = counts, .list = ret};
	for (size_t first = 0, last; first < counts->n && !s.err; first = last) {
		for (last = first + 1; last < counts->n; last++)
			if (strcmp(counts->rows[last].key, counts->rows[first].key) != 0)
				break;
		consider_key(&s, first, last);
	}
	for (size_t i = 0; i < ret->n; i++)
		ff_candidate_judge(&ret->rows[i], s.tested);
	*ret_tested = s.tested;
	return s.err ? s.err : keep_best(counts, ret);
}
