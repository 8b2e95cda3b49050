// A record into its tables, in whatever order records come.
//
// What is said by hash before the facts arrive makes their row without pairs, which the facts fill later. An incident
// is counted by what its worker counted: the third telling of one that was never told before counts three.
#include "fleet/database.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600000, DAY_MS = 86400000, VARINT_MAX = 5 };
static const uint64_t EPOCH_2020_MS = 1577836800000;

// A value for a statement: a text where there is one, else a number.
struct value {
	const char *text;
	int64_t number;
	bool is_null;
};

#define T(t) ((struct value){.text = (t), .is_null = !(t)})
#define N(n) ((struct value){.number = (int64_t)(n)})
#define ID(n) ((struct value){.number = (n), .is_null = !(n)})

static struct ff_error *ready(
	struct ff_fleet *fleet, const char *sql, const struct value *values, int n, sqlite3_stmt **ret)
{
	struct ff_error *err = ff_fleet_statement(fleet, sql, ret);
	for (int i = 0; !err && i < n; i++) {
		if (values[i].is_null)
			sqlite3_bind_null(*ret, i + 1);
		else if (values[i].text)
			sqlite3_bind_text(*ret, i + 1, values[i].text, -1, SQLITE_STATIC);
		else
			sqlite3_bind_int64(*ret, i + 1, values[i].number);
	}
	return err;
}

// Runs to the end; up to two columns of the first row.
static struct ff_error *run(struct ff_fleet *fleet, const char *sql, const struct value *values, int n, int64_t ret[2])
{
	sqlite3_stmt *stmt;
	bool row = false;
	struct ff_error *err = ready(fleet, sql, values, n, &stmt);
	if (err)
		return err;
	err = ff_sql_step(ff_fleet_sql(fleet), ff_fleet_path(fleet), stmt, &row);
	for (int i = 0; ret && i < 2; i++)
		ret[i] = row && i < sqlite3_column_count(stmt) ? sqlite3_column_int64(stmt, i) : 0;
	sqlite3_reset(stmt);
	return err;
}

#define RUN(fleet, sql, ret, ...)                            \
	run(fleet, sql, (const struct value[]){__VA_ARGS__}, \
		sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value), ret)

static struct ff_error *fleet_id(struct ff_fleet *fleet, const char *name, int64_t *ret)
{
	int64_t found[2] = {0, 0};
	name = name ? name : "default";
	struct ff_error *err = RUN(fleet, "select id from fleet where name = ?1", found, T(name));
	if (!err && !found[0]) {
		err = RUN(fleet, "insert into fleet(name) values(?1)", NULL, T(name));
		found[0] = sqlite3_last_insert_rowid(ff_fleet_sql(fleet));
	}
	*ret = found[0];
	return err;
}

static struct ff_error *worker_id(struct ff_fleet *fleet, const struct ff_fleet_record *r, int64_t in_fleet,
	uint64_t at, struct ff_fleet_counts *counts, int64_t *ret)
{
	static const char known[] = "select id, last_seen from worker where fleet = ?1 and name = ?2",
			  make[] = "insert into worker(fleet, name, host, first_seen, last_seen)"
				   " values(?1, ?2, ?3, ?4, ?4)",
			  seen[] = "update worker set first_seen = min(first_seen, ?2), last_seen = max(last_seen, ?2),"
				   " host = coalesce(host, ?3) where id = ?1";
	int64_t found[2] = {0, 0};
	struct ff_error *err = RUN(fleet, known, found, N(in_fleet), T(r->worker));
	if (err)
		return err;
	*ret = found[0];
	if (found[0]) {
		counts->late += found[1] > (int64_t)at + DAY_MS;
		return RUN(fleet, seen, NULL, N(found[0]), N(at), T(r->host));
	}
	err = RUN(fleet, make, NULL, N(in_fleet), T(r->worker), T(r->host), N(at));
	*ret = sqlite3_last_insert_rowid(ff_fleet_sql(fleet));
	return err;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static struct ff_error *pack_pairs(
	struct ff_fleet *fleet, const struct ff_fleet_facts *facts, struct ff_fleet_counts *counts, struct ff_buf *ret)
{
	uint32_t ids[FF_FLEET_FACTS_MAX], last = 0;
	size_t n = 0;
	ff_fleet_pairs_begin(fleet);
	for (size_t i = 0; i < facts->n; i++) {
		const struct ff_flat_member *fact = &facts->rows[i];
		struct ff_error *err = ff_fleet_pair(fleet, fact->key, fact->value, counts, &ids[n]);
		if (err)
			return err;
		n += ids[n] != 0;
	}
	qsort(ids, n, sizeof(ids[0]), by_number);
	for (size_t i = 0; i < n; i++) {
		unsigned char bytes[VARINT_MAX];
		size_t k = 0;
		uint32_t step = ids[i] - last;
		for (; step >= 0x80; step >>= 7)
			bytes[k++] = (unsigned char)(step | 0x80);
		bytes[k++] = (unsigned char)step;
		ff_buf_add(ret, bytes, k);
		last = ids[i];
	}
	return ret->failed ? &ff_enomem : NULL;
}

// The row of a worker's facts by their hash; made without pairs where nobody has sent them yet.
static struct ff_error *set_id(struct ff_fleet *fleet, int64_t worker, const char *hash, uint64_t at, int64_t ret[2])
{
	static const char known[] = "select id, pairs is not null from fact_set where worker = ?1 and hash = ?2",
			  make[] = "insert into fact_set(worker, hash, first_seen, last_seen) values(?1, ?2, ?3, ?3)",
			  seen[] =
				  "update fact_set set first_seen = min(first_seen, ?2), last_seen = max(last_seen, ?2)"
				  " where id = ?1",
			  newest[] = "update worker set newest = ?2, newest_at = ?3 where id = ?1 and newest_at <= ?3";
	struct ff_error *err = RUN(fleet, known, ret, N(worker), T(hash));
	if (!err && ret[0]) {
		err = RUN(fleet, seen, NULL, N(ret[0]), N(at));
	} else if (!err) {
		err = RUN(fleet, make, NULL, N(worker), T(hash), N(at));
		ret[0] = sqlite3_last_insert_rowid(ff_fleet_sql(fleet));
	}
	return err ? err : RUN(fleet, newest, NULL, N(worker), N(ret[0]), N(at));
}

static struct ff_error *put_facts(
	struct ff_fleet *fleet, const struct ff_fleet_record *r, const int64_t set[2], struct ff_fleet_counts *counts)
{
	_cleanup_buf_ struct ff_buf pairs = {0};
	sqlite3_stmt *stmt;
	bool row;
	if (set[1] || !r->facts) {
		counts->duplicates++;
		return NULL;
	}
	counts->facts++;
	struct ff_error *err = pack_pairs(fleet, r->facts, counts, &pairs);
	if (!err)
		err = ready(fleet, "update fact_set set pairs = ?2 where id = ?1", &N(set[0]), 1, &stmt);
	if (err)
		return err;
	sqlite3_bind_blob(stmt, 2, pairs.n ? pairs.p : "", (int)pairs.n, SQLITE_STATIC);
	err = ff_sql_step(ff_fleet_sql(fleet), ff_fleet_path(fleet), stmt, &row);
	sqlite3_reset(stmt);
	return err;
}

static struct ff_error *put_start(
	struct ff_fleet *fleet, int64_t worker, int64_t set, uint64_t at, struct ff_fleet_counts *counts)
{
	struct ff_error *err =
		RUN(fleet, "insert or ignore into start values(?1, ?2, ?3)", NULL, N(worker), N(at), ID(set));
	bool is_new = !err && sqlite3_changes(ff_fleet_sql(fleet)) > 0;
	counts->starts += is_new;
	counts->duplicates += !err && !is_new;
	return err;
}

static struct ff_error *failure_id(
	struct ff_fleet *fleet, const struct ff_fleet_record *r, int64_t in_fleet, int64_t worker, int64_t *ret)
{
	static const char known[] =
		"select id, exemplar is not null from failure where fleet = ?1 and fingerprint = ?2",
			  make[] = "insert into failure(fleet, fingerprint, cause, title) values(?1, ?2, ?3, ?4)",
			  shown[] = "update failure set exemplar = ?2, exemplar_worker = ?3 where id = ?1";
	int64_t found[2] = {0, 0};
	struct ff_error *err = RUN(fleet, known, found, N(in_fleet), T(r->fingerprint));
	if (!err && !found[0]) {
		err = RUN(fleet, make, NULL, N(in_fleet), T(r->fingerprint), T(r->cause), T(r->title));
		found[0] = sqlite3_last_insert_rowid(ff_fleet_sql(fleet));
	}
	*ret = found[0];
	if (err || found[1] || !json_object_size(r->exemplar))
		return err;
	_cleanup_free_ char *text = json_dumps(r->exemplar, JSON_COMPACT);
	return text ? RUN(fleet, shown, NULL, N(found[0]), T(text), N(worker)) : &ff_enomem;
}

// More of a worker's counter than it had said before: 0 for what is known.
static struct ff_error *put_telling(struct ff_fleet *fleet, const struct ff_fleet_record *r, int64_t worker,
	int64_t failure, uint64_t at, struct ff_fleet_counts *counts, bool *ret_new, int64_t *ret_more)
{
	static const char known[] = "select failure, at from telling where worker = ?1 and incident = ?2 and n = ?3",
			  most[] = "select max(n) from telling where worker = ?1 and incident = ?2",
			  make[] = "insert into telling values(?1, ?2, ?3, ?4, ?5)";
	int64_t found[2] = {0, 0}, highest[2] = {0, 0};
	struct ff_error *err = RUN(fleet, known, found, N(worker), T(r->incident), N(r->count));
	*ret_new = false;
	if (err || found[0]) {
		bool same = found[0] == failure && llabs(found[1] - (int64_t)at) <= HOUR_MS;
		counts->duplicates += !err && same;
		counts->contradicting += !err && !same;
		return err;
	}
	err = RUN(fleet, most, highest, N(worker), T(r->incident));
	if (!err)
		err = RUN(fleet, make, NULL, N(worker), T(r->incident), N(r->count), N(at), N(failure));
	counts->incidents += !err;
	*ret_new = true;
	*ret_more = (int64_t)r->count > highest[0] ? (int64_t)r->count - highest[0] : 0;
	return err;
}

static struct ff_error *put_incident(struct ff_fleet *fleet, const struct ff_fleet_record *r, int64_t in_fleet,
	int64_t worker, int64_t set, uint64_t at, struct ff_fleet_counts *counts)
{
	static const char hit[] =
		"insert into hit values(?1, ?2, ?3, ?3, ?4, ?5) on conflict(failure, worker) do update set"
		" first_at = min(first_at, ?3), n = n + ?4,"
		" facts = case when ?3 >= last_at then coalesce(?5, facts) else coalesce(facts, ?5) end,"
		" last_at = max(last_at, ?3)",
			  hour[] = "insert into failure_hour values(?1, ?2, 1) on conflict(failure, hour)"
				   " do update set n = n + 1";
	int64_t failure = 0, more = 0;
	bool is_new = false;
	struct ff_error *err = failure_id(fleet, r, in_fleet, worker, &failure);
	if (!err)
		err = put_telling(fleet, r, worker, failure, at, counts, &is_new, &more);
	if (err || !is_new)
		return err;
	err = RUN(fleet, hit, NULL, N(failure), N(worker), N(at), N(more), ID(set));
	return err ? err : RUN(fleet, hour, NULL, N(failure), N(at / HOUR_MS));
}

// A clock that is ahead would put a worker's newest facts, and the onset of a failure, where nothing can follow.
static uint64_t moment(uint64_t at, uint64_t ceiling, struct ff_fleet_counts *counts)
{
	counts->clock_ahead += at > ceiling;
	counts->clock_unset += at < EPOCH_2020_MS;
	return at > ceiling || at < EPOCH_2020_MS ? ceiling : at;
}

struct ff_error *ff_fleet_put(
	struct ff_fleet *fleet, const struct ff_fleet_record *r, uint64_t ceiling_ms, struct ff_fleet_counts *counts)
{
	int64_t in_fleet = 0, worker = 0, set[2] = {0, 0};
	uint64_t at = moment(r->at_ms, ceiling_ms, counts);
	struct ff_error *err = fleet_id(fleet, r->fleet, &in_fleet);
	if (!err)
		err = worker_id(fleet, r, in_fleet, at, counts, &worker);
	if (!err && r->hash)
		err = set_id(fleet, worker, r->hash, at, set);
	if (err)
		return err;
	if (r->kind == FF_FLEET_FACTS)
		return put_facts(fleet, r, set, counts);
	return r->kind == FF_FLEET_START ? put_start(fleet, worker, set[0], at, counts)
					 : put_incident(fleet, r, in_fleet, worker, set[0], at, counts);
}
