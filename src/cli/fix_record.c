// Records of applied fixes, one file each, named by time so that the newest sorts last.
//
//	fixes/20261128T171502.123.json
//	next-start.env:  BNB_CUDA_VERSION=121
//	                 LD_PRELOAD            (a name alone: taken out of the worker's environment)
#include "cli/fix_record.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/statedir.h"
#include "cli/fix_keep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum { RECORD_MAX = 16 << 20, NEXT_START_MAX = 64 << 10, RECORDS_KEPT = 4 };

static struct ff_error *write_text(const char *path, const char *text, size_t n)
{
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	struct ff_error *err = ff_new_file_open(path, &file);
	if (!err)
		err = ff_write_all(file.fd, path, text, n);
	return err ? err : ff_new_file_commit(&file, 0600);
}

struct ff_error *ff_fix_record_lock(const char *dir, int *ret_fd)
{
	_cleanup_free_ char *folder = NULL, *path = NULL;
	struct ff_error *err = ff_statedir_make(dir, "fixes", &folder);
	if (err)
		return err;
	if (asprintf(&path, "%s/lock", folder) < 0)
		return &ff_enomem;
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return ff_error_create(FF_ETIMEOUT, "another 'firstfix fix' is changing something now (%s)", path);
	*ret_fd = ff_take_fd(&fd);
	return NULL;
}

void ff_fix_stamp(char ret[FF_FIX_STAMP_MAX])
{
	struct tm tm;
	uint64_t now_ms = ff_clock_epoch_ns() / 1000000;
	time_t seconds = (time_t)(now_ms / 1000);
	gmtime_r(&seconds, &tm);
	size_t n = strftime(ret, FF_FIX_STAMP_MAX, "%Y%m%dT%H%M%S", &tm);
	snprintf(ret + n, FF_FIX_STAMP_MAX - n, ".%03u", (unsigned)(now_ms % 1000));
}

static struct ff_error *record_path(const char *dir, const char *stamp, char **ret)
{
	_cleanup_free_ char *folder = NULL;
	struct ff_error *err = ff_statedir_make(dir, "fixes", &folder);
	return err ? err : asprintf(ret, "%s/%s.json", folder, stamp) < 0 ? &ff_enomem : NULL;
}

struct ff_error *ff_fix_record_write(const char *dir, const char *stamp, const json_t *record)
{
	_cleanup_free_ char *path = NULL, *text = json_dumps(record, JSON_INDENT(1));
	struct ff_error *err = text ? record_path(dir, stamp, &path) : &ff_enomem;
	return err ? err : write_text(path, text, strlen(text));
}

struct ff_error *ff_fix_record_remove(const char *dir, const char *stamp)
{
	_cleanup_free_ char *path = NULL;
	struct ff_error *err = record_path(dir, stamp, &path);
	return err ? err : unlink(path) < 0 ? ff_error_os(errno, "%s", path) : NULL;
}

// A record's name starts with its time; anything else in the folder is not ours.
static bool is_record(const char *name)
{
	return name[0] >= '0' && name[0] <= '9' && ff_ends(name, ".json") && !strchr(name, '/');
}

static int is_record_entry(const struct dirent *entry)
{
	return is_record(entry->d_name);
}

static struct ff_error *read_record(const char *folder, const char *name, char **ret_path, json_t **ret)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_buf_ struct ff_buf text = {0};
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return &ff_enomem;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct ff_error *err = fd < 0 ? ff_error_os(errno, "%s", path) : ff_read_all(fd, path, RECORD_MAX, &text);
	if (!err)
		err = ff_json_parse(path, text.p ? text.p : "", text.n, ret);
	if (!err)
		*ret_path = ff_take(&path);
	return err;
}

struct ff_error *ff_fix_record_last(const char *dir, char **ret_path, json_t **ret)
{
	_cleanup_free_ char *state = NULL, *folder = NULL, *path = NULL;
	struct dirent **entries = NULL;
	struct ff_error *err = ff_statedir_path(dir, &state);
	if (!err && asprintf(&path, "%s/fixes", state) < 0)
		return &ff_enomem;
	if (!err && access(path, F_OK) < 0) // who only asks makes no folder
		err = ff_error_create(FF_EABSENT, "%s: no fix was applied from here", path);
	if (!err)
		err = ff_statedir_make(dir, "fixes", &folder);
	if (err)
		return err;
	int n = scandir(folder, &entries, is_record_entry, alphasort);
	err = n > 0 ? read_record(folder, entries[n - 1]->d_name, ret_path, ret)
		    : ff_error_create(FF_EABSENT, "%s: no fix was applied from here", folder);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return err;
}

bool ff_fix_record_is_cut(const json_t *record)
{
	const char *state = ff_json_text(record, "state");
	return state && strcmp(state, "applying") == 0;
}

void ff_fix_record_prune(const char *dir)
{
	_cleanup_free_ char *folder = NULL;
	struct dirent **entries = NULL;
	_cleanup_error_ struct ff_error *unknown = ff_statedir_make(dir, "fixes", &folder);
	int n = unknown ? 0 : scandir(folder, &entries, is_record_entry, alphasort);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL;
		_cleanup_json_ json_t *record = NULL;
		_cleanup_error_ struct ff_error *unread = i + RECORDS_KEPT < n
			? read_record(folder, entries[i]->d_name, &path, &record)
			: ff_error_create(FF_EABSENT, "new enough");
		if (!unread && path) {
			ff_fix_keep_drop(json_object_get(record, "kept"));
			unlink(path);
		}
		free(entries[i]);
	}
	free(entries);
}

// ---- variables of the next start ----

static struct ff_error *read_lines(const char *path, json_t *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_buf_ struct ff_buf text = {0};
	if (fd < 0)
		return errno == ENOENT ? NULL : ff_error_os(errno, "%s", path);
	struct ff_error *err = ff_read_all(fd, path, NEXT_START_MAX, &text);
	struct ff_span rest = {text.p, text.n}, line;
	while (!err && rest.n && ff_span_next(&rest, '\n', &line)) {
		const char *eq = line.n ? memchr(line.p, '=', line.n) : NULL;
		struct ff_span name = {line.p, eq ? (size_t)(eq - line.p) : line.n};
		_cleanup_free_ char *key = name.n ? ff_span_dup(name) : NULL;
		if (key)
			json_object_set_new(ret, key, eq ? json_stringn(eq + 1, line.n - name.n - 1) : json_null());
	}
	return err;
}

struct ff_error *ff_next_start_read(const char *dir, const json_t *names, json_t **ret)
{
	_cleanup_free_ char *folder = NULL, *path = NULL;
	_cleanup_json_ json_t *lines = json_object(), *found = json_object();
	const char *name;
	json_t *value;
	struct ff_error *err = ff_statedir_make(dir, NULL, &folder);
	if (!err && (!lines || !found || asprintf(&path, "%s/next-start.env", folder) < 0))
		err = &ff_enomem;
	if (!err)
		err = read_lines(path, lines);
	json_object_foreach (lines, name, value) {
		if (!err && json_object_get(names, name) && json_object_set(found, name, value) < 0)
			err = &ff_enomem;
	}
	if (!err)
		*ret = ff_take(&found);
	return err;
}

struct ff_error *ff_next_start_change(const char *dir, const json_t *set, const json_t *unset)
{
	_cleanup_free_ char *folder = NULL, *path = NULL;
	_cleanup_json_ json_t *lines = json_object();
	_cleanup_buf_ struct ff_buf text = {0};
	const char *name;
	json_t *value;
	struct ff_error *err = ff_statedir_make(dir, NULL, &folder);
	if (!err && (!lines || asprintf(&path, "%s/next-start.env", folder) < 0))
		err = &ff_enomem;
	if (!err)
		err = read_lines(path, lines);
	if (err)
		return err;
	json_object_update(lines, (json_t *)set);
	json_object_foreach ((json_t *)unset, name, value)
		json_object_del(lines, name);
	json_object_foreach (lines, name, value)
		ff_buf_printf(&text, json_is_string(value) ? "%s=%s\n" : "%s\n", name, json_string_value(value));
	if (text.failed)
		return &ff_enomem;
	if (!text.n)
		return unlink(path) < 0 && errno != ENOENT ? ff_error_os(errno, "%s", path) : NULL;
	return write_text(path, text.p, text.n);
}
