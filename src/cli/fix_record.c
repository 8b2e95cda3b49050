// Records of applied fixes, one file each, named by time so that the newest sorts last.
//
//	fixes/20261128T171502.123.json
//	next-start.env:  BNB_CUDA_VERSION=121
//	                 LD_PRELOAD            (a name alone: taken out of the worker's environment)
#include "cli/fix_record.h"

#include "base/io.h"
#include "base/statedir.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

enum { RECORD_MAX = 4 << 20, NEXT_START_MAX = 64 << 10 };

static struct ff_error *write_text(const char *path, const char *text, size_t n)
{
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	struct ff_error *err = ff_new_file_open(path, &file);
	if (!err)
		err = ff_write_all(file.fd, path, text, n);
	return err ? err : ff_new_file_commit(&file, 0600);
}

struct ff_error *ff_fix_record_write(const char *dir, const json_t *record, char **ret_path)
{
	_cleanup_free_ char *folder = NULL, *path = NULL, *text = json_dumps(record, JSON_INDENT(1));
	struct timespec now;
	struct tm tm;
	char when[32];
	struct ff_error *err = ff_statedir_make(dir, "fixes", &folder);
	if (err)
		return err;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &tm);
	if (!text || asprintf(&path, "%s/%s.%03ld.json", folder, when, now.tv_nsec / 1000000) < 0)
		return &ff_enomem;
	err = write_text(path, text, strlen(text));
	if (!err)
		*ret_path = ff_take(&path);
	return err;
}

// A record's name starts with its time; anything else in the folder is not ours.
static bool is_record(const char *name)
{
	return name[0] >= '0' && name[0] <= '9' && ff_ends(name, ".json") && !strchr(name, '/');
}

struct ff_error *ff_fix_record_last(const char *dir, char **ret_path, json_t **ret)
{
	_cleanup_free_ char *folder = NULL, *newest = NULL, *path = NULL;
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_error *err = ff_statedir_make(dir, "fixes", &folder);
	if (err)
		return err;
	_cleanup_closedir_ DIR *d = opendir(folder);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		if (!is_record(entry->d_name) || (newest && strcmp(entry->d_name, newest) < 0))
			continue;
		free(newest);
		newest = strdup(entry->d_name);
	}
	if (!newest)
		return ff_error_create(FF_EABSENT, "%s: no fix was applied from here", folder);
	if (asprintf(&path, "%s/%s", folder, newest) < 0)
		return &ff_enomem;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	err = fd < 0 ? ff_error_os(errno, "%s", path) : ff_read_all(fd, path, RECORD_MAX, &text);
	if (!err)
		err = ff_json_parse(path, text.p ? text.p : "", text.n, ret);
	if (!err)
		*ret_path = ff_take(&path);
	return err;
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
