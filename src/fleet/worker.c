// One worker: what it has had, and in which facts it is not as those that do not fail.
//
//	{"worker": "gpu-17", "failures": [...], "differs": [{"key": "driver.version", "value": "550.54.15",
//	  "usual": "570.86.10", "usual_of": 1800, "same": 3, "of": 2100}]}
//
// A fact tells by how much less of the others share its value than share that of one of themselves: a driver that three
// of 2,100 have, where there are four others, tells much; the name of a machine nothing, for nobody shares that.
#include "fleet/explain.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_FAILURES = 50, MOST_FACTS = 40 };

static const double least_apart = 0.1;

struct difference {
	const char *key, *value, *usual; // NULL: it has no such key; most have none
	uint64_t usual_n, same, of;
	double apart;
};

struct comparison {
	struct difference *rows;
	size_t n;
};

static const char *value_of(const json_t *own, const char *key)
{
	size_t i;
	json_t *row;
	json_array_foreach (own, i, row)
		if (strcmp(ff_json_text(row, "key"), key) == 0)
			return ff_json_text(row, "value");
	return NULL;
}

// One key, rows [first, last) of the counts, against the worker's own value.
static void compare_key(
	struct comparison *c, const struct ff_fact_counts *counts, size_t first, size_t last, const char *own)
{
	const struct ff_fact_count *usual = &counts->rows[first];
	uint64_t known = 0, same = 0, all = counts->workers[0];
	double shared = 0, part; // the chance that two of the others have the same
	for (size_t i = first; i < last; i++) {
		const struct ff_fact_count *row = &counts->rows[i];
		known += row->with[0];
		usual = row->with[0] > usual->with[0] ? row : usual;
		same += own && strcmp(row->value, own) == 0 ? row->with[0] : 0;
		part = all ? (double)row->with[0] / (double)all : 0;
		shared += part * part;
	}
	uint64_t absent = all > known ? all - known : 0;
	struct difference d = {usual->key, own, usual->value, usual->with[0], own ? same : absent, all, 0};
	if (absent > d.usual_n) {
		d.usual = NULL;
		d.usual_n = absent;
	}
	part = all ? (double)absent / (double)all : 0;
	d.apart = all ? shared + part * part - (double)d.same / (double)all : 0;
	if (d.apart >= least_apart)
		c->rows[c->n++] = d;
}

static int by_apart(const void *a, const void *b)
{
	const struct difference *x = a, *y = b;
	if (x->apart != y->apart)
		return x->apart < y->apart ? 1 : -1;
	return strcmp(x->key, y->key);
}

static json_t *differences(const struct ff_fact_counts *counts, const json_t *own)
{
	json_t *list = json_array();
	struct comparison c = {.rows = calloc(counts->n + 1, sizeof(*c.rows))};
	for (size_t first = 0, last; c.rows && first < counts->n; first = last) {
		for (last = first + 1; last < counts->n; last++)
			if (strcmp(counts->rows[last].key, counts->rows[first].key) != 0)
				break;
		compare_key(&c, counts, first, last, value_of(own, counts->rows[first].key));
	}
	if (c.n)
		qsort(c.rows, c.n, sizeof(*c.rows), by_apart);
	for (size_t i = 0; i < c.n && i < MOST_FACTS; i++) {
		const struct difference *d = &c.rows[i];
		json_array_append_new(list,
			json_pack("{s:s, s:s*, s:s*, s:I, s:I, s:I}", "key", d->key, "value", d->value, "usual",
				d->usual, "usual_of", (json_int_t)d->usual_n, "same", (json_int_t)d->same, "of",
				(json_int_t)d->of));
	}
	free(c.rows);
	return list;
}

static void finish_failures(json_t *failures)
{
	size_t i;
	json_t *row;
	json_array_foreach (failures, i, row) {
		const char *exemplar = ff_json_text(row, "exemplar");
		json_object_set_new(row, "exemplar", exemplar ? json_loads(exemplar, 0, NULL) : json_null());
		ff_fleet_put_time(row, "first");
		ff_fleet_put_time(row, "last");
	}
}

// Its failures, and of which one the facts are compared: that which was asked for, else the last.
static struct ff_error *failures_of(struct ff_source *source, struct ff_fleet_about *about, json_t *doc)
{
	json_t *list = NULL;
	about->limit = MOST_FAILURES;
	struct ff_error *err = source->ops->rows(source, FF_ASK_WORKER_FAILURES, about, &list);
	if (err)
		return err;
	json_object_set_new(doc, "failures", list);
	finish_failures(list);
	const char *last = ff_json_text(json_array_get(list, 0), "fingerprint");
	about->fingerprint = about->fingerprint ? about->fingerprint : last;
	json_object_set_new(doc, "fingerprint", about->fingerprint ? json_string(about->fingerprint) : json_null());
	return NULL;
}

static struct ff_error *compare(struct ff_source *source, const struct ff_fleet_about *about, json_t *doc)
{
	_cleanup_json_ json_t *own = NULL;
	FF_CLEANUP(ff_fact_counts_deinit) struct ff_fact_counts counts = {0};
	struct ff_fleet_about asked = *about;
	asked.fingerprint = about->fingerprint ? about->fingerprint : "";
	struct ff_error *err = source->ops->rows(source, FF_ASK_WORKER_FACTS, &asked, &own);
	if (!err && json_array_size(own))
		err = source->ops->counts(source, &asked, &counts);
	if (err)
		return err;
	json_object_set_new(doc, "facts", json_integer((json_int_t)json_array_size(own)));
	json_object_set_new(doc, "compared_with", json_integer((json_int_t)counts.workers[0]));
	json_object_set_new(doc, "differs", differences(&counts, own));
	return NULL;
}

struct ff_error *ff_fleet_worker(
	struct ff_source *source, const char *fleet, const char *worker, const char *fingerprint, json_t **ret)
{
	_cleanup_json_ json_t *owner = NULL, *failure = NULL, *list = NULL, *doc = NULL;
	struct ff_fleet_about about;
	struct ff_error *err = ff_fleet_find(source, fleet, fingerprint, &about, &failure, &owner);
	if (err)
		return err;
	about.worker = worker;
	err = source->ops->rows(source, FF_ASK_WORKER, &about, &list);
	if (!err && json_array_size(list) == 0)
		err = ff_error_create(FF_EABSENT, "no worker '%s' is known in this fleet", worker);
	if (err)
		return err;
	doc = json_incref(json_array_get(list, 0));
	ff_fleet_put_time(doc, "first");
	ff_fleet_put_time(doc, "last");
	json_object_set_new(doc, "schema", json_string("firstfix.fleet-worker/1"));
	json_object_set(doc, "fleet", json_object_get(owner, "name"));
	err = failures_of(source, &about, doc);
	if (!err)
		err = compare(source, &about, doc);
	if (!err)
		*ret = ff_take(&doc);
	return err;
}
