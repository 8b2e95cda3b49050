// The questions, answered by ClickHouse with the tables of fleet/schema.sql; the queries are fleet/queries.
//
// Numbers of 64 bits that are no counts (a worker's, bits) travel as texts.
#include "fleet/source.h"

#include "base/cleanup.h"
#include "base/embed.h"
#include "fleet/clickhouse.h"

#include <stdlib.h>
#include <string.h>

#define QUERY(name) FF_EMBEDDED(ff_fleet_query, name);
#include "fleet/queries.def"
#undef QUERY

struct clickhouse_source {
	struct ff_source source;
	struct ff_clickhouse *ch;
};

// What most questions are about.
static json_t *parameters_of(const struct ff_fleet_about *about)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "fleet", about->fleet ? about->fleet : "", "fingerprint",
		about->fingerprint ? about->fingerprint : "", "worker", about->worker ? about->worker : "", "now",
		(json_int_t)about->now_ms, "limit", (json_int_t)about->limit);
}

static struct ff_error *ask(
	struct ff_source *source, struct ff_span sql, const struct ff_fleet_about *about, json_t **ret)
{
	struct clickhouse_source *s = (struct clickhouse_source *)source;
	_cleanup_json_ json_t *parameters = parameters_of(about);
	return parameters ? ff_clickhouse_ask(s->ch, sql, parameters, ret) : &ff_enomem;
}

static struct ff_error *rows(
	struct ff_source *source, enum ff_fleet_question question, const struct ff_fleet_about *about, json_t **ret)
{
	const struct ff_span queries[FF_FLEET_QUESTIONS] = {[FF_ASK_FLEETS] = ff_fleet_query_fleets,
		[FF_ASK_TOP] = ff_fleet_query_top,
		[FF_ASK_FAILURE] = ff_fleet_query_failure,
		[FF_ASK_HOURS] = ff_fleet_query_hours,
		[FF_ASK_HOSTS] = ff_fleet_query_hosts,
		[FF_ASK_LEFT_OUT] = ff_fleet_query_left_out,
		[FF_ASK_CAUSES] = ff_fleet_query_causes,
		[FF_ASK_FAILING] = ff_fleet_query_failing,
		[FF_ASK_WORKER] = ff_fleet_query_worker,
		[FF_ASK_WORKER_FAILURES] = ff_fleet_query_worker_failures,
		[FF_ASK_WORKER_FACTS] = ff_fleet_query_worker_facts};
	return ask(source, queries[question], about, ret);
}

static uint64_t number(const json_t *row, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(row, key));
	return n > 0 ? (uint64_t)n : 0;
}

static uint64_t wide(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? strtoull(text, NULL, 10) : 0;
}

static struct ff_error *sides(struct ff_source *source, const struct ff_fleet_about *about, struct ff_fact_counts *ret)
{
	_cleanup_json_ json_t *list = NULL;
	size_t i;
	json_t *row;
	struct ff_error *err = ask(source, ff_fleet_query_sides, about, &list);
	json_array_foreach (list, i, row)
		(number(row, "with_facts") ? ret->workers : ret->without)[number(row, "failing") != 0] +=
			number(row, "n");
	return err;
}

static struct ff_error *counts(struct ff_source *source, const struct ff_fleet_about *about, struct ff_fact_counts *ret)
{
	_cleanup_json_ json_t *list = NULL;
	size_t i;
	json_t *row;
	struct ff_error *err = sides(source, about, ret);
	if (!err)
		err = ask(source, ff_fleet_query_counts, about, &list);
	ret->rows = err ? NULL : calloc(json_array_size(list) + 1, sizeof(*ret->rows));
	if (!err && !ret->rows)
		err = &ff_enomem;
	json_array_foreach (list, i, row) {
		const char *key = ff_json_text(row, "key"), *value = ff_json_text(row, "value");
		if (err || !key || !value)
			continue;
		struct ff_fact_count *c = &ret->rows[ret->n++];
		*c = (struct ff_fact_count){.key = strdup(key),
			.value = strdup(value),
			.with = {number(row, "others"), number(row, "failing")}};
		if (!c->key || !c->value)
			err = &ff_enomem;
	}
	if (!err)
		ff_fact_counts_sort(ret);
	return err;
}

// Facts with a bit, as columns: keys, values, bits of predicates that hold, and of those that are known.
static struct ff_error *columns_of(const struct ff_fact_counts *counted, const struct ff_predicate_bits *table,
	const struct ff_fleet_about *about, json_t **ret)
{
	_cleanup_json_ json_t *parameters = parameters_of(about), *keys = json_array(), *values = json_array(),
			      *has = json_array(), *known = json_array();
	for (size_t i = 0; i < counted->n; i++) {
		if (!table->known[i])
			continue;
		json_array_append_new(keys, json_string(counted->rows[i].key));
		json_array_append_new(values, json_string(counted->rows[i].value));
		json_array_append_new(has, json_pack("[o]", json_sprintf("%llu", (unsigned long long)table->has[i])));
		json_array_append_new(
			known, json_pack("[o]", json_sprintf("%llu", (unsigned long long)table->known[i])));
	}
	if (!parameters || json_object_set(parameters, "keys", keys) < 0 ||
		json_object_set(parameters, "values", values) < 0 || json_object_set(parameters, "has", has) < 0 ||
		json_object_set(parameters, "known", known) < 0)
		return &ff_enomem;
	*ret = ff_take(&parameters);
	return NULL;
}

static struct ff_error *bits(struct ff_source *source, const struct ff_fleet_about *about,
	const struct ff_fact_counts *counted, const struct ff_predicate *predicates, size_t n,
	struct ff_worker_list *ret)
{
	struct clickhouse_source *s = (struct clickhouse_source *)source;
	_cleanup_json_ json_t *parameters = NULL, *list = NULL;
	FF_CLEANUP(ff_predicate_bits_deinit) struct ff_predicate_bits table = {0};
	size_t i;
	json_t *row;
	if (!ff_predicate_bits_make(counted, predicates, n, &table))
		return &ff_enomem;
	struct ff_error *err = columns_of(counted, &table, about, &parameters);
	if (!err)
		err = ff_clickhouse_ask(s->ch, ff_fleet_query_bits, parameters, &list);
	json_array_foreach (list, i, row) {
		struct ff_worker_bits *worker = err ? NULL : ff_worker_list_add(ret);
		if (!worker)
			return err ? err : &ff_enomem;
		*worker = (struct ff_worker_bits){.has = wide(row, "has"),
			.known = wide(row, "known"),
			.id = wide(row, "id"),
			.failing = number(row, "failing") != 0};
		ff_predicate_bits_finish(&table, worker);
	}
	return err;
}

static struct ff_error *names(struct ff_source *source, const uint64_t *ids, size_t n, json_t **ret)
{
	struct clickhouse_source *s = (struct clickhouse_source *)source;
	_cleanup_json_ json_t *parameters = json_object(), *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("[o]", json_sprintf("%llu", (unsigned long long)ids[i])));
	if (!parameters || json_object_set(parameters, "ids", list) < 0)
		return &ff_enomem;
	return ff_clickhouse_ask(s->ch, ff_fleet_query_names, parameters, ret);
}

static struct ff_error *rollout(struct ff_source *source, const struct ff_fleet_about *about,
	const struct ff_fact_counts *counted, const struct ff_predicate *predicate, json_t **ret)
{
	struct clickhouse_source *s = (struct clickhouse_source *)source;
	_cleanup_json_ json_t *parameters = parameters_of(about), *keys = json_array(), *values = json_array();
	for (size_t i = predicate->first; i < predicate->last; i++) {
		json_array_append_new(keys, json_string(counted->rows[i].key));
		json_array_append_new(values, json_string(counted->rows[i].value));
	}
	if (!parameters || json_object_set(parameters, "keys", keys) < 0 ||
		json_object_set(parameters, "values", values) < 0 ||
		json_object_set_new(parameters, "inverted", json_integer(predicate->op == FF_ABSENT)) < 0)
		return &ff_enomem;
	return ff_clickhouse_ask(s->ch, ff_fleet_query_rollout, parameters, ret);
}

static void close_source(struct ff_source *source)
{
	struct clickhouse_source *s = (struct clickhouse_source *)source;
	ff_clickhouse_close(s->ch);
	free(s);
}

struct ff_error *ff_source_clickhouse(const char *url, struct ff_source **ret)
{
	static const struct ff_source_ops ops = {rows, counts, bits, names, rollout, close_source};
	struct clickhouse_source *s = calloc(1, sizeof(*s));
	struct ff_error *err = s ? ff_clickhouse_open(url, &s->ch) : &ff_enomem;
	if (err) {
		free(s);
		return err;
	}
	s->source.ops = &ops;
	*ret = &s->source;
	return NULL;
}
