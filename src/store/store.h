// The state folder's database: incidents, counted by fingerprint, and the last good start of each command.
//
// firstfix.db is SQLite in WAL mode, so that a reader never waits for a writer and a SIGKILL in the middle of a write
// costs only that write. Documents go in as `struct ff_shareable` only: nothing unmasked can be stored.
#pragma once

#include "base/json.h"
#include "emit/redact.h"

struct ff_store;

/** Open (and make) DIR/firstfix.db. Waits at most two seconds for somebody else's lock. A database of a newer firstfix
    is refused by name. One that is damaged, or no database at all, is set aside (never overwritten) and made anew,
    which ff_store_notice() then says; ff_store_add() does so too. `read_only` opens without making anything. */
struct ff_error *ff_store_open(const char *dir, bool read_only, struct ff_store **ret);

/** What became of a damaged database, NULL: it was none. */
const char *ff_store_notice(const struct ff_store *store);

void ff_store_close(struct ff_store *store);

static inline void ff_cleanup_store(struct ff_store **store)
{
	ff_store_close(*store);
}

#define _cleanup_store_ __attribute__((__cleanup__(ff_cleanup_store)))

/** Store a firstfix.incident/1 document. One with the same `fingerprint` and `command_key` as an earlier one is counted
    there: the document is replaced, `count` goes up, first_seen stays. *ret_id is the incident's id (caller frees). The
    document must carry `fingerprint`, `command_key` and `at` (RFC 3339). */
struct ff_error *ff_store_add(struct ff_store *store, const struct ff_shareable *incident, char **ret_id);

/** The id that an incident gets which is stored as the first of its kind; false where it has none. */
enum { FF_STORE_ID = 64 };
bool ff_store_id(const json_t *incident, char ret[FF_STORE_ID]);

/** The document of an incident that is stored (its `id` says which) anew; it is not counted. */
struct ff_error *ff_store_replace(struct ff_store *store, const struct ff_shareable *incident);

/** An incident that is stored came `times` times more. */
struct ff_error *ff_store_again(struct ff_store *store, const char *id, unsigned times);

/** What a process tells is told for it when it dies at that time; both give it the same token. Between begin and end,
    which takes what came of it, something is stored when *ret_first is true, and nothing otherwise. */
struct ff_error *ff_store_once_begin(struct ff_store *store, const char *token, bool *ret_first);
struct ff_error *ff_store_once_end(struct ff_store *store, struct ff_error *err);

/** The stored incident with the fingerprint and command of this one; FF_EABSENT where there is none. */
struct ff_error *ff_store_find(struct ff_store *store, const json_t *incident, json_t **ret);

/** Newest first: [{"id", "first_seen", "last_seen", "count", "cause", "title", "command", "bytes"}]. */
struct ff_error *ff_store_list(struct ff_store *store, json_t **ret);

/** The newest `most` of that list, and how many there are in all. */
struct ff_error *ff_store_newest(struct ff_store *store, unsigned most, json_t **ret, uint64_t *ret_total);

/** Those seen since a moment (RFC 3339), oldest first, at most 256: [{"id", "last_seen", "count"}]. Cheap. */
struct ff_error *ff_store_since(struct ff_store *store, const char *since, json_t **ret);

/** One incident whole, with id, count, first_seen and last_seen put in. `id` may be a unique prefix, or "last". */
struct ff_error *ff_store_get(struct ff_store *store, const char *id, json_t **ret);

/** Append to `attempts` of an incident: [{"at", "action", "set", "result"}]. */
struct ff_error *ff_store_attempt(struct ff_store *store, const char *id, json_t *attempt);

/** Remember these facts as the last good start of a command, or read them back (FF_EABSENT when there was none; a NULL
    key reads the newest of any command). */
struct ff_error *ff_store_put_good(struct ff_store *store, const char *command_key, const struct ff_shareable *facts);
struct ff_error *ff_store_get_good(struct ff_store *store, const char *command_key, json_t **ret);

/** Delete the oldest until at most `max_count` incidents of together `max_bytes` are left; *ret_deleted says how many
    went. */
struct ff_error *ff_store_prune(struct ff_store *store, int64_t max_count, int64_t max_bytes, int64_t *ret_deleted);

/** What makes two failures the same: the cause, else the exception with its message without numbers and addresses, and
    the functions of its innermost frames without line numbers; for a death without exception, the signal or exit code
    and the command. 16 hexadecimal digits, heap. */
struct ff_error *ff_incident_fingerprint(const json_t *incident, char **ret);
