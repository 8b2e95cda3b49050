// Puts the kept files of packages back. It may be called again after it was cut off: the kept is linked, not moved.
//
//	there now    tokenizers-0.20.3.dist-info/RECORD and the files in it         removed, with what Python compiled of them
//	kept         .firstfix-undo-STAMP/0/RECORD, 0, 1, 2...                      linked to where RECORD says
//
// How it lies: an installer that was killed leaves files that no RECORD names, and folders like "~okenizers".
#include "cli/fix_keep.h"

#include "base/io.h"
#include "cli/fix_dist.h"
#include "parse/requirement.h"
#include "parse/wheel.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 64 };

static char *joined(const char *folder, const char *name)
{
	char *path = NULL;
	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

// ---- removing what is there now ----

// "a/__pycache__/b.cpython-311.pyc" of "a/b.py".
static void remove_compiled(char *path)
{
	char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
	if (!slash || !dot || dot < slash || strcmp(dot, ".py") != 0)
		return;
	_cleanup_free_ char *folder = NULL;
	if (asprintf(&folder, "%.*s/__pycache__", (int)(slash - path), path) < 0)
		return;
	_cleanup_closedir_ DIR *dir = opendir(folder);
	size_t n = (size_t)(dot - slash); // of "b."
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		if (strncmp(e->d_name, slash + 1, n) == 0 && ff_ends(e->d_name, ".pyc"))
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	rmdir(folder);
}

// The file, and the folders that are empty then. `site` itself stays.
static struct ff_error *remove_file(const char *site, char *path)
{
	if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR && errno != EISDIR)
		return ff_error_os(errno, "%s", path);
	remove_compiled(path);
	for (char *slash = strrchr(path, '/'); slash && slash > path; slash = strrchr(path, '/')) {
		*slash = 0;
		if (strcmp(path, site) == 0 || rmdir(path) < 0)
			break;
	}
	return NULL;
}

static struct ff_error *remove_package(const char *site, const char *info)
{
	_cleanup_buf_ struct ff_buf record = {0};
	_cleanup_free_ char *folder = joined(site, info);
	_cleanup_error_ struct ff_error *absent = ff_dist_record(site, info, &record);
	struct ff_span rest = {record.p, absent ? 0 : record.n}, name;
	struct ff_error *err = folder ? NULL : &ff_enomem;
	int64_t size;
	while (!err && rest.n && ff_record_next(&rest, &name, &size)) {
		_cleanup_free_ char *path = ff_dist_path(site, name);
		if (path)
			err = remove_file(site, path);
	}
	return err || access(folder, F_OK) < 0 ? err : ff_dist_remove(folder);
}

static const json_t *entry_of(const json_t *kept, const char *site, const char *info)
{
	size_t i;
	json_t *entry;
	json_array_foreach (json_object_get(kept, "packages"), i, entry) {
		const char *at = ff_json_text(entry, "site"), *name = ff_json_text(entry, "info");
		if (at && name && strcmp(at, site) == 0 && strcmp(name, info) == 0)
			return entry;
	}
	return NULL;
}

static struct ff_error *remove_from(const json_t *kept, const json_t *changes, const char *site)
{
	_cleanup_json_ json_t *names = ff_dist_list(site);
	struct ff_error *err = NULL;
	size_t i;
	json_t *info;
	json_array_foreach (names, i, info) {
		const char *text = json_string_value(info);
		const json_t *was = entry_of(kept, site, text);
		bool only_seen = was && !ff_json_text(was, "folder");
		if (!err && ff_dist_of(changes, text) && !only_seen)
			err = remove_package(site, text);
	}
	return err;
}

// ---- what a killed installer left ----

static void note(json_t *names, struct ff_span name)
{
	_cleanup_free_ char *key = name.n ? ff_span_dup(name) : NULL;
	if (key)
		json_object_set_new(names, key, json_null());
}

// "tokenizers" of "tokenizers/__init__.py"; nothing of "six.py".
static struct ff_span first_part(struct ff_span name)
{
	const char *slash = memchr(name.p, '/', name.n);
	return (struct ff_span){name.p, slash ? (size_t)(slash - name.p) : 0};
}

// The files that RECORDs in a folder name, and the first part of each: {"torch/__init__.py": null, "torch": null}.
static json_t *owned(const char *site)
{
	json_t *files = json_object(), *info;
	_cleanup_json_ json_t *names = ff_dist_list(site);
	size_t i;
	json_array_foreach (names, i, info) {
		_cleanup_buf_ struct ff_buf record = {0};
		const char *text = json_string_value(info);
		if (!ff_ends(text, ".dist-info") || text[0] == '~') // '~': what pip had put aside
			continue;
		_cleanup_error_ struct ff_error *absent = ff_dist_record(site, text, &record);
		struct ff_span rest = {record.p, absent ? 0 : record.n}, name;
		int64_t size;
		while (rest.n && ff_record_next(&rest, &name, &size)) {
			note(files, name);
			note(files, first_part(name));
		}
	}
	return files;
}

// Files below site/name that are nobody's.
static struct ff_error *sweep(const char *site, const char *name, const json_t *others, unsigned depth)
{
	_cleanup_free_ char *path = joined(site, name);
	struct stat st;
	struct ff_error *err = path ? NULL : &ff_enomem;
	if (err || lstat(path, &st) < 0 || depth > DEPTH_MAX)
		return err;
	if (!S_ISDIR(st.st_mode))
		return json_object_get(others, name) ? NULL : remove_file(site, path);
	_cleanup_json_ json_t *names = ff_dist_list(path);
	json_t *one;
	size_t i;
	json_array_foreach (names, i, one) {
		_cleanup_free_ char *below = joined(name, json_string_value(one));
		if (!err)
			err = below ? sweep(site, below, others, depth + 1) : &ff_enomem;
	}
	rmdir(path);
	return err;
}

static bool has(const json_t *list, const char *name)
{
	size_t i;
	json_t *one;
	json_array_foreach (list, i, one) {
		if (strcmp(json_string_value(one), name) == 0)
			return true;
	}
	return false;
}

// The folders that packages of this site put their files into: "tokenizers".
static json_t *folders_of(const json_t *kept, const char *site)
{
	json_t *folders = json_object(), *entry;
	size_t i;
	json_array_foreach (json_object_get(kept, "packages"), i, entry) {
		const char *at = ff_json_text(entry, "site"), *folder = ff_json_text(entry, "folder");
		_cleanup_buf_ struct ff_buf record = {0};
		if (!at || !folder || strcmp(at, site) != 0)
			continue;
		_cleanup_error_ struct ff_error *absent = ff_dist_record(folder, ".", &record);
		struct ff_span rest = {record.p, absent ? 0 : record.n}, name;
		int64_t size;
		while (rest.n && ff_record_next(&rest, &name, &size)) {
			struct ff_span first = first_part(name);
			if (!ff_span_starts(first, "."))
				note(folders, first);
		}
	}
	return folders;
}

static struct ff_error *remove_strays(const json_t *kept, const char *site, const json_t *before)
{
	_cleanup_json_ json_t *others = owned(site), *mine = folders_of(kept, site), *now = ff_dist_list(site);
	json_t *one;
	struct ff_error *err = NULL;
	size_t i;
	json_array_foreach (now, i, one) {
		const char *name = json_string_value(one);
		bool is_new = !has(before, name) && !json_object_get(others, name) && !ff_starts(name, ".");
		if (!err && (is_new || json_object_get(mine, name)))
			err = sweep(site, name, others, 0);
	}
	return err;
}

// ---- what was kept ----

static struct ff_error *make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
		int failed = errno;
		struct ff_error *err = made ? NULL : ff_error_os(failed, "%s", path);
		*slash = '/';
		if (err)
			return err;
	}
	return NULL;
}

static struct ff_error *bring(const json_t *entry)
{
	const char *site = ff_json_text(entry, "site"), *folder = ff_json_text(entry, "folder");
	_cleanup_buf_ struct ff_buf record = {0};
	struct ff_error *err = ff_dist_record(folder, ".", &record);
	struct ff_span rest = {record.p, err ? 0 : record.n}, name;
	int64_t size;
	for (size_t i = 0; !err && rest.n && ff_record_next(&rest, &name, &size); i++) {
		_cleanup_free_ char *to = ff_dist_path(site, name), *from = NULL;
		if (asprintf(&from, "%s/%zu", folder, i) < 0)
			return &ff_enomem;
		if (!to || access(from, F_OK) < 0)
			continue;
		err = make_parents(to);
		if (!err)
			err = ff_dist_link(from, to);
	}
	return err;
}

// An installer is needed for what had a version and no list of its files.
static struct ff_error *left_over(const json_t *kept, const json_t *changes, json_t **ret)
{
	_cleanup_json_ json_t *left = json_object();
	const char *name;
	json_t *change, *entry;
	json_object_foreach ((json_t *)changes, name, change) {
		bool found = !ff_json_text(change, "from");
		size_t i;
		json_array_foreach (json_object_get(kept, "packages"), i, entry) {
			const char *of = ff_json_text(entry, "name");
			found |= of && ff_package_name_equal(ff_span_of(of), ff_span_of(name)) &&
				ff_json_text(entry, "folder");
		}
		if (!found && json_object_set(left, name, change) < 0)
			return &ff_enomem;
	}
	*ret = ff_take(&left);
	return *ret ? NULL : &ff_enomem;
}

struct ff_error *ff_fix_put_back(const json_t *kept, const json_t *changes, bool cut, json_t **ret)
{
	const char *site;
	json_t *before, *entry;
	size_t i;
	struct ff_error *err = left_over(kept, changes, ret);
	json_object_foreach (json_object_get(kept, "sites"), site, before) {
		if (!err)
			err = remove_from(kept, changes, site);
		if (!err && cut)
			err = remove_strays(kept, site, before);
	}
	json_array_foreach (json_object_get(kept, "packages"), i, entry) {
		if (!err && ff_json_text(entry, "folder"))
			err = bring(entry);
	}
	return err;
}
