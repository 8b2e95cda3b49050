// One small file an input. A death is told by the incident step and by a parent that reaped its child, sometimes by
// both: the last deaths that were counted stand in the file. Whoever changes a file holds the lock of the folder; it
// appears whole by rename.
#include "store/quarantine.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/statedir.h"
#include "emit/redact.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>

enum { FILE_MAX_ = 8192, INPUTS_MAX = 1000, DEATHS_KEPT = 8 };

static bool is_hash(const char *name)
{
	return name && strlen(name) == FF_QUARANTINE_HASH && strspn(name, "0123456789abcdef") == FF_QUARANTINE_HASH;
}

static json_t *read_file(int folder, const char *name)
{
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	json_t *doc = NULL;
	if (fd < 0)
		return NULL;
	struct ff_error *err = ff_read_all(fd, name, FILE_MAX_, &text);
	if (!err)
		err = ff_json_parse(name, text.p ? text.p : "", text.n, &doc);
	ff_error_destroy(err);
	return doc;
}

static struct ff_error *open_folder(const char *dir, char **ret_path, int *ret)
{
	_cleanup_free_ char *path = NULL;
	struct ff_error *err = ff_statedir_make(dir, "quarantine", &path);
	if (err)
		return err;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	flock(fd, LOCK_EX); // held for as long as the descriptor
	*ret_path = ff_take(&path);
	*ret = fd;
	return NULL;
}

static struct ff_error *write_file(const char *folder, const char *name, const json_t *doc)
{
	char path[PATH_MAX];
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	_cleanup_free_ char *text = json_dumps(doc, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!text)
		return &ff_enomem;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	struct ff_error *err = ff_new_file_open(path, &file);
	if (!err)
		err = ff_write_all(file.fd, path, text, strlen(text));
	return err ? err : ff_new_file_commit(&file, 0600);
}

// What tells this death from any other.
static json_t *death_of(const json_t *phase)
{
	return json_pack("[O*, O*, O*]", json_object_get(phase, "process.pid"),
		json_object_get(phase, "firstfix.phase.id"), json_object_get(phase, "timestamp"));
}

static bool was_counted(const json_t *doc, const json_t *death)
{
	size_t i;
	json_t *known;
	json_array_foreach (json_object_get(doc, "deaths"), i, known)
		if (json_equal(known, death))
			return true;
	return false;
}

static void put_masked(json_t *doc, const char *key, const json_t *value)
{
	const char *text = json_string_value(value);
	_cleanup_buf_ struct ff_buf out = {0};
	if (text && !ff_share_text(ff_span_of(text), key, NULL, &out))
		json_object_set_new(doc, key, ff_json_string(out.p, out.n));
}

static struct ff_error *note(const char *folder, int fd, const char *name, const json_t *phase, const json_t *how)
{
	_cleanup_json_ json_t *doc = read_file(fd, name), *death = death_of(phase);
	char now[FF_TIME_LEN];
	ff_clock_rfc3339(now);
	if (!json_is_object(doc)) {
		json_decref(doc);
		doc = json_pack("{s:i, s:s, s:[]}", "kills", 0, "first", now, "deaths");
	}
	if (!doc || !death)
		return &ff_enomem;
	if (was_counted(doc, death))
		return NULL;
	json_t *deaths = json_object_get(doc, "deaths");
	if (json_array_size(deaths) >= DEATHS_KEPT)
		json_array_remove(deaths, 0);
	json_array_append(deaths, death);
	json_object_set_new(doc, "kills", json_integer(json_integer_value(json_object_get(doc, "kills")) + 1));
	json_object_set_new(doc, "last", json_string(now));
	put_masked(doc, "how", how);
	put_masked(doc, "request", json_object_get(phase, "firstfix.request.id"));
	return write_file(folder, name, doc);
}

// A stop that was asked for, or a machine that went down, is nobody's fault.
static bool is_kill(const json_t *incident)
{
	static const char *const kills[] = {"signal", "exit", "hang", "oom-kill"};
	const char *how = ff_json_text(incident, "how");
	for (size_t i = 0; how && i < sizeof(kills) / sizeof(kills[0]); i++)
		if (strcmp(how, kills[i]) == 0)
			return true;
	return false;
}

struct ff_error *ff_quarantine_note(const char *dir, const json_t *incident)
{
	const json_t *open = json_object_get(incident, "working_on"), *exit_name = ff_json_at(incident, "exit.name");
	_cleanup_free_ char *folder = NULL;
	_cleanup_close_ int fd = -1;
	struct ff_error *err = NULL;
	size_t i;
	json_t *phase;
	json_array_foreach (open, i, phase) {
		const char *name = json_string_value(json_object_get(phase, "firstfix.request.input"));
		if (err || !is_hash(name) || !is_kill(incident))
			continue;
		if (fd < 0)
			err = open_folder(dir, &folder, &fd);
		if (!err)
			err = note(folder, fd, name, phase, exit_name ? exit_name : json_object_get(incident, "how"));
	}
	return err;
}

static bool is_old(const json_t *doc)
{
	char limit[FF_TIME_LEN];
	const char *last = ff_json_text(doc, "last");
	ff_clock_format(ff_clock_epoch_ns() - FF_QUARANTINE_DAYS * UINT64_C(86400000000000), limit);
	return !last || strcmp(last, limit) < 0;
}

static void add_sorted(json_t *list, json_t *row)
{
	json_int_t kills = json_integer_value(json_object_get(row, "kills"));
	size_t at = 0;
	while (at < json_array_size(list) &&
		json_integer_value(json_object_get(json_array_get(list, at), "kills")) >= kills)
		at++;
	json_array_insert_new(list, at, row);
}

struct ff_error *ff_quarantine_list(const char *dir, json_t **ret)
{
	_cleanup_free_ char *state = NULL, *folder = NULL;
	_cleanup_json_ json_t *list = json_array();
	struct ff_error *err = ff_statedir_path(dir, &state);
	if (err)
		return err;
	if (!list || asprintf(&folder, "%s/quarantine", state) < 0)
		return &ff_enomem;
	_cleanup_closedir_ DIR *d = opendir(folder);
	for (const struct dirent *e; d && json_array_size(list) < INPUTS_MAX && (e = readdir(d));) {
		_cleanup_json_ json_t *doc = is_hash(e->d_name) ? read_file(dirfd(d), e->d_name) : NULL;
		if (!json_is_object(doc) || is_old(doc))
			continue;
		json_object_del(doc, "deaths");
		json_object_set_new(doc, "input", json_string(e->d_name));
		add_sorted(list, json_incref(doc));
	}
	*ret = ff_take(&list);
	return NULL;
}

struct ff_error *ff_quarantine_release(const char *dir, const char *input, unsigned *ret)
{
	_cleanup_free_ char *folder = NULL;
	_cleanup_close_ int fd = -1;
	unsigned n = 0;
	if (input && !is_hash(input))
		return ff_error_create(FF_EUSAGE, "'%.40s' is no input: 'firstfix quarantine' lists them", input);
	struct ff_error *err = open_folder(dir, &folder, &fd);
	if (err || !folder)
		return err;
	_cleanup_closedir_ DIR *d = opendir(folder);
	for (const struct dirent *e; d && (e = readdir(d));)
		if (is_hash(e->d_name) && (!input || strcmp(input, e->d_name) == 0))
			n += unlinkat(fd, e->d_name, 0) == 0;
	*ret = n;
	return NULL;
}
