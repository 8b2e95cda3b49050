// store: counting, lookup, pruning, bundles, and databases that are not ours.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/bundle.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/ff-store-XXXXXX");
	return mkdtemp(dir) ? 0 : 1;
}

static int remove_dir(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct ff_store *opened(void)
{
	struct ff_store *store = NULL;
	assert_null(ff_store_open(dir, false, &store));
	return store;
}

static struct ff_shareable *incident(const char *fingerprint, const char *at, const char *filler)
{
	_cleanup_json_ json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s}, s:{s:[{s:s}]}, s:{s:s}}",
		"schema", "firstfix.incident/1", "fingerprint", fingerprint, "command_key", "python handler.py", "at",
		at, "title", "WORKER FAILED", "filler", filler, "exception", "message", filler, "diagnosis",
		"diagnoses", "cause", "oom.activation", "tail", "stderr", "last words\n");
	struct ff_shareable *s = NULL;
	assert_null(ff_share(doc, &s));
	return s;
}

static void add(struct ff_store *store, const char *fingerprint, const char *at, const char *filler, char **ret_id)
{
	_cleanup_shareable_ struct ff_shareable *s = incident(fingerprint, at, filler);
	char *id = NULL;
	assert_null(ff_store_add(store, s, &id));
	if (ret_id)
		*ret_id = id;
	else
		free(id);
}

static void the_same_failure_is_counted(void **state)
{
	(void)state;
	_cleanup_store_ struct ff_store *store = opened();
	_cleanup_free_ char *first = NULL, *again = NULL;
	add(store, "00112233445566aa", "2026-11-23T01:02:03.000Z", "a", &first);
	add(store, "00112233445566aa", "2026-11-24T01:02:03.000Z", "b", &again);
	assert_memory_equal(first, "20261123-010203-", 16);
	assert_string_equal(again, first);
	_cleanup_json_ json_t *doc = NULL;
	assert_null(ff_store_get(store, "last", &doc));
	assert_int_equal(json_integer_value(json_object_get(doc, "count")), 2);
	assert_string_equal(ff_json_text(doc, "first_seen"), "2026-11-23T01:02:03.000Z");
	assert_string_equal(ff_json_text(doc, "last_seen"), "2026-11-24T01:02:03.000Z");
	assert_string_equal(ff_json_text(doc, "filler"), "b");
}

static void a_prefix_must_be_unique(void **state)
{
	(void)state;
	_cleanup_store_ struct ff_store *store = opened();
	add(store, "aaaaaaaaaaaaaaaa", "2026-12-01T00:00:00.000Z", "", NULL);
	add(store, "bbbbbbbbbbbbbbbb", "2026-12-01T00:00:00.000Z", "", NULL);
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err = ff_store_get(store, "20261201", &doc);
	assert_int_equal(err->code, FF_EUSAGE);
	ff_error_destroy(err);
	err = ff_store_get(store, "20261201-000000", &doc); // two of the same second
	assert_int_equal(err->code, FF_EUSAGE);
	ff_error_destroy(err);
	err = ff_store_get(store, "1999", &doc);
	assert_int_equal(err->code, FF_EABSENT);
	ff_error_destroy(err);
	err = ff_store_get(store, "", &doc);
	assert_int_equal(err->code, FF_EABSENT);
	ff_error_destroy(err);
}

static void the_oldest_go_first(void **state)
{
	(void)state;
	_cleanup_store_ struct ff_store *store = opened();
	int64_t deleted = 0;
	assert_null(ff_store_prune(store, 0, 0, &deleted));
	char at[32];
	for (int i = 0; i < 5; i++) {
		char fingerprint[17];
		snprintf(fingerprint, sizeof(fingerprint), "%016d", i);
		snprintf(at, sizeof(at), "2027-01-0%dT00:00:00.000Z", i + 1);
		add(store, fingerprint, at, i == 0 ? "x" : "y", NULL);
	}
	assert_null(ff_store_prune(store, 3, 1 << 20, &deleted));
	assert_int_equal(deleted, 2);
	_cleanup_json_ json_t *list = NULL;
	assert_null(ff_store_list(store, &list));
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(ff_json_text(list, "0.last_seen"), "2027-01-05T00:00:00.000Z");
	assert_null(ff_store_prune(store, 100, 10, &deleted)); // bytes: none is that small
	assert_int_equal(deleted, 3);
}

// The list tells the same whether SQLite takes the documents apart or cannot: one of them is no JSON.
static void a_list_tells_what_the_documents_say(void **state)
{
	(void)state;
	_cleanup_store_ struct ff_store *store = opened();
	_cleanup_free_ char *id = NULL, *damaged = NULL;
	_cleanup_json_ json_t *list = NULL, *whole = NULL;
	add(store, "dddddddddddddddd", "2027-03-02T00:00:00.000Z", "a \"b\" \\ \xc3\xa9", &id);
	add(store, "eeeeeeeeeeeeeeee", "2027-03-01T00:00:00.000Z", "", &damaged);
	sqlite3 *db = NULL;
	_cleanup_free_ char *path = NULL;
	assert_true(asprintf(&path, "%s/firstfix.db", dir) > 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "update incident set document = substr(document, 2) where fingerprint like 'e%'", NULL,
			NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	assert_null(ff_store_list(store, &list));
	assert_null(ff_store_get(store, id, &whole));
	json_t *row = json_array_get(list, 0);
	assert_string_equal(ff_json_text(row, "id"), id);
	assert_string_equal(ff_json_text(row, "title"), "WORKER FAILED");
	assert_string_equal(ff_json_text(row, "cause"), "oom.activation");
	assert_true(json_equal(json_object_get(row, "error"), json_object_get(whole, "exception")));
	assert_null(json_object_get(row, "how"));
	assert_string_equal(ff_json_text(list, "1.id"), damaged);
	assert_null(ff_json_at(list, "1.title"));
}

static void attempts_and_good_starts_stay(void **state)
{
	(void)state;
	_cleanup_store_ struct ff_store *store = opened();
	_cleanup_free_ char *id = NULL;
	add(store, "cccccccccccccccc", "2027-02-01T00:00:00.000Z", "", &id);
	_cleanup_json_ json_t *attempt = json_pack("{s:s, s:s}", "action", "restart", "result", "passed");
	assert_null(ff_store_attempt(store, id, attempt));
	assert_null(ff_store_attempt(store, id, attempt));
	_cleanup_json_ json_t *doc = NULL, *good = NULL;
	assert_null(ff_store_get(store, id, &doc));
	assert_int_equal(json_array_size(json_object_get(doc, "attempts")), 2);
	struct ff_error *err = ff_store_get_good(store, "cmd", &good);
	assert_int_equal(err->code, FF_EABSENT);
	ff_error_destroy(err);
	_cleanup_json_ json_t *facts =
		json_pack("{s:s, s:{s:s}}", "schema", "firstfix.facts/1", "env", "HF_TOKEN", "hf_not_shown");
	_cleanup_shareable_ struct ff_shareable *s = NULL;
	assert_null(ff_share(facts, &s));
	assert_null(ff_store_put_good(store, "cmd", s));
	assert_null(ff_store_get_good(store, "cmd", &good));
	assert_true(json_is_true(ff_json_at(good, "env.HF_TOKEN.masked")));
}

static void a_bundle_is_read_elsewhere(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof(path), "%s/x.tar.zst", dir);
	_cleanup_shareable_ struct ff_shareable *s = incident("dddddddddddddddd", "2027-03-01T00:00:00.000Z", "z");
	assert_null(ff_bundle_write(path, s, "# incident\n"));
	assert_true(ff_bundle_is(path));
	_cleanup_json_ json_t *doc = NULL;
	assert_null(ff_bundle_read(path, &doc));
	assert_string_equal(ff_json_text(doc, "tail.stderr"), "last words\n");
	assert_int_equal(truncate(path, 40), 0);
	json_t *none = NULL;
	struct ff_error *err = ff_bundle_read(path, &none);
	assert_non_null(err);
	assert_null(none);
	ff_error_destroy(err);
}

static void a_damaged_database_is_set_aside(void **state)
{
	(void)state;
	char path[128], command[512];
	snprintf(path, sizeof(path), "%s/firstfix.db", dir);
	struct ff_store *store = NULL;
	snprintf(command, sizeof(command), "rm -f %s*; echo 'this is no database, it is a long enough note' > %s", path,
		path);
	assert_int_equal(system(command), 0);
	assert_null(ff_store_open(dir, false, &store));
	assert_non_null(strstr(ff_store_notice(store), "is set aside as"));
	ff_store_close(store);
	assert_null(ff_store_open(dir, false, &store));
	assert_null(ff_store_notice(store));
	ff_store_close(store);
	snprintf(command, sizeof(command), "grep -q 'this is no database' %s.damaged-*", path);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "rm -f %s*", path);
	assert_int_equal(system(command), 0);
	struct ff_error *err = ff_store_open(dir, true, &store);
	assert_int_equal(err->code, FF_EABSENT);
	ff_error_destroy(err);
}

// The first failures of a machine come together: of 16 processes that make the database at one instant all store.
static void nobody_loses_the_race_to_make_it(void **state)
{
	(void)state;
	enum { MAKERS = 16, ROUNDS = 32 };
	for (int round = 0; round < ROUNDS; round++) {
		int gate[2], lost = 0;
		assert_int_equal(pipe(gate), 0);
		for (int i = 0; i < MAKERS; i++) {
			if (fork() == 0) {
				struct ff_store *store = NULL;
				char byte;
				close(gate[1]);
				(void)!read(gate[0], &byte, 1);
				_exit(ff_store_open(dir, false, &store) ? 1 : 0);
			}
		}
		close(gate[0]);
		close(gate[1]); // all at once
		for (int status = 0; wait(&status) > 0;)
			lost += status != 0;
		assert_int_equal(lost, 0);
		assert_int_equal(remove_dir(NULL), 0);
		assert_int_equal(make_dir(NULL), 0);
	}
}

static void fingerprints_forget_numbers_and_lines(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"{\"exception\":{\"type\":\"E\",\"message\":\"at 0x7f3a of 20.00 "
		"MiB\",\"frames\":[{\"file\":\"/a/m.py\",\"line\":3,\"func\":\"f\"}]}}",
		"{\"exception\":{\"type\":\"E\",\"message\":\"at 0x9bbb of 7.5 "
		"MiB\",\"frames\":[{\"file\":\"/b/m.py\",\"line\":9,\"func\":\"f\"}]}}",
		"{\"exception\":{\"type\":\"E\",\"message\":\"at 0x9bbb of 7.5 "
		"MiB\",\"frames\":[{\"file\":\"/b/m.py\",\"line\":9,\"func\":\"g\"}]}}",
		"{\"how\":\"signal\",\"exit\":{\"signal\":11}}",
		"{\"how\":\"signal\",\"exit\":{\"signal\":9}}",
	};
	char *prints[5];
	for (int i = 0; i < 5; i++) {
		_cleanup_json_ json_t *doc = json_loads(texts[i], 0, NULL);
		assert_non_null(doc);
		assert_null(ff_incident_fingerprint(doc, &prints[i]));
	}
	assert_string_equal(prints[0], prints[1]);
	assert_string_not_equal(prints[1], prints[2]);
	assert_string_not_equal(prints[3], prints[4]);
	for (int i = 0; i < 5; i++)
		free(prints[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_failure_is_counted),
		cmocka_unit_test(a_prefix_must_be_unique),
		cmocka_unit_test(the_oldest_go_first),
		cmocka_unit_test(a_list_tells_what_the_documents_say),
		cmocka_unit_test(attempts_and_good_starts_stay),
		cmocka_unit_test(a_bundle_is_read_elsewhere),
		cmocka_unit_test(a_damaged_database_is_set_aside),
		cmocka_unit_test(nobody_loses_the_race_to_make_it),
		cmocka_unit_test(fingerprints_forget_numbers_and_lines),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
