// SQLite in our error idiom.
#include "store/sql.h"

#include "base/clock.h"

#include <unistd.h>

enum { RETRY_US = 5000 };

static enum ff_code code_of(int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return FF_ETIMEOUT;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return FF_EDENIED;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return FF_EFORMAT;
	default:
		return FF_EOS;
	}
}

struct ff_error *ff_sql_error(sqlite3 *db, const char *path)
{
	if (!db)
		return &ff_enomem;
	return ff_error_create(code_of(sqlite3_extended_errcode(db)), "%s: %s", path, sqlite3_errmsg(db));
}

struct ff_error *ff_sql_exec(sqlite3 *db, const char *path, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? NULL : ff_sql_error(db, path);
}

struct ff_error *ff_sql_write_ahead(sqlite3 *db, const char *path, int wait_ms)
{
	uint64_t start = ff_clock_ns();
	struct ff_error *err = ff_sql_exec(db, path, "pragma journal_mode=wal");
	while (err && err->code == FF_ETIMEOUT && ff_clock_ms_since(start) < wait_ms) {
		ff_error_destroy(err);
		usleep(RETRY_US);
		err = ff_sql_exec(db, path, "pragma journal_mode=wal");
	}
	return err ? err : ff_sql_exec(db, path, "pragma synchronous=normal");
}

struct ff_error *ff_sql_prepare(sqlite3 *db, const char *path, const char *sql, sqlite3_stmt **ret)
{
	return sqlite3_prepare_v2(db, sql, -1, ret, NULL) == SQLITE_OK ? NULL : ff_sql_error(db, path);
}

struct ff_error *ff_sql_bind(sqlite3 *db, const char *path, sqlite3_stmt *stmt, int index, const char *text)
{
	return sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC) == SQLITE_OK ? NULL : ff_sql_error(db, path);
}

struct ff_error *ff_sql_step(sqlite3 *db, const char *path, sqlite3_stmt *stmt, bool *ret_row)
{
	int code = sqlite3_step(stmt);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return ff_sql_error(db, path);
	*ret_row = code == SQLITE_ROW;
	return NULL;
}

struct ff_error *ff_sql_run(sqlite3 *db, const char *path, const char *sql, const char *const *values, int n)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct ff_error *err = ff_sql_prepare(db, path, sql, &stmt);
	for (int i = 0; !err && i < n; i++)
		err = ff_sql_bind(db, path, stmt, i + 1, values[i]);
	for (bool row = true; !err && row;)
		err = ff_sql_step(db, path, stmt, &row);
	return err;
}
