// The file, its tables and its kept statements.
//
//	$ sqlite3 fleet.db 'select name, cause, count(*) from hit join failure on failure.id = hit.failure group by 1, 2'
//
// A set of facts is one row: numbers of (key, value) pairs, ascending, the differences as varints. 300 facts take 400
// bytes so, and a count over all workers is one scan.
#include "fleet/database.h"

#include "base/cleanup.h"
#include "fleet/dictionary.h"

#include <string.h>

enum { SCHEMA_VERSION = 1, STATEMENTS = 32, LOCK_WAIT_MS = 10000 };

static const char schema[] =
	"create table if not exists fleet(id integer primary key, name text not null unique);"
	"create table if not exists worker(id integer primary key, fleet integer not null, name text not null, host "
	"text,"
	" first_seen integer not null, last_seen integer not null, newest integer, newest_at integer not null default "
	"0,"
	" unique(fleet, name));"
	"create table if not exists fact_key(id integer primary key, name text not null unique,"
	" n integer not null default 0, dropped integer not null default 0);"
	"create table if not exists pair(id integer primary key, key integer not null, value text not null,"
	" unique(key, value));"
	"create table if not exists fact_set(id integer primary key, worker integer not null, hash text not null,"
	" first_seen integer not null, last_seen integer not null, pairs blob, unique(worker, hash));"
	"create table if not exists failure(id integer primary key, fleet integer not null, fingerprint text not null,"
	" cause text, title text, exemplar text, exemplar_worker integer, unique(fleet, fingerprint));"
	"create table if not exists telling(worker integer not null, incident text not null, n integer not null,"
	" at integer not null, failure integer not null, primary key(worker, incident, n)) without rowid;"
	"create table if not exists hit(failure integer not null, worker integer not null, first_at integer not null,"
	" last_at integer not null, n integer not null, facts integer, primary key(failure, worker)) without rowid;"
	"create table if not exists failure_hour(failure integer not null, hour integer not null, n integer not null,"
	" primary key(failure, hour)) without rowid;"
	"create table if not exists start(worker integer not null, at integer not null, facts integer,"
	" primary key(worker, at)) without rowid;"
	"pragma user_version = 1;";

struct ff_fleet {
	sqlite3 *db;
	char *path;
	struct ff_dictionary *dictionary;
	struct {
		const char *sql;
		sqlite3_stmt *stmt;
	} kept[STATEMENTS];
};

static struct ff_error *check_version(struct ff_fleet *fleet)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	bool row = false;
	struct ff_error *err = ff_sql_prepare(fleet->db, fleet->path, "pragma user_version", &stmt);
	if (!err)
		err = ff_sql_step(fleet->db, fleet->path, stmt, &row);
	int version = row ? sqlite3_column_int(stmt, 0) : 0;
	if (!err && version > SCHEMA_VERSION)
		err = ff_error_create(FF_EUSAGE, "%s: written by a newer firstfix (format %d, this one knows %d)",
			fleet->path, version, SCHEMA_VERSION);
	return err;
}

struct ff_error *ff_fleet_open(const char *path, bool read_only, struct ff_fleet **ret)
{
	_cleanup_fleet_ struct ff_fleet *fleet = calloc(1, sizeof(*fleet));
	int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	if (!fleet || !(fleet->path = strdup(path)))
		return &ff_enomem;
	if (read_only && strcmp(path, ":memory:") != 0 && access(path, F_OK) < 0)
		return errno == ENOENT ? ff_error_create(FF_EABSENT,
						 "no fleet is known (%s is not there); 'firstfix fleet ingest PATH' "
						 "reads what workers said",
						 path)
				       : ff_error_os(errno, "%s", path);
	if (sqlite3_open_v2(path, &fleet->db, flags, NULL) != SQLITE_OK)
		return ff_sql_error(fleet->db, path);
	sqlite3_busy_timeout(fleet->db, LOCK_WAIT_MS);
	struct ff_error *err = check_version(fleet);
	if (!err)
		err = ff_sql_exec(fleet->db, path, "pragma cache_size = -262144; pragma temp_store = memory;");
	if (!err && !read_only)
		err = ff_sql_write_ahead(fleet->db, path, LOCK_WAIT_MS);
	if (!err && !read_only)
		err = ff_sql_exec(fleet->db, path, schema);
	if (!err)
		err = ff_dictionary_create(&fleet->dictionary);
	if (!err)
		*ret = ff_take(&fleet);
	return err;
}

void ff_fleet_close(struct ff_fleet *fleet)
{
	if (!fleet)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(fleet->kept[i].stmt);
	ff_dictionary_destroy(fleet->dictionary);
	sqlite3_close_v2(fleet->db);
	free(fleet->path);
	free(fleet);
}

sqlite3 *ff_fleet_sql(struct ff_fleet *fleet)
{
	return fleet->db;
}

const char *ff_fleet_path(const struct ff_fleet *fleet)
{
	return fleet->path;
}

struct ff_error *ff_fleet_begin(struct ff_fleet *fleet)
{
	return ff_sql_exec(fleet->db, fleet->path, "begin immediate");
}

struct ff_error *ff_fleet_end(struct ff_fleet *fleet)
{
	return ff_sql_exec(fleet->db, fleet->path, "commit");
}

struct ff_error *ff_fleet_statement(struct ff_fleet *fleet, const char *sql, sqlite3_stmt **ret)
{
	size_t i = 0;
	while (i < STATEMENTS - 1 && fleet->kept[i].sql && fleet->kept[i].sql != sql)
		i++;
	if (fleet->kept[i].sql != sql) {
		sqlite3_finalize(fleet->kept[i].stmt);
		fleet->kept[i].stmt = NULL;
		fleet->kept[i].sql = NULL;
		struct ff_error *err = ff_sql_prepare(fleet->db, fleet->path, sql, &fleet->kept[i].stmt);
		if (err)
			return err;
		fleet->kept[i].sql = sql;
	}
	sqlite3_reset(fleet->kept[i].stmt);
	*ret = fleet->kept[i].stmt;
	return NULL;
}

void ff_fleet_pairs_begin(struct ff_fleet *fleet)
{
	ff_dictionary_begin(fleet->dictionary);
}

struct ff_error *ff_fleet_pair(
	struct ff_fleet *fleet, const char *key, const char *value, struct ff_fleet_counts *counts, uint32_t *ret)
{
	return ff_dictionary_pair(fleet->dictionary, fleet, key, value, counts, ret);
}
