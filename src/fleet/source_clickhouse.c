// The questions, answered by ClickHouse with the tables of fleet/schema.sql; the queries are fleet/queries.
//
// Numbers of 64 bits that are no counts (a worker's, bits) travel to it as texts, and from it packed.
#include "fleet/source.h"

#include "base/cleanup.h"
#include "base/embed.h"
#include "fleet/clickhouse.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define QUERY(name) FF_EMBEDDED(ff_fleet_query, name);
#include "fleet/queries.def"
#undef QUERY

#define FF_FLEET_TABLES "firstfix fleet 2" // fleet/schema.sql

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

static json_t *digits_of(uint64_t n)
{
	return json_pack("[o]", json_sprintf("%llu", (unsigned long long)n));
}

// Predicates as columns: names of keys and the bits that are known by them, values and the bits that hold by them.
static struct ff_error *columns_of(const struct ff_fact_counts *counted, const struct ff_predicate_bits *table,
	const struct ff_fleet_about *about, json_t **ret)
{
	static const char *const columns[] = {"names", "known", "keys", "values", "has"};
	_cleanup_json_ json_t *parameters = parameters_of(about);
	json_t *lists[sizeof(columns) / sizeof(columns[0])];
	bool good = parameters &&
		json_object_set_new(parameters, "always", json_sprintf("%llu", (unsigned long long)table->always)) ==
			0 &&
		json_object_set_new(
			parameters, "inverted", json_sprintf("%llu", (unsigned long long)table->inverted)) == 0;
	for (size_t i = 0; good && i < sizeof(columns) / sizeof(columns[0]); i++)
		good = json_object_set_new(parameters, columns[i], lists[i] = json_array()) == 0;
	for (size_t i = 0; good && i < counted->n; i++) {
		const struct ff_fact_count *row = &counted->rows[i];
		if (table->known[i] && (i == 0 || strcmp(row->key, row[-1].key) != 0)) {
			json_array_append_new(lists[0], json_string(row->key));
			json_array_append_new(lists[1], digits_of(table->known[i]));
		}
		if (table->has[i]) {
			json_array_append_new(lists[2], json_string(row->key));
			json_array_append_new(lists[3], json_string(row->value));
			json_array_append_new(lists[4], digits_of(table->has[i]));
		}
	}
	if (good)
		*ret = ff_take(&parameters);
	return good ? NULL : &ff_enomem;
}

static struct ff_error *bits_parameters(const struct ff_fleet_about *about, const struct ff_fact_counts *counted,
	const struct ff_predicate *predicates, size_t n, json_t **ret)
{
	FF_CLEANUP(ff_predicate_bits_deinit) struct ff_predicate_bits table = {0};
	return ff_predicate_bits_make(counted, predicates, n, &table) ? columns_of(counted, &table, about, ret)
								      : &ff_enomem;
}

// A row of a million, as ClickHouse's RowBinary: little-endian, in this order, without gaps.
static const struct {
	size_t id, failing, has, known, size;
} packed = {0, 8, 9, 17, 25};

static uint64_t packed_number(const char *row, size_t at)
{
	uint64_t n;
	memcpy(&n, row + at, sizeof(n));
	return le64toh(n);
}

static struct ff_error *bits(struct ff_source *source, const struct ff_fleet_about *about,
	const struct ff_fact_counts *counted, const struct ff_predicate *predicates, size_t n,
	struct ff_worker_list *ret)
{
	struct clickhouse_source *s = (struct clickhouse_source *)source;
	_cleanup_json_ json_t *parameters = NULL;
	struct ff_span answer = {0};
	struct ff_error *err = bits_parameters(about, counted, predicates, n, &parameters);
	if (!err)
		err = ff_clickhouse_ask_bytes(s->ch, ff_fleet_query_bits, parameters, &answer);
	if (!err && answer.n % packed.size)
		err = ff_error_create(FF_EFORMAT, "ClickHouse: an answer of %zu bytes ends within a row", answer.n);
	for (size_t at = 0; !err && at < answer.n; at += packed.size) {
		const char *row = answer.p + at;
		struct ff_worker_bits *worker = ff_worker_list_add(ret);
		if (!worker)
			return &ff_enomem;
		*worker = (struct ff_worker_bits){.has = packed_number(row, packed.has),
			.known = packed_number(row, packed.known),
			.id = packed_number(row, packed.id),
			.failing = row[packed.failing] != 0};
	}
	return err;
}

static struct ff_error *names(struct ff_source *source, const uint64_t *ids, size_t n, json_t **ret)
{
	struct clickhouse_source *s = (struct clickhouse_source *)source;
	_cleanup_json_ json_t *parameters = json_object(), *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, digits_of(ids[i]));
	if (!parameters || json_object_set(parameters, "ids", list) < 0)
		return &ff_enomem;
	return ff_clickhouse_ask(s->ch, ff_fleet_query_names, parameters, ret);
}

static struct ff_error *rollout(struct ff_source *source, const struct ff_fleet_about *about,
	const struct ff_fact_counts *counted, const struct ff_predicate *predicates, size_t n, struct ff_rollout *ret)
{
	struct clickhouse_source *s = (struct clickhouse_source *)source;
	_cleanup_json_ json_t *parameters = NULL, *list = NULL;
	size_t i;
	json_t *row;
	struct ff_error *err = bits_parameters(about, counted, predicates, n, &parameters);
	if (!err)
		err = ff_clickhouse_ask(s->ch, ff_fleet_query_rollout, parameters, &list);
	json_array_foreach (list, i, row) {
		uint64_t term = number(row, "term");
		if (!err && term < n)
			ret[term] = (struct ff_rollout){.workers = number(row, "workers"),
				.failed_after = number(row, "failed_after"),
				.failed_before = number(row, "failed_before"),
				.first = (int64_t)number(row, "first"),
				.half = (int64_t)number(row, "half"),
				.onset = (int64_t)number(row, "onset"),
				.delay = (int64_t)number(row, "delay")};
	}
	return err;
}

static void close_source(struct ff_source *source)
{
	struct clickhouse_source *s = (struct clickhouse_source *)source;
	ff_clickhouse_close(s->ch);
	free(s);
}

// Tables that are not there, or not those of these queries: said with what makes them, not by a query that fails.
static struct ff_error *check_tables(struct ff_clickhouse *ch)
{
	_cleanup_json_ json_t *nothing = json_object(), *list = NULL;
	struct ff_error *err = nothing ? ff_clickhouse_ask(ch, ff_fleet_query_tables, nothing, &list) : &ff_enomem;
	const json_t *row = err ? NULL : json_array_get(list, 0);
	const char *database = ff_json_text(row, "asked"), *comment = ff_json_text(row, "said");
	if (err)
		return err;
	database = database ? database : "?";
	if (!number(row, "n"))
		return ff_error_create(FF_EABSENT,
			"ClickHouse: database '%s' has no tables of a fleet; make them: clickhouse-client --database "
			"%s --multiquery < fleet/schema.sql (another database: http://HOST:8123/?database=NAME)",
			database, database);
	if (!comment || strcmp(comment, FF_FLEET_TABLES) != 0)
		return ff_error_create(FF_EUSAGE,
			"ClickHouse: the fleet's tables in database '%s' are of another version of firstfix ('%s', "
			"this one asks '%s'): make a new database of fleet/schema.sql and INSERT INTO new.otel_logs "
			"SELECT * FROM %s.otel_logs (doc/FLEET.md, \"Tables of another version\")",
			database, comment ? comment : "", FF_FLEET_TABLES, database);
	return NULL;
}

struct ff_error *ff_source_clickhouse(const char *url, struct ff_source **ret)
{
	static const struct ff_source_ops ops = {rows, counts, bits, names, rollout, close_source};
	struct clickhouse_source *s = calloc(1, sizeof(*s));
	struct ff_error *err = s ? ff_clickhouse_open(url, &s->ch) : &ff_enomem;
	if (!err)
		err = check_tables(s->ch);
	if (err) {
		if (s)
			ff_clickhouse_close(s->ch);
		free(s);
		return err;
	}
	s->source.ops = &ops;
	*ret = &s->source;
	return NULL;
}
