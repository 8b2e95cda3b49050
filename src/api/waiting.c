// Incidents that the database did not take, because somebody held it or a disk was full: a file each in waiting/ of the
// state folder, stored by whoever opens the database next.
//
//	waiting/20261123031403123-5f1c2a77d1e0b394-4711.json	firstfix.incident/1, masked
//
// Whoever stores one holds a lock on it, so that of two that find it one counts it. A file that is none of ours, or no
// incident, is left alone or taken away.
#include "api/api.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/safedir.h"
#include "base/statedir.h"
#include "emit/redact.h"
#include "store/store.h"

#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { MOST_FILES = 64, MOST_BYTES = 8 << 20, MOST_ENTRIES = 10000, NAME_LEN = 96 };
static const char folder[] = "waiting";

static bool is_name(const char *name)
{
	return name[0] >= '0' && name[0] <= '9' && strlen(name) < NAME_LEN && ff_ends(name, ".json");
}

// How many wait, and the oldest of them: names begin with the time.
static size_t count(const char *path, char oldest[NAME_LEN])
{
	_cleanup_closedir_ DIR *d = opendir(path);
	const struct dirent *e;
	size_t n = 0;
	oldest[0] = '\0';
	for (int i = 0; d && i < MOST_ENTRIES && (e = readdir(d)); i++) {
		if (!is_name(e->d_name))
			continue;
		if (!n++ || strcmp(e->d_name, oldest) < 0)
			snprintf(oldest, NAME_LEN, "%s", e->d_name);
	}
	return n;
}

static struct ff_error *name_of(const json_t *doc, const char *path, char *ret, size_t n)
{
	const char *at = ff_json_text(doc, "at"), *fingerprint = ff_json_text(doc, "fingerprint");
	char digits[24] = "";
	size_t k = 0;
	for (const char *p = at ? at : ""; *p && k < sizeof(digits) - 1; p++) {
		if (*p >= '0' && *p <= '9')
			digits[k++] = *p;
	}
	int length = snprintf(
		ret, n, "%s/%s-%.16s-%d.json", path, k ? digits : "0", fingerprint ? fingerprint : "0", (int)getpid());
	return length < 0 || (size_t)length >= n ? ff_error_os(ENAMETOOLONG, "%s", path) : NULL;
}

static struct ff_error *put(const char *dir, const json_t *doc)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	_cleanup_shareable_ struct ff_shareable *masked = NULL;
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	char name[PATH_MAX], oldest[NAME_LEN], full[PATH_MAX];
	struct ff_error *err = ff_statedir_make(dir, folder, &path);
	if (!err)
		err = name_of(doc, path, name, sizeof(name));
	if (!err)
		err = ff_share(doc, &masked);
	if (err)
		return err;
	if (count(path, oldest) >= MOST_FILES && snprintf(full, sizeof(full), "%s/%s", path, oldest) > 0)
		unlink(full);
	text = json_dumps(ff_shareable_document(masked), JSON_COMPACT);
	if (!text)
		return &ff_enomem;
	err = ff_new_file_open(name, &file);
	if (!err)
		err = ff_write_all(file.fd, name, text, strlen(text));
	return err ? err : ff_new_file_commit(&file, 0600);
}

struct ff_error *ff_waiting_keep(const char *dir, json_t *doc, struct ff_error *why)
{
	char id[FF_STORE_ID];
	if (!why || json_object_get(doc, "id") || !ff_store_id(doc, id))
		return why;
	_cleanup_error_ struct ff_error *refused = put(dir, doc);
	json_object_set_new(doc, "id", json_string(id));
	json_object_set_new(doc, "unstored", json_string(refused ? "lost" : "waiting"));
	if (refused)
		return why;
	struct ff_error *said =
		ff_error_create(why->code, "%s; it is kept (%s/) and stored with the next one", why->message, folder);
	ff_error_destroy(why);
	return said;
}

bool ff_waiting_is_kept(const json_t *doc)
{
	const char *unstored = ff_json_text(doc, "unstored");
	return json_object_get(doc, "id") && (!unstored || strcmp(unstored, "waiting") == 0);
}

// One is stored, or will never be; false: not now.
static bool take(const char *path, struct ff_store *store)
{
	_cleanup_close_ int fd = -1;
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_json_ json_t *doc = NULL;
	struct stat st;
	_cleanup_error_ struct ff_error *err = ff_safe_file_open(path, &fd);
	if (err || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 || !st.st_nlink)
		return true;
	err = ff_read_all(fd, path, MOST_BYTES, &text);
	if (!err)
		err = ff_json_parse(path, text.p ? text.p : "", text.n, &doc);
	if (!err && ff_json_text(doc, "fingerprint")) {
		err = ff_incident_add_to(store, doc);
		if (err && err->code != FF_EUSAGE)
			return false;
	}
	unlink(path);
	return true;
}

void ff_waiting_take(const char *dir, struct ff_store *store)
{
	_cleanup_free_ char *state = NULL;
	char path[PATH_MAX], full[PATH_MAX];
	_cleanup_error_ struct ff_error *err = ff_statedir_path(dir, &state);
	if (err || snprintf(path, sizeof(path), "%s/%s", state, folder) >= (int)sizeof(path))
		return;
	_cleanup_closedir_ DIR *d = opendir(path);
	const struct dirent *e;
	for (int i = 0; d && i < MOST_ENTRIES && (e = readdir(d)); i++) {
		if (!is_name(e->d_name) || snprintf(full, sizeof(full), "%s/%s", path, e->d_name) >= (int)sizeof(full))
			continue;
		if (!take(full, store))
			return;
	}
}

bool ff_waiting_any(const char *dir)
{
	_cleanup_free_ char *state = NULL;
	char path[PATH_MAX], oldest[NAME_LEN];
	_cleanup_error_ struct ff_error *err = ff_statedir_path(dir, &state);
	return !err && snprintf(path, sizeof(path), "%s/%s", state, folder) < (int)sizeof(path) &&
		count(path, oldest) > 0;
}
