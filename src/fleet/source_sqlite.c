// The questions, answered by the database of `firstfix fleet ingest`.
//
// Facts of a worker that fails are those of its last failure, of another its newest. They are counted here and not in
// SQL: the pairs of a worker are one packed row (put.c), and 10^5 workers of 300 facts are read in a quarter second.
#include "fleet/source.h"

#include "base/cleanup.h"
#include "fleet/source_sqlite.h"

#include <stdlib.h>
#include <string.h>

struct sqlite_source {
	struct ff_source source;
	struct ff_fleet *fleet;
};

#define FAILURE                                                                  \
	"(select failure.id from failure join fleet on fleet.id = failure.fleet" \
	" where fleet.name = ?1 and fingerprint = ?2)"
#define OF_FLEET "(select id from fleet where name = ?1)"

// ?1 fleet, ?2 fingerprint, ?3 now in ms, ?4 limit.
static const char *const questions[FF_FLEET_QUESTIONS] = {
	[FF_ASK_FLEETS] = "select fleet.name as name, count(*) as workers from worker join fleet on fleet.id = fleet"
			  " group by 1 order by 1",
	[FF_ASK_TOP] =
		"select fingerprint, cause, title, count(*) as workers, sum(hit.n) as incidents, min(first_at) as "
		"first,"
		" max(last_at) as last,"
		" (select coalesce(sum(n), 0) from failure_hour where failure = failure.id and hour > ?3 / 3600000 - 24"
		"  and hour <= ?3 / 3600000) as recent,"
		" (select coalesce(sum(n), 0) from failure_hour where failure = failure.id and hour > ?3 / 3600000 - 48"
		"  and hour <= ?3 / 3600000 - 24) as before,"
		" failure.id as lost_ms"
		" from failure join hit on hit.failure = failure.id where failure.fleet = " OF_FLEET
		" and (?2 is null or fingerprint = ?2) group by failure.id order by workers desc, incidents desc, "
		"fingerprint limit ?4",
	[FF_ASK_FAILURE] =
		"select fingerprint, cause, title, exemplar, worker.name as worker from failure left join worker"
		" on worker.id = exemplar_worker where failure.fleet = " OF_FLEET
		" and substr(fingerprint, 1, length(?2)) = ?2 order by fingerprint limit 3",
	[FF_ASK_HOURS] = "select hour * 3600000 as hour, n from failure_hour where failure = " FAILURE " order by hour",
	[FF_ASK_HOSTS] =
		"select host, count(hit.worker) as failing, count(*) as workers from worker left join hit"
		" on hit.worker = worker.id and hit.failure = " FAILURE " where worker.fleet = " OF_FLEET
		" and host in (select host from hit join worker on worker.id = hit.worker where failure = " FAILURE ")"
		" group by host order by failing desc, workers, host limit ?4",
	[FF_ASK_CAUSES] = "select coalesce(cause, title, fingerprint) as cause, hour * 3600000 as hour, sum(n) as n "
			  "from failure_hour"
			  " join failure on failure.id = failure where fleet = " OF_FLEET
			  " and hour > (select max(hour) from failure_hour join failure on failure.id = failure where "
			  "fleet = " OF_FLEET ") - ?4 group by 2, 1 order by 2, 1",
	[FF_ASK_FAILING] = "select name as worker, host, first_at as first, last_at as last, n as incidents from hit"
			   " join worker on worker.id = hit.worker where failure = " FAILURE
			   " order by last_at desc, name limit ?4",
	[FF_ASK_WORKER] = "select name as worker, host, first_seen as first, last_seen as last from worker"
			  " where fleet = " OF_FLEET " and name = ?5",
	[FF_ASK_WORKER_FAILURES] =
		"select fingerprint, cause, title, exemplar, first_at as first, last_at as last, hit.n as incidents "
		"from "
		"worker"
		" join telling on telling.worker = worker.id join hit on hit.failure = telling.failure"
		" and hit.worker = worker.id join failure on failure.id = hit.failure where worker.fleet = " OF_FLEET
		" and worker.name = ?5 group by failure.id order by last_at desc, fingerprint limit ?4",
	[FF_ASK_WORKER_FACTS] =
		"select coalesce(own.pairs, new.pairs) from worker left join hit on hit.worker = worker.id and "
		"hit.failure = " FAILURE
		" left join fact_set as own on own.id = hit.facts left join fact_set as new on new.id = worker.newest"
		" where worker.fleet = " OF_FLEET " and worker.name = ?5",
	[FF_ASK_LEFT_OUT] = "select name as key, n as \"values\", dropped, count(*) over () as keys from fact_key"
			    " where dropped > 0 order by name limit ?4",
};

static struct ff_error *prepare(
	struct sqlite_source *s, const char *sql, const struct ff_fleet_about *about, sqlite3_stmt **ret)
{
	struct ff_error *err = ff_sql_prepare(ff_fleet_sql(s->fleet), ff_fleet_path(s->fleet), sql, ret);
	if (err)
		return err;
	// Out of range where a question has no such place: then nothing is bound.
	sqlite3_bind_text(*ret, 1, about->fleet, -1, SQLITE_STATIC);
	sqlite3_bind_text(*ret, 2, about->fingerprint, -1, SQLITE_STATIC);
	sqlite3_bind_int64(*ret, 3, about->now_ms);
	sqlite3_bind_int64(*ret, 4, about->limit);
	sqlite3_bind_text(*ret, 5, about->worker, -1, SQLITE_STATIC);
	return NULL;
}

static struct ff_error *step(struct sqlite_source *s, sqlite3_stmt *stmt, bool *ret)
{
	return ff_sql_step(ff_fleet_sql(s->fleet), ff_fleet_path(s->fleet), stmt, ret);
}

static json_t *row_object(sqlite3_stmt *stmt)
{
	json_t *row = json_object();
	for (int i = 0; row && i < sqlite3_column_count(stmt); i++) {
		int type = sqlite3_column_type(stmt, i);
		json_t *value = type == SQLITE_INTEGER ? json_integer(sqlite3_column_int64(stmt, i))
			: type == SQLITE_TEXT	       ? json_string((const char *)sqlite3_column_text(stmt, i))
						       : json_null();
		json_object_set_new(row, sqlite3_column_name(stmt, i), value);
	}
	return row;
}

static struct ff_error *all_rows(struct sqlite_source *s, sqlite3_stmt *stmt, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	struct ff_error *err = list ? NULL : &ff_enomem;
	for (bool row = true; !err && row;) {
		err = step(s, stmt, &row);
		if (!err && row && json_array_append_new(list, row_object(stmt)) < 0)
			err = &ff_enomem;
	}
	if (!err)
		*ret = ff_take(&list);
	return err;
}

// The next number of a packed row of pairs; false at its end.
static bool next_pair(const unsigned char **p, const unsigned char *end, uint32_t *id)
{
	uint32_t step = 0;
	for (unsigned shift = 0; *p < end && shift < 35; shift += 7) {
		unsigned char byte = *(*p)++;
		step |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*id += step;
			return true;
		}
	}
	return false;
}

// The packed row of a worker's facts as keys and values, by key.
static struct ff_error *facts_of(struct sqlite_source *s, sqlite3_stmt *packed, json_t **ret)
{
	static const char sql[] = "select name as key, value from pair join fact_key on fact_key.id = pair.key"
				  " where pair.id = ?1";
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_json_ json_t *list = json_array();
	bool row = false;
	struct ff_error *err = list ? step(s, packed, &row) : &ff_enomem;
	if (!err)
		err = ff_sql_prepare(ff_fleet_sql(s->fleet), ff_fleet_path(s->fleet), sql, &stmt);
	const unsigned char *p = !err && row ? sqlite3_column_blob(packed, 0) : NULL;
	const unsigned char *end = p ? p + sqlite3_column_bytes(packed, 0) : NULL;
	for (uint32_t id = 0; !err && p && next_pair(&p, end, &id);) {
		sqlite3_reset(stmt);
		sqlite3_bind_int64(stmt, 1, id);
		err = step(s, stmt, &row);
		if (!err && row && json_array_append_new(list, row_object(stmt)) < 0)
			err = &ff_enomem;
	}
	if (!err)
		*ret = ff_take(&list);
	return err;
}

// Where the number of a failure stands goes what was lost to it.
static struct ff_error *put_lost(struct sqlite_source *s, const struct ff_fleet_about *about, json_t *failures)
{
	_cleanup_free_ int64_t *lost = NULL;
	size_t n = 0, i;
	json_t *row;
	struct ff_error *err = ff_sqlite_lost(s->fleet, about, &lost, &n);
	json_array_foreach (failures, i, row) {
		json_int_t id = json_integer_value(json_object_get(row, "lost_ms"));
		json_object_set_new(row, "lost_ms", json_integer(!err && id >= 0 && (size_t)id < n ? lost[id] : 0));
	}
	return err;
}

static struct ff_error *rows(
	struct ff_source *source, enum ff_fleet_question question, const struct ff_fleet_about *about, json_t **ret)
{
	struct sqlite_source *s = (struct sqlite_source *)source;
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_json_ json_t *list = NULL;
	struct ff_error *err = prepare(s, questions[question], about, &stmt);
	if (!err)
		err = question == FF_ASK_WORKER_FACTS ? facts_of(s, stmt, &list) : all_rows(s, stmt, &list);
	if (!err && question == FF_ASK_TOP)
		err = put_lost(s, about, list);
	if (!err)
		*ret = ff_take(&list);
	return err;
}

static const char each_worker[] =
	"select worker.id, hit.worker is not null, coalesce(own.pairs, new.pairs) from worker"
	" left join hit on hit.worker = worker.id and hit.failure = " FAILURE
	" left join fact_set as own on own.id = hit.facts"
	" left join fact_set as new on new.id = worker.newest where worker.fleet = " OF_FLEET " order by worker.name";

static struct ff_error *highest_pair(struct sqlite_source *s, const struct ff_fleet_about *about, uint32_t *ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	bool row = false;
	struct ff_error *err = prepare(s, "select coalesce(max(id), 0) from pair", about, &stmt);
	if (!err)
		err = step(s, stmt, &row);
	if (!err)
		*ret = (uint32_t)sqlite3_column_int64(stmt, 0);
	return err;
}

// `with` has two counters for each pair.
static struct ff_error *count_workers(
	struct sqlite_source *s, sqlite3_stmt *stmt, uint32_t highest, uint32_t *with, struct ff_fact_counts *ret)
{
	struct ff_error *err = NULL;
	for (bool row = true; !err && row;) {
		err = step(s, stmt, &row);
		if (err || !row)
			break;
		int side = sqlite3_column_int(stmt, 1);
		const unsigned char *p = sqlite3_column_blob(stmt, 2);
		const unsigned char *end = p ? p + sqlite3_column_bytes(stmt, 2) : NULL;
		++(p ? ret->workers : ret->without)[side];
		for (uint32_t id = 0; p && next_pair(&p, end, &id);)
			if (id <= highest)
				with[(size_t)id * 2 + (size_t)side]++;
	}
	return err;
}

static struct ff_error *name_pairs(struct sqlite_source *s, const struct ff_fleet_about *about, const uint32_t *with,
	uint32_t highest, struct ff_fact_counts *ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	size_t n = 0;
	for (size_t id = 0; id <= highest; id++)
		n += with[id * 2] || with[id * 2 + 1];
	ret->rows = calloc(n + 1, sizeof(*ret->rows));
	struct ff_error *err = ret->rows ? prepare(s,
						   "select pair.id, name, value from pair join fact_key"
						   " on fact_key.id = pair.key",
						   about, &stmt)
					 : &ff_enomem;
	for (bool row = true; !err && row;) {
		err = step(s, stmt, &row);
		size_t id = row ? (size_t)sqlite3_column_int64(stmt, 0) : 0;
		if (err || !row || id > highest || ret->n == n || (!with[id * 2] && !with[id * 2 + 1]))
			continue;
		struct ff_fact_count *c = &ret->rows[ret->n++];
		*c = (struct ff_fact_count){.key = strdup((const char *)sqlite3_column_text(stmt, 1)),
			.value = strdup((const char *)sqlite3_column_text(stmt, 2)),
			.with = {with[id * 2], with[id * 2 + 1]},
			.id = (uint32_t)id};
		if (!c->key || !c->value)
			err = &ff_enomem;
	}
	return err;
}

static struct ff_error *counts(struct ff_source *source, const struct ff_fleet_about *about, struct ff_fact_counts *ret)
{
	struct sqlite_source *s = (struct sqlite_source *)source;
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	uint32_t highest = 0;
	struct ff_error *err = highest_pair(s, about, &highest);
	_cleanup_free_ uint32_t *with = err ? NULL : calloc(2 * ((size_t)highest + 1), sizeof(*with));
	if (!err)
		err = with ? prepare(s, each_worker, about, &stmt) : &ff_enomem;
	if (!err)
		err = count_workers(s, stmt, highest, with, ret);
	if (!err)
		err = name_pairs(s, about, with, highest, ret);
	if (!err)
		ff_fact_counts_sort(ret);
	return err;
}

// Where a pair stands in `counts`, by its number; what is not there is one behind the end, whose bits are none.
static struct ff_error *places(struct sqlite_source *s, const struct ff_fleet_about *about,
	const struct ff_fact_counts *counted, uint32_t *ret_highest, uint32_t **ret)
{
	struct ff_error *err = highest_pair(s, about, ret_highest);
	uint32_t *place = err ? NULL : malloc(((size_t)*ret_highest + 1) * sizeof(*place));
	if (err || !place)
		return err ? err : &ff_enomem;
	for (size_t id = 0; id <= *ret_highest; id++)
		place[id] = (uint32_t)counted->n;
	for (size_t i = 0; i < counted->n; i++)
		if (counted->rows[i].id <= *ret_highest)
			place[counted->rows[i].id] = (uint32_t)i;
	*ret = place;
	return NULL;
}

static void bits_of(const struct ff_predicate_bits *bits, const uint32_t *place, uint32_t highest, sqlite3_stmt *stmt,
	int column, struct ff_worker_bits *worker)
{
	const unsigned char *p = sqlite3_column_blob(stmt, column);
	const unsigned char *end = p ? p + sqlite3_column_bytes(stmt, column) : NULL;
	for (uint32_t id = 0; p && next_pair(&p, end, &id);) {
		if (id > highest)
			continue;
		worker->has |= bits->has[place[id]];
		worker->known |= bits->known[place[id]];
	}
	ff_predicate_bits_finish(bits, worker);
}

static struct ff_error *bits(struct ff_source *source, const struct ff_fleet_about *about,
	const struct ff_fact_counts *counted, const struct ff_predicate *predicates, size_t n,
	struct ff_worker_list *ret)
{
	struct sqlite_source *s = (struct sqlite_source *)source;
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_free_ uint32_t *place = NULL;
	FF_CLEANUP(ff_predicate_bits_deinit) struct ff_predicate_bits table = {0};
	uint32_t highest = 0;
	struct ff_error *err = places(s, about, counted, &highest, &place);
	if (!err)
		err = ff_predicate_bits_make(counted, predicates, n, &table) ? prepare(s, each_worker, about, &stmt)
									     : &ff_enomem;
	for (bool row = true; !err && row;) {
		err = step(s, stmt, &row);
		if (err || !row || sqlite3_column_type(stmt, 2) == SQLITE_NULL)
			continue;
		struct ff_worker_bits *worker = ff_worker_list_add(ret);
		if (!worker)
			return &ff_enomem;
		worker->id = (uint64_t)sqlite3_column_int64(stmt, 0);
		worker->failing = sqlite3_column_int(stmt, 1) != 0;
		bits_of(&table, place, highest, stmt, 2, worker);
	}
	return err;
}

static int by_worker(const void *a, const void *b)
{
	return strcmp(ff_json_text(*(json_t *const *)a, "worker"), ff_json_text(*(json_t *const *)b, "worker"));
}

static struct ff_error *names(struct ff_source *source, const uint64_t *ids, size_t n, json_t **ret)
{
	static const char sql[] = "select name as worker, host from worker where id = ?1";
	struct sqlite_source *s = (struct sqlite_source *)source;
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_free_ json_t **sorted = calloc(n + 1, sizeof(*sorted));
	_cleanup_json_ json_t *list = json_array();
	struct ff_error *err = sorted && list
		? ff_sql_prepare(ff_fleet_sql(s->fleet), ff_fleet_path(s->fleet), sql, &stmt)
		: &ff_enomem;
	size_t found = 0;
	for (size_t i = 0; !err && i < n; i++) {
		bool row = false;
		sqlite3_reset(stmt);
		sqlite3_bind_int64(stmt, 1, (int64_t)ids[i]);
		err = step(s, stmt, &row);
		if (!err && row)
			sorted[found++] = row_object(stmt);
	}
	if (found)
		qsort(sorted, found, sizeof(*sorted), by_worker);
	for (size_t i = 0; i < found; i++)
		json_array_append_new(list, sorted[i]);
	if (!err)
		*ret = ff_take(&list);
	return err;
}

struct carrier {
	int64_t had, failed; // 0: never
};

struct carriers {
	struct carrier *rows;
	size_t n, cap;
};

static bool add_carrier(struct carriers *list, int64_t had, int64_t failed)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		struct carrier *more = realloc(list->rows, cap * sizeof(*more));
		if (!more)
			return false;
		list->rows = more;
		list->cap = cap;
	}
	list->rows[list->n++] = (struct carrier){had, failed};
	return true;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static bool sum_carriers(const struct carriers *list, struct ff_rollout *ret)
{
	_cleanup_free_ int64_t *had = calloc(list->n + 1, sizeof(*had)), *delay = calloc(list->n + 1, sizeof(*delay));
	if (!had || !delay)
		return false;
	*ret = (struct ff_rollout){.workers = list->n};
	for (size_t i = 0; i < list->n; i++) {
		const struct carrier *c = &list->rows[i];
		had[i] = c->had;
		if (!c->failed)
			continue;
		ret->onset = !ret->onset || c->failed < ret->onset ? c->failed : ret->onset;
		ret->failed_before += c->failed < c->had;
		if (c->failed >= c->had)
			delay[ret->failed_after++] = c->failed - c->had;
	}
	qsort(had, list->n, sizeof(*had), by_time);
	qsort(delay, ret->failed_after, sizeof(*delay), by_time);
	ret->first = had[0];
	ret->half = had[list->n / 2];
	ret->delay = delay[ret->failed_after / 2];
	return true;
}

// Each worker's sets of facts, the first one first: a predicate is had from the first set on of which it holds.
static struct ff_error *carriers_of(struct sqlite_source *s, const struct ff_fleet_about *about,
	const struct ff_fact_counts *counted, const struct ff_predicate_bits *table, size_t n, struct carriers *lists)
{
	static const char sql[] =
		"select fact_set.worker, fact_set.first_seen, hit.first_at, fact_set.pairs from fact_set"
		" join worker on worker.id = fact_set.worker left join hit on hit.worker = fact_set.worker"
		" and hit.failure = " FAILURE " where worker.fleet = " OF_FLEET
		" and pairs is not null order by fact_set.worker, fact_set.first_seen";
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_free_ uint32_t *place = NULL;
	uint32_t highest = 0;
	uint64_t last = 0, told = 0;
	struct ff_error *err = places(s, about, counted, &highest, &place);
	if (!err)
		err = prepare(s, sql, about, &stmt);
	for (bool row = true; !err && row;) {
		struct ff_worker_bits worker = {0};
		err = step(s, stmt, &row);
		if (err || !row)
			break;
		worker.id = (uint64_t)sqlite3_column_int64(stmt, 0);
		told = worker.id == last ? told : 0;
		last = worker.id;
		bits_of(table, place, highest, stmt, 3, &worker);
		for (size_t i = 0; i < n; i++)
			if ((worker.has & ~told) >> i & 1 &&
				!add_carrier(&lists[i], sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2)))
				return &ff_enomem;
		told |= worker.has;
	}
	return err;
}

static struct ff_error *rollout(struct ff_source *source, const struct ff_fleet_about *about,
	const struct ff_fact_counts *counted, const struct ff_predicate *predicates, size_t n, struct ff_rollout *ret)
{
	FF_CLEANUP(ff_predicate_bits_deinit) struct ff_predicate_bits table = {0};
	_cleanup_free_ struct carriers *lists = calloc(n + 1, sizeof(*lists));
	struct ff_error *err = lists && ff_predicate_bits_make(counted, predicates, n, &table)
		? carriers_of((struct sqlite_source *)source, about, counted, &table, n, lists)
		: &ff_enomem;
	for (size_t i = 0; lists && i < n; i++) {
		if (!err && lists[i].n && !sum_carriers(&lists[i], &ret[i]))
			err = &ff_enomem;
		free(lists[i].rows);
	}
	return err;
}

static void close_source(struct ff_source *source)
{
	struct sqlite_source *s = (struct sqlite_source *)source;
	ff_fleet_close(s->fleet);
	free(s);
}

struct ff_error *ff_source_sqlite(struct ff_fleet *fleet, struct ff_source **ret)
{
	static const struct ff_source_ops ops = {rows, counts, bits, names, rollout, close_source};
	struct sqlite_source *s = calloc(1, sizeof(*s));
	if (!s) {
		ff_fleet_close(fleet);
		return &ff_enomem;
	}
	*s = (struct sqlite_source){{&ops}, fleet};
	*ret = &s->source;
	return NULL;
}
