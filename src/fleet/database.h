// The database of many workers: SQLite, one file, the tables of doc/FLEET.md.
#pragma once

#include "fleet/record.h"
#include "store/sql.h"

struct ff_fleet;

enum { FF_FLEET_VALUES = 4096, FF_FLEET_VALUES_NAMES = 1 << 20, FF_FLEET_KEYS = 20000 };
#define FF_FLEET_PAIRS "4194304" // of all keys together; in fleet/schema.sql too

/** Open, and where `read_only` is false make, the database. One of a newer firstfix is refused. */
struct ff_error *ff_fleet_open(const char *path, bool read_only, struct ff_fleet **ret);
void ff_fleet_close(struct ff_fleet *fleet);

static inline void ff_cleanup_fleet(struct ff_fleet **fleet)
{
	ff_fleet_close(*fleet);
}

#define _cleanup_fleet_ __attribute__((__cleanup__(ff_cleanup_fleet)))

sqlite3 *ff_fleet_sql(struct ff_fleet *fleet);
const char *ff_fleet_path(const struct ff_fleet *fleet);

/** What is written between begin and end is there whole or not at all. */
struct ff_error *ff_fleet_begin(struct ff_fleet *fleet);
struct ff_error *ff_fleet_end(struct ff_fleet *fleet);

/** A prepared statement that is kept, ready to be bound. `sql` must be a text that stays where it is. */
struct ff_error *ff_fleet_statement(struct ff_fleet *fleet, const char *sql, sqlite3_stmt **ret);

/** The pairs of another set of facts follow. */
void ff_fleet_pairs_begin(struct ff_fleet *fleet);

/** The number of a key with a value. 0: the database holds no more of that kind, or this set has the key already; that
    is counted. */
struct ff_error *ff_fleet_pair(
	struct ff_fleet *fleet, const char *key, const char *value, struct ff_fleet_counts *counts, uint32_t *ret);

/** Put a record that was checked where it belongs. `ceiling_ms` is a time that no record can be behind. */
struct ff_error *ff_fleet_put(struct ff_fleet *fleet, const struct ff_fleet_record *record, uint64_t ceiling_ms,
	struct ff_fleet_counts *counts);

/** What each file and folder at or below these paths holds. Errors are of the database; what cannot be read is counted.
    `told` (may be NULL) is called with the name of a file that was not taken and why. */
struct ff_error *ff_fleet_ingest(struct ff_fleet *fleet, const char *const *paths, size_t n, const char *name,
	void (*told)(const char *path, const char *why), struct ff_fleet_counts *ret);
