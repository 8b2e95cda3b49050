// Incidents and good starts in SQLite.
//
//	$ sqlite3 firstfix.db 'select id, count, cause from incident'
//	20261123-031403-5f1c2a77|3|bnb.binary-missing
#include "store/store.h"

#include "base/clock.h"
#include "base/safedir.h"
#include "store/sql.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { SCHEMA_VERSION = 1, LOCK_WAIT_MS = 2000, LIST_MAX = 10000 };

static const char schema[] =
	"create table if not exists incident(id text primary key, fingerprint text not null, command_key text not null,"
	" first_seen text not null, last_seen text not null, count integer not null, document text not null);"
	"create unique index if not exists incident_same on incident(fingerprint, command_key);"
	"create index if not exists incident_seen on incident(last_seen);"
	"create table if not exists told(token text primary key, at text not null);"
	"create table if not exists good_start(command_key text primary key, at text not null, document text not null);"
	"pragma user_version = 1;";

struct ff_store {
	sqlite3 *db;
	char *path;
	char *notice; // what was wrong with the database before this one
};

static struct ff_error *check_version(struct ff_store *store)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	bool row = false;
	struct ff_error *err = ff_sql_prepare(store->db, store->path, "pragma user_version", &stmt);
	if (!err)
		err = ff_sql_step(store->db, store->path, stmt, &row);
	int version = row ? sqlite3_column_int(stmt, 0) : 0;
	if (!err && version > SCHEMA_VERSION)
		return ff_error_create(FF_EUSAGE,
			"%s: written by a newer firstfix (format %d, this one knows %d); use that one, or another "
			"FIRSTFIX_DIR",
			store->path, version, SCHEMA_VERSION);
	return err;
}

static struct ff_error *make_schema(struct ff_store *store)
{
	struct ff_error *err = ff_sql_write_ahead(store->db, store->path, LOCK_WAIT_MS);
	return err ? err : ff_sql_exec(store->db, store->path, schema);
}

// SQLite makes files with the umask's rights; one that is there keeps its own, and so do its -wal and -shm. Documents
// are masked, and still nobody else's business. A database that somebody else could have prepared is not opened.
static struct ff_error *make_file(const char *path)
{
	_cleanup_close_ int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), fd = -1;
	if (made < 0 && errno != EEXIST)
		return ff_error_os(errno, "%s", path);
	return ff_safe_file_open(path, &fd);
}

static struct ff_error *open_database(struct ff_store *store, bool read_only)
{
	int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	struct ff_error *err = read_only ? NULL : make_file(store->path);
	if (err)
		return err;
	if (sqlite3_open_v2(store->path, &store->db, flags | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
		return ff_sql_error(store->db, store->path);
	sqlite3_busy_timeout(store->db, LOCK_WAIT_MS);
	err = check_version(store);
	return err || read_only ? err : make_schema(store);
}

static bool is_damage(const struct ff_error *err)
{
	return err && err->code == FF_EFORMAT;
}

static void close_database(struct ff_store *store)
{
	sqlite3_close_v2(store->db);
	store->db = NULL;
}

static struct ff_error *check_pages(struct ff_store *store)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	bool row = false;
	struct ff_error *err = ff_sql_prepare(store->db, store->path, "pragma quick_check(1)", &stmt);
	if (!err)
		err = ff_sql_step(store->db, store->path, stmt, &row);
	const char *said = row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
	if (!err && said && strcmp(said, "ok") != 0)
		err = ff_error_create(FF_EFORMAT, "%s: %.200s", store->path, said);
	return err;
}

static struct ff_error *move_away(struct ff_store *store, const char *damage)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char now[FF_TIME_LEN], from[PATH_MAX], to[PATH_MAX];
	ff_clock_rfc3339(now);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int n = snprintf(from, sizeof(from), "%s%s", store->path, ends[i]);
		int m = snprintf(to, sizeof(to), "%s.damaged-%.19s%s", store->path, now, ends[i]);
		if (n >= (int)sizeof(from) || m >= (int)sizeof(to))
			return ff_error_os(ENAMETOOLONG, "%s", store->path);
		if (rename(from, to) < 0 && i == 0)
			return ff_error_os(errno, "%s", to);
	}
	free(store->notice);
	if (asprintf(&store->notice, "%s: the database is set aside as %s.damaged-%.19s, and a new one is made", damage,
		    store->path, now) < 0)
		store->notice = NULL;
	return NULL;
}

// Under a lock on the folder, so that of two that find the damage the second finds the new database.
static struct ff_error *set_aside(struct ff_store *store)
{
	_cleanup_free_ char *dir = strndup(store->path, (size_t)(strrchr(store->path, '/') - store->path));
	_cleanup_close_ int folder = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (folder < 0 || flock(folder, LOCK_EX) < 0)
		return ff_error_os(errno, "%s", store->path);
	close_database(store);
	struct ff_error *damage = open_database(store, false);
	if (!damage)
		damage = check_pages(store);
	if (!is_damage(damage))
		return damage;
	close_database(store);
	struct ff_error *err = move_away(store, damage->message);
	ff_error_destroy(damage);
	return err ? err : open_database(store, false);
}

struct ff_error *ff_store_open(const char *dir, bool read_only, struct ff_store **ret)
{
	_cleanup_store_ struct ff_store *store = calloc(1, sizeof(*store));
	if (!store || asprintf(&store->path, "%s/firstfix.db", dir) < 0)
		return &ff_enomem;
	struct stat st;
	if (read_only && stat(store->path, &st) < 0)
		return ff_error_os(errno, "%s", store->path);
	struct ff_error *err = open_database(store, read_only);
	if (!read_only && is_damage(err)) {
		ff_error_destroy(err);
		err = set_aside(store);
	}
	if (!err)
		*ret = ff_take(&store);
	return err;
}

const char *ff_store_notice(const struct ff_store *store)
{
	return store->notice;
}

void ff_store_close(struct ff_store *store)
{
	if (!store)
		return;
	sqlite3_close_v2(store->db);
	free(store->path);
	free(store->notice);
	free(store);
}

// "2026-11-23T03:14:03.123Z" -> "20261123-031403-5f1c2a77": sorts by time, says when, is short to type. The end tells
// apart what failed alike in the same second under two commands.
static void make_id(const char *at, const char *fingerprint, const char *command_key, char id[FF_STORE_ID])
{
	char digits[16] = "";
	size_t n = 0;
	uint32_t h = 0x811c9dc5;
	for (const char *p = at; *p && n < 14; p++) {
		if (*p >= '0' && *p <= '9')
			digits[n++] = *p;
	}
	for (const char *p = fingerprint; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x01000193;
	for (const char *p = command_key; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x01000193;
	snprintf(id, FF_STORE_ID, "%.8s-%s-%08x", digits, n > 8 ? digits + 8 : "000000", h);
}

bool ff_store_id(const json_t *incident, char ret[FF_STORE_ID])
{
	const char *at = ff_json_text(incident, "at"), *fingerprint = ff_json_text(incident, "fingerprint"),
		   *key = ff_json_text(incident, "command_key");
	if (at && fingerprint && key)
		make_id(at, fingerprint, key, ret);
	return at && fingerprint && key;
}

// The id of a row stays what it was when the incident came first. Asked for in a second statement: RETURNING needs
// SQLite 3.35.
static struct ff_error *stored_id(struct ff_store *store, const char *fingerprint, const char *command_key, char **ret)
{
	static const char sql[] = "select id from incident where fingerprint = ?1 and command_key = ?2";
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	bool row = false;
	struct ff_error *err = ff_sql_prepare(store->db, store->path, sql, &stmt);
	if (!err)
		err = ff_sql_bind(store->db, store->path, stmt, 1, fingerprint);
	if (!err)
		err = ff_sql_bind(store->db, store->path, stmt, 2, command_key);
	if (!err)
		err = ff_sql_step(store->db, store->path, stmt, &row);
	if (err)
		return err;
	if (!row)
		return ff_error_create(FF_EABSENT, "%s: the incident is gone again", store->path);
	char *id = strdup((const char *)sqlite3_column_text(stmt, 0));
	if (!id)
		return &ff_enomem;
	*ret = id;
	return NULL;
}

struct ff_error *ff_store_add(struct ff_store *store, const struct ff_shareable *incident, char **ret_id)
{
	const json_t *doc = ff_shareable_document(incident);
	char id[FF_STORE_ID];
	static const char sql[] = "insert into incident values(?1, ?2, ?3, ?4, ?4, 1, ?5)"
				  " on conflict(fingerprint, command_key) do update set"
				  " last_seen = max(last_seen, excluded.last_seen),"
				  " count = count + 1, document = excluded.document";
	const char *values[5] = {
		id, ff_json_text(doc, "fingerprint"), ff_json_text(doc, "command_key"), ff_json_text(doc, "at"), NULL};
	if (!values[1] || !values[2] || !values[3])
		return ff_error_create(FF_EUSAGE, "an incident needs fingerprint, command_key and at");
	make_id(values[3], values[1], values[2], id);
	_cleanup_free_ char *text = json_dumps(doc, JSON_COMPACT);
	if (!text)
		return &ff_enomem;
	values[4] = text;
	struct ff_error *err = ff_sql_run(store->db, store->path, sql, values, 5);
	if (is_damage(err)) {
		ff_error_destroy(err);
		err = set_aside(store);
		if (!err)
			err = ff_sql_run(store->db, store->path, sql, values, 5);
	}
	return err ? err : stored_id(store, values[1], values[2], ret_id);
}

static json_t *row_document(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	return text ? json_loadb(text, (size_t)sqlite3_column_bytes(stmt, column), 0, NULL) : NULL;
}

// What a list shows of an incident, and where that stands in its document: for us and for SQLite.
static const struct {
	const char *name, *path, *in_sql;
} shown[] = {
	{"cause", "diagnosis.diagnoses.0.cause", "diagnosis.diagnoses[0].cause"},
	{"title", "title", "title"},
	{"command", "command", "command"},
	{"how", "how", "how"},
	{"error", "exception", "exception"},
	{"exit", "exit", "exit"},
};

static json_t *row_summary(sqlite3_stmt *stmt, bool parts)
{
	_cleanup_json_ json_t *found = row_document(stmt, 5);
	json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:I}", "id", sqlite3_column_text(stmt, 0), "first_seen",
		sqlite3_column_text(stmt, 1), "last_seen", sqlite3_column_text(stmt, 2), "count",
		(json_int_t)sqlite3_column_int64(stmt, 3), "bytes", (json_int_t)sqlite3_column_int64(stmt, 4));
	for (size_t i = 0; row && i < sizeof(shown) / sizeof(*shown); i++) {
		json_t *value = ff_json_at(found, parts ? shown[i].name : shown[i].path);
		if (value && (!parts || !json_is_null(value)))
			json_object_set(row, shown[i].name, value);
	}
	return row;
}

// SQLite finds these parts in a tenth of the time that reading whole documents takes; one without JSON functions (an
// option before 3.38) gives the documents.
static struct ff_error *prepare_list(struct ff_store *store, unsigned most, sqlite3_stmt **ret, bool *ret_parts)
{
	static const char columns[] = "select id, first_seen, last_seen, count, length(cast(document as blob)), ";
	char from[80];
	snprintf(from, sizeof(from), " from incident order by last_seen desc, id desc limit %u", most);
	_cleanup_buf_ struct ff_buf sql = {0};
	ff_buf_printf(&sql, "%scase when json_valid(document) then json_object(", columns);
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
		ff_buf_printf(
			&sql, "%s'%s', json_extract(document, '$.%s')", i ? ", " : "", shown[i].name, shown[i].in_sql);
	ff_buf_printf(&sql, ") end%s", from);
	if (sql.failed)
		return &ff_enomem;
	struct ff_error *err = ff_sql_prepare(store->db, store->path, sql.p, ret);
	*ret_parts = !err;
	if (!err)
		return NULL;
	ff_error_destroy(err);
	sql.n = 0;
	ff_buf_printf(&sql, "%sdocument%s", columns, from);
	return sql.failed ? &ff_enomem : ff_sql_prepare(store->db, store->path, sql.p, ret);
}

struct ff_error *ff_store_list(struct ff_store *store, json_t **ret)
{
	uint64_t total;
	return ff_store_newest(store, LIST_MAX, ret, &total);
}

static struct ff_error *count(struct ff_store *store, uint64_t *ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	bool row = false;
	struct ff_error *err = ff_sql_prepare(store->db, store->path, "select count(*) from incident", &stmt);
	if (!err)
		err = ff_sql_step(store->db, store->path, stmt, &row);
	*ret = !err && row ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
	return err;
}

struct ff_error *ff_store_newest(struct ff_store *store, unsigned most, json_t **ret, uint64_t *ret_total)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_json_ json_t *list = json_array();
	bool parts = false;
	struct ff_error *err = list ? prepare_list(store, most, &stmt, &parts) : &ff_enomem;
	for (bool row = true; !err && row;) {
		err = ff_sql_step(store->db, store->path, stmt, &row);
		if (!err && row && json_array_append_new(list, row_summary(stmt, parts)) < 0)
			err = &ff_enomem;
	}
	if (!err)
		err = count(store, ret_total);
	if (!err)
		*ret = ff_take(&list);
	return err;
}

struct ff_error *ff_store_since(struct ff_store *store, const char *since, json_t **ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_json_ json_t *list = json_array();
	struct ff_error *err = list ? ff_sql_prepare(store->db, store->path,
					      "select id, last_seen, count from incident where last_seen >= ?1"
					      " order by last_seen, id limit 256",
					      &stmt)
				    : &ff_enomem;
	if (!err)
		err = ff_sql_bind(store->db, store->path, stmt, 1, since);
	for (bool row = true; !err && row;) {
		err = ff_sql_step(store->db, store->path, stmt, &row);
		if (!err && row &&
			json_array_append_new(list,
				json_pack("{s:s, s:s, s:I}", "id", sqlite3_column_text(stmt, 0), "last_seen",
					sqlite3_column_text(stmt, 1), "count",
					(json_int_t)sqlite3_column_int64(stmt, 2))) < 0)
			err = &ff_enomem;
	}
	if (!err)
		*ret = ff_take(&list);
	return err;
}

// Finds the one incident that `id` means. Leaves the statement on its row.
static struct ff_error *find(struct ff_store *store, const char *id, sqlite3_stmt **ret)
{
	static const char by_prefix[] = "select id, first_seen, last_seen, count, document from incident"
					" where substr(id, 1, length(?1)) = ?1 order by id limit 2";
	static const char newest[] = "select id, first_seen, last_seen, count, document from incident"
				     " order by last_seen desc, id desc limit 1";
	bool last = strcmp(id, "last") == 0, row = false;
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct ff_error *err = ff_sql_prepare(store->db, store->path, last ? newest : by_prefix, &stmt);
	if (!err && !last)
		err = ff_sql_bind(store->db, store->path, stmt, 1, id);
	if (!err)
		err = ff_sql_step(store->db, store->path, stmt, &row);
	if (err)
		return err;
	if (!row || !id[0])
		return ff_error_create(FF_EABSENT, "no incident '%s'; 'firstfix incidents list' shows them", id);
	*ret = ff_take(&stmt);
	return NULL;
}

static struct ff_error *is_ambiguous(struct ff_store *store, const char *id, sqlite3_stmt *stmt)
{
	if (strcmp(id, "last") == 0 || strcmp((const char *)sqlite3_column_text(stmt, 0), id) == 0)
		return NULL;
	bool another = false;
	struct ff_error *err = ff_sql_step(store->db, store->path, stmt, &another);
	if (!err && another)
		err = ff_error_create(FF_EUSAGE, "'%s' begins more than one incident's id; give more of it", id);
	return err;
}

struct ff_error *ff_store_get(struct ff_store *store, const char *id, json_t **ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct ff_error *err = find(store, id, &stmt);
	if (err)
		return err;
	_cleanup_json_ json_t *doc = row_document(stmt, 4);
	_cleanup_json_ json_t *row = json_pack("{s:s, s:s, s:s, s:I}", "id", sqlite3_column_text(stmt, 0), "first_seen",
		sqlite3_column_text(stmt, 1), "last_seen", sqlite3_column_text(stmt, 2), "count",
		(json_int_t)sqlite3_column_int64(stmt, 3));
	if (!doc || !row)
		return ff_error_create(FF_EFORMAT, "%s: incident '%s' is damaged", store->path, id);
	err = is_ambiguous(store, id, stmt);
	if (!err && json_object_update(doc, row) < 0)
		err = &ff_enomem;
	if (!err)
		*ret = ff_take(&doc);
	return err;
}

// Puts a document in the place of the one that is stored.
static struct ff_error *replace(struct ff_store *store, const char *id, const struct ff_shareable *incident)
{
	_cleanup_free_ char *text = json_dumps(ff_shareable_document(incident), JSON_COMPACT);
	const char *const values[] = {text, id};
	return text ? ff_sql_run(store->db, store->path, "update incident set document = ?1 where id = ?2", values, 2)
		    : &ff_enomem;
}

struct ff_error *ff_store_replace(struct ff_store *store, const struct ff_shareable *incident)
{
	const char *id = ff_json_text(ff_shareable_document(incident), "id");
	return id ? replace(store, id, incident) : ff_error_create(FF_EUSAGE, "an incident that is stored has an id");
}

struct ff_error *ff_store_again(struct ff_store *store, const char *id, unsigned times)
{
	char now[FF_TIME_LEN], number[16];
	ff_clock_rfc3339(now);
	snprintf(number, sizeof(number), "%u", times);
	const char *const values[] = {number, now, id};
	return ff_sql_run(store->db, store->path,
		"update incident set count = count + cast(?1 as integer), last_seen = ?2 where id = ?3", values, 3);
}

struct ff_error *ff_store_once_begin(struct ff_store *store, const char *token, bool *ret_first)
{
	char now[FF_TIME_LEN];
	ff_clock_rfc3339(now);
	const char *const values[] = {token, now};
	// Whoever tells the same is at it now, or was killed: nobody asks a day later.
	struct ff_error *err = ff_sql_exec(store->db, store->path,
		"begin immediate; delete from told where at < strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 day');");
	if (!err)
		err = ff_sql_run(store->db, store->path, "insert or ignore into told values(?1, ?2)", values, 2);
	*ret_first = !err && sqlite3_changes(store->db) > 0;
	return err;
}

struct ff_error *ff_store_once_end(struct ff_store *store, struct ff_error *err)
{
	// A damaged database was set aside meanwhile: then there is nothing to end.
	if (sqlite3_get_autocommit(store->db))
		return err;
	struct ff_error *ended = ff_sql_exec(store->db, store->path, err ? "rollback" : "commit");
	if (!err)
		return ended;
	ff_error_destroy(ended);
	return err;
}

struct ff_error *ff_store_find(struct ff_store *store, const json_t *incident, json_t **ret)
{
	const char *fingerprint = ff_json_text(incident, "fingerprint"), *key = ff_json_text(incident, "command_key");
	_cleanup_free_ char *id = NULL;
	struct ff_error *err = stored_id(store, fingerprint ? fingerprint : "", key ? key : "", &id);
	if (err)
		return err;
	return id ? ff_store_get(store, id, ret)
		  : ff_error_create(FF_EABSENT, "%s: it does not hold this incident", store->path);
}

struct ff_error *ff_store_attempt(struct ff_store *store, const char *id, json_t *attempt)
{
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err = ff_store_get(store, id, &doc);
	if (err)
		return err;
	json_t *attempts = json_object_get(doc, "attempts");
	if (!json_is_array(attempts)) {
		attempts = json_array();
		if (json_object_set_new(doc, "attempts", attempts) < 0)
			return &ff_enomem;
	}
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	err = json_array_append(attempts, attempt) < 0 ? &ff_enomem : ff_share(doc, &masked);
	return err ? err : replace(store, ff_json_text(doc, "id"), masked);
}

struct ff_error *ff_store_put_good(struct ff_store *store, const char *command_key, const struct ff_shareable *facts)
{
	_cleanup_free_ char *text = json_dumps(ff_shareable_document(facts), JSON_COMPACT);
	char now[FF_TIME_LEN];
	ff_clock_rfc3339(now);
	const char *const values[] = {command_key, now, text};
	return text
		? ff_sql_run(store->db, store->path, "insert or replace into good_start values(?1, ?2, ?3)", values, 3)
		: &ff_enomem;
}

struct ff_error *ff_store_get_good(struct ff_store *store, const char *command_key, json_t **ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	bool row = false;
	struct ff_error *err = ff_sql_prepare(store->db, store->path,
		"select document from good_start where ?1 is null or command_key = ?1 order by at desc limit 1", &stmt);
	if (!err && command_key)
		err = ff_sql_bind(store->db, store->path, stmt, 1, command_key);
	if (!err)
		err = ff_sql_step(store->db, store->path, stmt, &row);
	if (err)
		return err;
	json_t *doc = row ? row_document(stmt, 0) : NULL;
	if (!doc)
		return ff_error_create(FF_EABSENT, "no good start of this command is on record");
	*ret = doc;
	return NULL;
}

struct ff_error *ff_store_prune(struct ff_store *store, int64_t max_count, int64_t max_bytes, int64_t *ret_deleted)
{
	// Newest first, a running total of bytes; what lies beyond either limit goes.
	static const char sql[] = "delete from incident where id in (select id from (select id,"
				  " row_number() over w as n, sum(length(document)) over w as total from incident"
				  " window w as (order by last_seen desc, id desc)) where n > ?1 or total > ?2)";
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct ff_error *err = ff_sql_prepare(store->db, store->path, sql, &stmt);
	if (!err &&
		(sqlite3_bind_int64(stmt, 1, max_count) != SQLITE_OK ||
			sqlite3_bind_int64(stmt, 2, max_bytes) != SQLITE_OK))
		err = ff_sql_error(store->db, store->path);
	bool row = false;
	if (!err)
		err = ff_sql_step(store->db, store->path, stmt, &row);
	if (!err)
		*ret_deleted = sqlite3_changes(store->db);
	return err;
}
