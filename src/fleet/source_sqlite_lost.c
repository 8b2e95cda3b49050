// What workers lost to each failure: from a failure to the worker's next good start, a day at most; to the newest that
// is known of the worker where there was none.
//
// Two walks side by side, both in the order of workers that their tables have anyway: 10^6 failures take half a second,
// where a question for the next start of each took twenty.
#include "fleet/source_sqlite.h"

#include "base/cleanup.h"

#include <stdlib.h>

static const int64_t day_ms = 86400000;

// Good starts of one worker, oldest first, and where the walk over all of them stands.
struct starts {
	sqlite3_stmt *stmt;
	int64_t worker; // of the row that the walk stands at; 0: at its end
	int64_t *at;
	size_t n, cap;
};

static struct ff_error *next_row(struct ff_fleet *fleet, struct starts *s)
{
	bool row = false;
	struct ff_error *err = ff_sql_step(ff_fleet_sql(fleet), ff_fleet_path(fleet), s->stmt, &row);
	s->worker = row ? sqlite3_column_int64(s->stmt, 0) : 0;
	return err;
}

static struct ff_error *keep(struct starts *s)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		int64_t *more = realloc(s->at, cap * sizeof(*more));
		if (!more)
			return &ff_enomem;
		s->at = more;
		s->cap = cap;
	}
	s->at[s->n++] = sqlite3_column_int64(s->stmt, 1);
	return NULL;
}

// Walk on to a worker and take its starts.
static struct ff_error *starts_of(struct ff_fleet *fleet, struct starts *s, int64_t worker)
{
	struct ff_error *err = NULL;
	s->n = 0;
	while (!err && s->worker && s->worker <= worker) {
		err = s->worker == worker ? keep(s) : NULL;
		if (!err)
			err = next_row(fleet, s);
	}
	return err;
}

static int64_t next_start(const struct starts *s, int64_t at, int64_t otherwise)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->at[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n ? s->at[low] : otherwise;
}

static struct ff_error *walk(
	struct ff_fleet *fleet, sqlite3_stmt *tellings, struct starts *starts, int64_t *lost, size_t n)
{
	int64_t worker = 0;
	struct ff_error *err = next_row(fleet, starts);
	for (bool row = true; !err && row;) {
		err = ff_sql_step(ff_fleet_sql(fleet), ff_fleet_path(fleet), tellings, &row);
		if (err || !row)
			break;
		if (sqlite3_column_int64(tellings, 0) != worker) {
			worker = sqlite3_column_int64(tellings, 0);
			err = starts_of(fleet, starts, worker);
		}
		int64_t failure = sqlite3_column_int64(tellings, 1), at = sqlite3_column_int64(tellings, 2);
		int64_t took = next_start(starts, at, sqlite3_column_int64(tellings, 3)) - at;
		if (failure > 0 && (size_t)failure < n)
			lost[failure] += took < day_ms ? took : day_ms;
	}
	return err;
}

// ?1 fleet, ?2 fingerprint; both walks in the order of workers. One failure is found by the workers that it hit.
static const struct {
	const char *tellings, *starts;
} walks[] = {
	{"select telling.worker, failure, at, last_seen from worker cross join telling on telling.worker = worker.id"
	 " where worker.fleet = (select id from fleet where name = ?1) order by worker.id",
		"select worker, at from start order by worker, at"},
	{"select telling.worker, telling.failure, at, last_seen from failure cross join hit on hit.failure = failure.id"
	 " cross join worker on worker.id = hit.worker cross join telling on telling.worker = hit.worker"
	 " and telling.failure = failure.id where failure.fleet = (select id from fleet where name = ?1)"
	 " and fingerprint = ?2 order by hit.worker",
		"select start.worker, at from failure cross join hit on hit.failure = failure.id cross join start"
		" on start.worker = hit.worker where failure.fleet = (select id from fleet where name = ?1)"
		" and fingerprint = ?2 order by hit.worker, at"},
};

static struct ff_error *prepare(
	struct ff_fleet *fleet, const char *sql, const struct ff_fleet_about *about, sqlite3_stmt **ret)
{
	struct ff_error *err = ff_sql_prepare(ff_fleet_sql(fleet), ff_fleet_path(fleet), sql, ret);
	if (err)
		return err;
	sqlite3_bind_text(*ret, 1, about->fleet, -1, SQLITE_STATIC); // out of range where there is no such place
	sqlite3_bind_text(*ret, 2, about->fingerprint, -1, SQLITE_STATIC);
	return NULL;
}

struct ff_error *ff_sqlite_lost(
	struct ff_fleet *fleet, const struct ff_fleet_about *about, int64_t **ret, size_t *ret_n)
{
	bool one = about->fingerprint != NULL, row = false;
	_cleanup_stmt_ sqlite3_stmt *most = NULL, *tellings = NULL, *all = NULL;
	_cleanup_free_ int64_t *lost = NULL;
	struct ff_error *err = prepare(fleet, "select coalesce(max(id), 0) from failure", about, &most);
	if (!err)
		err = ff_sql_step(ff_fleet_sql(fleet), ff_fleet_path(fleet), most, &row);
	size_t n = err ? 0 : (size_t)sqlite3_column_int64(most, 0) + 1;
	if (!err && !(lost = calloc(n, sizeof(*lost))))
		err = &ff_enomem;
	if (!err)
		err = prepare(fleet, walks[one].tellings, about, &tellings);
	if (!err)
		err = prepare(fleet, walks[one].starts, about, &all);
	if (err)
		return err;
	struct starts starts = {.stmt = all};
	err = walk(fleet, tellings, &starts, lost, n);
	free(starts.at);
	if (!err) {
		*ret = ff_take(&lost);
		*ret_n = n;
	}
	return err;
}
