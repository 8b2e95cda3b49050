// What tells the workers that fail from the others, as a document.
//
//	{"separating": [{"fact": "driver.version < 550.90", "failing": {"with": 38, "of": 40},
//	  "others": {"with": 3, "of": 2100}, "try": {...}, "next": {...}, "rollout": [...], "same_as": [...]}]}
//
// Facts that nearly always come together are one entry: the data cannot tell which of them it is, and the workers that
// have one without the other would.
#include "fleet/explain.h"

#include "base/clock.h"
#include "base/str.h"
#include "fleet/separate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS_KEPT = 16, SHOWN = 5, RIVALS_SHOWN = 8, NAMES = 10, LEFT_OUT = 100 };
enum { ALL = FF_PREDICATES + PAIRS_KEPT };

static const double rival_phi = 0.8, rival_evidence = 3; // e^3: twenty to one

struct explain {
	struct ff_source *source;
	struct ff_fleet_about about;
	struct ff_fact_counts counts;
	struct ff_worker_list workers;
	struct ff_columns *columns;
	struct ff_candidates singles, pairs;
	struct ff_at pair_at[PAIRS_KEPT];
	double tested;
	json_t *missed; // questions beside the main one that were not answered, and why
	struct ranked {
		const struct ff_candidate *c;
		struct ff_at at;
		bool told; // part of an entry already
	} ranked[ALL];
	size_t n;
	const struct ff_candidate *shown[SHOWN];
	size_t n_shown;
};

static void say_term(const struct explain *x, const struct ff_predicate *p, struct ff_buf *out)
{
	const struct ff_fact_count *rows = x->counts.rows;
	const char *key = rows[p->key_first].key;
	switch (p->op) {
	case FF_IS:
		ff_buf_printf(out, "%s = %s", key, rows[p->first].value);
		break;
	case FF_BELOW:
		ff_buf_printf(out, "%s < %s", key, rows[p->last].value);
		break;
	case FF_AT_LEAST:
		ff_buf_printf(out, "%s >= %s", key, rows[p->first].value);
		break;
	case FF_PRESENT:
		ff_buf_printf(out, "%s is set", key);
		break;
	case FF_ABSENT:
		ff_buf_printf(out, "%s is not set", key);
		break;
	}
}

static json_t *fact_text(const struct explain *x, const struct ff_candidate *c)
{
	_cleanup_buf_ struct ff_buf text = {0};
	for (size_t i = 0; i < c->n_terms; i++) {
		ff_buf_str(&text, i ? " and " : "");
		say_term(x, &c->terms[i], &text);
	}
	return text.failed ? NULL : ff_json_string(text.p, text.n);
}

static json_t *terms_of(const struct explain *x, const struct ff_candidate *c)
{
	static const char *const ops[] = {"=", "<", ">=", "set", "not set"};
	json_t *list = json_array();
	for (size_t i = 0; i < c->n_terms; i++) {
		const struct ff_predicate *p = &c->terms[i];
		size_t row = p->op == FF_BELOW ? p->last : p->first;
		const char *value = p->op <= FF_AT_LEAST ? x->counts.rows[row].value : NULL;
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s*}", "key", x->counts.rows[p->key_first].key, "op", ops[p->op],
				"value", value));
	}
	return list;
}

static bool holds(const struct ff_worker_bits *w, const struct ff_at *at, bool want)
{
	bool has = true, known_not = false;
	for (size_t i = 0; i < at->n; i++) {
		uint64_t bit = UINT64_C(1) << at->terms[i];
		has &= (w->has & bit) != 0;
		known_not |= (w->known & bit) && !(w->has & bit);
	}
	return want ? has : known_not;
}

// The answer stands without it, but not as if nothing were missing.
static void miss(const struct explain *x, const char *question, struct ff_error *err)
{
	if (!err)
		return;
	json_t *row = json_pack(
		"{s:s, s:o}", "question", question, "why", ff_json_string(err->message, strlen(err->message)));
	size_t i;
	json_t *known;
	ff_error_destroy(err);
	json_array_foreach (x->missed, i, known)
		if (json_equal(known, row)) {
			json_decref(row);
			return;
		}
	json_array_append_new(x->missed, row);
}

// Names of the first workers of a side that have `with` and, where it is given, have `without` not.
static json_t *names_of(const struct explain *x, bool failing, const struct ff_at *with, const struct ff_at *without)
{
	uint64_t ids[NAMES];
	size_t n = 0;
	json_t *list = NULL;
	for (size_t i = 0; i < x->workers.n && n < NAMES; i++) {
		const struct ff_worker_bits *w = &x->workers.rows[i];
		if (w->failing == failing && holds(w, with, true) && (!without || holds(w, without, false)))
			ids[n++] = w->id;
	}
	miss(x, "names of workers", x->source->ops->names(x->source, ids, n, &list));
	return list ? list : json_array();
}

static json_t *table_of(const uint64_t with[2], const uint64_t without[2], size_t side)
{
	return json_pack(
		"{s:I, s:I}", "with", (json_int_t)with[side], "of", (json_int_t)with[side] + (json_int_t)without[side]);
}

// The value of the key that most of the others have who do not have the fact.
static const char *better_value(const struct explain *x, const struct ff_predicate *p)
{
	const struct ff_fact_count *best = NULL;
	for (size_t i = p->key_first; i < p->key_last; i++) {
		const struct ff_fact_count *row = &x->counts.rows[i];
		bool has = i >= p->first && i < p->last;
		if ((has == (p->op == FF_ABSENT)) && row->with[0] && (!best || row->with[0] > best->with[0]))
			best = row;
	}
	return best ? best->value : NULL;
}

static bool names_machine(const char *key)
{
	return strcmp(key, "host.name") == 0 || strcmp(key, "k8s.node.name") == 0 || strcmp(key, "host.id") == 0;
}

// One worker that fails, and the one change that would show whether it is the fact.
static json_t *try_of(const struct explain *x, const struct ranked *r)
{
	const struct ff_predicate *p = &r->c->terms[0];
	const char *key = x->counts.rows[p->key_first].key, *better = better_value(x, p);
	_cleanup_json_ json_t *workers = names_of(x, true, &r->at, NULL), *fact = fact_text(x, r->c);
	json_t *first = json_array_get(workers, 0), *say;
	const char *worker = ff_json_text(first, "worker");
	worker = worker ? worker : "one that fails";
	if (names_machine(key))
		say = json_sprintf("start %s on another machine", worker);
	else if (p->op == FF_PRESENT)
		say = json_sprintf("start %s without %s", worker, key);
	else if (better)
		say = json_sprintf("start %s with %s = %s", worker, key, better);
	else
		say = json_sprintf("start %s so that it is no longer so: %s", worker, json_string_value(fact));
	return json_pack("{s:s, s:s*, s:s, s:s*, s:o}", "worker", worker, "host", ff_json_text(first, "host"), "key",
		key, "value", better, "say", say);
}

static json_t *time_of(int64_t ms)
{
	char text[FF_TIME_LEN];
	ff_clock_format(ms > 0 ? (uint64_t)ms * 1000000 : 0, text);
	return json_string(text);
}

// When workers got the fact, against when they failed.
static json_t *rollout_entry(const struct ff_rollout *r, json_t *fact)
{
	return json_pack("{s:I, s:o, s:o, s:o*, s:I, s:I, s:o*, s:o}", "workers", (json_int_t)r->workers, "first",
		time_of(r->first), "half", time_of(r->half), "onset", r->onset ? time_of(r->onset) : NULL,
		"failed_after", (json_int_t)r->failed_after, "failed_before", (json_int_t)r->failed_before,
		"median_hours_to_failure", r->failed_after ? json_real(round((double)r->delay / 36000) / 100) : NULL,
		"fact", fact);
}

// Asked at once for all that are shown, for it goes through the facts of all workers.
static void put_rollouts(const struct explain *x, json_t *entries)
{
	struct ff_predicate terms[SHOWN * FF_TERMS];
	struct ff_rollout told[SHOWN * FF_TERMS] = {0};
	size_t n = 0, at = 0;
	for (size_t i = 0; i < x->n_shown; i++)
		for (size_t k = 0; k < x->shown[i]->n_terms; k++)
			terms[n++] = x->shown[i]->terms[k];
	if (n)
		miss(x, "when workers got the fact",
			x->source->ops->rollout(x->source, &x->about, &x->counts, terms, n, told));
	for (size_t i = 0; i < x->n_shown; i++) {
		json_t *all = json_array();
		for (size_t k = 0; k < x->shown[i]->n_terms; k++, at++) {
			struct ff_candidate term = {.terms = {terms[at]}, .n_terms = 1};
			if (told[at].workers)
				json_array_append_new(all, rollout_entry(&told[at], fact_text(x, &term)));
		}
		json_object_set_new(json_array_get(entries, i), "rollout", all);
	}
}

static bool is_rival(
	const struct explain *x, const struct ranked *best, const struct ranked *other, struct ff_rivalry *ret)
{
	ff_columns_compare(x->columns, &best->at, &other->at, ret);
	return ret->phi > rival_phi && ret->b.log_p < 0 && fabs(ret->a.log_p - ret->b.log_p) < rival_evidence;
}

static json_t *rival_entry(
	const struct explain *x, const struct ranked *best, const struct ranked *other, const struct ff_rivalry *r)
{
	uint64_t apart = r->only_a[0] + r->only_a[1] + r->only_b[0] + r->only_b[1];
	json_t *deciding = json_array(), *fact = fact_text(x, other->c);
	for (int side = 0; side < 2; side++) {
		_cleanup_json_ json_t *a = names_of(x, side, &best->at, &other->at),
				      *b = names_of(x, side, &other->at, &best->at);
		json_array_extend(deciding, a);
		json_array_extend(deciding, b);
	}
	json_t *say = apart
		? json_sprintf("cannot be told apart; the %llu workers that have one without the other would decide it",
			  (unsigned long long)apart)
		: json_sprintf("cannot be told apart; no worker has one without the other: give one of them only one");
	return json_pack(
		"{s:o, s:I, s:o, s:o}", "fact", fact, "apart", (json_int_t)apart, "say", say, "deciding", deciding);
}

static json_t *rivals_of(struct explain *x, const struct ranked *best, size_t *ret_more)
{
	json_t *list = json_array();
	struct ff_rivalry rivalry;
	for (size_t i = 0; i < x->n; i++) {
		struct ranked *other = &x->ranked[i];
		if (other == best || other->told || !is_rival(x, best, other, &rivalry))
			continue;
		other->told = true;
		// Part of a pair, or a pair of which it is part: no other fact.
		bool same = other->c->n_terms != best->c->n_terms ||
			other->c->terms[0].key_last == best->c->terms[0].key_last;
		if (!same && json_array_size(list) < RIVALS_SHOWN)
			json_array_append_new(list, rival_entry(x, best, other, &rivalry));
		else if (!same)
			++*ret_more;
	}
	return list;
}

static json_t *entry_of(struct explain *x, struct ranked *r)
{
	const struct ff_candidate *c = r->c;
	size_t more = 0;
	r->told = true;
	json_t *rivals = rivals_of(x, r, &more), *next = names_of(x, false, &r->at, NULL);
	json_t *entry = json_pack("{s:o, s:o, s:o, s:o, s:f, s:[f, f], s:f, s:f}", "fact", fact_text(x, c), "terms",
		terms_of(x, c), "failing", table_of(c->with, c->without, 1), "others", table_of(c->with, c->without, 0),
		"log_odds", c->log_odds, "interval", c->low, c->high, "log10_p", c->log_p / log(10), "log10_corrected",
		-c->score / log(10) < 0 ? -c->score / log(10) : 0.0);
	json_object_set_new(entry, "same_as", rivals);
	json_object_set_new(entry, "same_as_more", json_integer((json_int_t)more));
	json_object_set_new(entry, "try", try_of(x, r));
	json_object_set_new(entry, "next", json_pack("{s:I, s:o}", "workers", (json_int_t)c->with[0], "some", next));
	return entry;
}

// Does it say anything of those that the best does not account for?
static bool is_of_its_own(const struct explain *x, const struct ranked *best, const struct ranked *r)
{
	struct ff_rivalry rivalry;
	ff_columns_compare(x->columns, &best->at, &r->at, &rivalry);
	struct ff_candidate rest = *r->c;
	for (size_t side = 0; side < 2; side++) {
		rest.with[side] = rivalry.only_b[side];
		rest.without[side] = rivalry.a.without[side] - rivalry.only_b[side];
	}
	ff_candidate_judge(&rest, r->c->n_terms > 1 ? x->tested * (x->tested - 1) / 2 : x->tested);
	return ff_candidate_is_claimed(&rest);
}

static json_t *separating(struct explain *x)
{
	json_t *list = json_array();
	struct ranked *best = NULL;
	for (size_t i = 0; i < x->n && json_array_size(list) < SHOWN; i++) {
		struct ranked *r = &x->ranked[i];
		if (r->told || !ff_candidate_is_claimed(r->c) || (best && !is_of_its_own(x, best, r)))
			continue;
		json_array_append_new(list, entry_of(x, r));
		x->shown[x->n_shown++] = r->c;
		best = best ? best : r;
	}
	put_rollouts(x, list);
	return list;
}

static int by_score(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->c->score != y->c->score)
		return x->c->score < y->c->score ? 1 : -1;
	return (x->at.n > y->at.n) - (x->at.n < y->at.n)
		?: (x->at.terms[0] > y->at.terms[0]) - (x->at.terms[0] < y->at.terms[0]);
}

static void rank(struct explain *x)
{
	for (size_t i = 0; i < x->singles.n; i++)
		x->ranked[x->n++] = (struct ranked){&x->singles.rows[i], {{i}, 1}, false};
	for (size_t i = 0; i < x->pairs.n; i++)
		x->ranked[x->n++] = (struct ranked){&x->pairs.rows[i], x->pair_at[i], false};
	qsort(x->ranked, x->n, sizeof(x->ranked[0]), by_score);
}

static struct ff_error *count(struct explain *x)
{
	struct ff_predicate list[FF_PREDICATES];
	struct ff_error *err = x->source->ops->counts(x->source, &x->about, &x->counts);
	if (!err)
		err = ff_separate_singles(&x->counts, &x->singles, &x->tested);
	for (size_t i = 0; !err && i < x->singles.n; i++)
		list[i] = x->singles.rows[i].terms[0];
	if (!err)
		err = x->source->ops->bits(x->source, &x->about, &x->counts, list, x->singles.n, &x->workers);
	if (!err)
		err = ff_columns_make(&x->workers, x->singles.n, &x->columns);
	if (!err)
		err = ff_separate_pairs(x->columns, &x->singles, x->tested, PAIRS_KEPT, &x->pairs, x->pair_at);
	return err;
}

static json_t *document_of(struct explain *x, json_t *failure)
{
	const uint64_t *with = x->counts.workers, *without = x->counts.without;
	json_t *left_out = NULL, *row;
	size_t i;
	json_int_t keys = 0;
	struct ff_fleet_about about = x->about;
	about.limit = LEFT_OUT;
	miss(x, "keys with too many values", x->source->ops->rows(x->source, FF_ASK_LEFT_OUT, &about, &left_out));
	json_array_foreach (left_out, i, row) {
		keys = json_integer_value(json_object_get(row, "keys"));
		json_object_del(row, "keys");
	}
	json_t *doc = json_pack("{s:s, s:s, s:O, s:O, s:O}", "schema", "firstfix.fleet-explain/1", "fleet",
		x->about.fleet, "fingerprint", json_object_get(failure, "fingerprint"), "cause",
		json_object_get(failure, "cause"), "title", json_object_get(failure, "title"));
	json_object_set_new(doc, "workers",
		json_pack("{s:I, s:I, s:I, s:I}", "failing", (json_int_t)with[1], "others", (json_int_t)with[0],
			"failing_without_facts", (json_int_t)without[1], "others_without_facts",
			(json_int_t)without[0]));
	json_object_set_new(doc, "tested",
		json_pack("{s:I, s:I}", "facts", (json_int_t)x->tested, "pairs",
			(json_int_t)(x->tested > 1 ? x->tested * (x->tested - 1) / 2 : 0)));
	json_object_set_new(doc, "separating", separating(x));
	json_object_set_new(doc, "left_out_more", json_integer(keys - (json_int_t)json_array_size(left_out)));
	json_object_set_new(doc, "left_out", left_out ? left_out : json_array());
	json_object_set(doc, "not_answered", x->missed);
	return doc;
}

struct ff_error *ff_fleet_explain(struct ff_source *source, const char *fleet, const char *fingerprint, json_t **ret)
{
	_cleanup_json_ json_t *owner = NULL, *failure = NULL;
	struct explain *x = calloc(1, sizeof(*x));
	if (!x)
		return &ff_enomem;
	x->source = source;
	x->missed = json_array();
	struct ff_error *err = ff_fleet_find(source, fleet, fingerprint, &x->about, &failure, &owner);
	if (!err)
		err = count(x);
	if (!err) {
		rank(x);
		*ret = document_of(x, failure);
	}
	ff_columns_destroy(x->columns);
	ff_fact_counts_deinit(&x->counts);
	free(x->workers.rows);
	free(x->singles.rows);
	free(x->pairs.rows);
	json_decref(x->missed);
	free(x);
	return err;
}
