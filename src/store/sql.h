// SQLite in our error idiom. For the rooms with a database. `path` names the database in messages.
#pragma once

#include "base/error.h"

#include <sqlite3.h>

static inline void ff_cleanup_stmt(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}

#define _cleanup_stmt_ __attribute__((__cleanup__(ff_cleanup_stmt)))

/** What SQLite says of the last failure: "<path>: database or disk is full". */
struct ff_error *ff_sql_error(sqlite3 *db, const char *path);

/** Run statements without values or rows. */
struct ff_error *ff_sql_exec(sqlite3 *db, const char *path, const char *sql);

/** Write through a log that the death of any process leaves whole; only a machine's crash can cost the last
    transaction. Of several that make one database at the same instant all come through, `wait_ms` at most: SQLite's own
    wait (sqlite3_busy_timeout()) does not cover the change of the journal. */
struct ff_error *ff_sql_write_ahead(sqlite3 *db, const char *path, int wait_ms);

struct ff_error *ff_sql_prepare(sqlite3 *db, const char *path, const char *sql, sqlite3_stmt **ret);

/** Bind a text that outlives the statement. */
struct ff_error *ff_sql_bind(sqlite3 *db, const char *path, sqlite3_stmt *stmt, int index, const char *text);

/** Go to the next row; *ret_row is false behind the last. */
struct ff_error *ff_sql_step(sqlite3 *db, const char *path, sqlite3_stmt *stmt, bool *ret_row);

/** Prepare, bind ?1..?n, run to the end. */
struct ff_error *ff_sql_run(sqlite3 *db, const char *path, const char *sql, const char *const *values, int n);
