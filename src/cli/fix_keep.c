// Keeps the files of installed packages. They are numbered in the order of RECORD, a copy of which is the list.
//
//	site-packages/.firstfix-undo-20261129T071500.123/0/RECORD
//	site-packages/.firstfix-undo-20261129T071500.123/0/17        a hard link of the 17th file in it
//
// Installers replace files and do not write into them, so a link keeps what was. Where links are refused the file is
// copied.
#include "cli/fix_keep.h"

#include "base/io.h"
#include "cli/fix_dist.h"
#include "parse/wheel.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct keep {
	const json_t *changes;
	const char *stamp;
	json_t *packages;
};

// ---- keeping ----

static struct ff_error *keep_record(const char *folder, const struct ff_buf *record)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	if (asprintf(&path, "%s/RECORD", folder) < 0)
		return &ff_enomem;
	struct ff_error *err = ff_new_file_open(path, &file);
	if (!err)
		err = ff_write_all(file.fd, path, record->p ? record->p : "", record->n);
	return err ? err : ff_new_file_commit(&file, 0600);
}

static struct ff_error *keep_files(const char *site, const char *folder, const struct ff_buf *record)
{
	struct ff_span rest = {record->p, record->n}, name;
	struct ff_error *err = keep_record(folder, record);
	int64_t size;
	for (size_t i = 0; !err && ff_record_next(&rest, &name, &size); i++) {
		_cleanup_free_ char *from = ff_dist_path(site, name), *to = NULL;
		if (asprintf(&to, "%s/%zu", folder, i) < 0)
			return &ff_enomem;
		if (from && access(from, F_OK) == 0)
			err = ff_dist_link(from, to);
	}
	return err;
}

static struct ff_error *make_folder(const struct keep *k, const char *site, char **ret)
{
	_cleanup_free_ char *parent = NULL, *folder = NULL;
	if (asprintf(&parent, "%s/.firstfix-undo-%s", site, k->stamp) < 0 ||
		asprintf(&folder, "%s/%zu", parent, json_array_size(k->packages)) < 0)
		return &ff_enomem;
	if ((mkdir(parent, 0700) < 0 && errno != EEXIST) || mkdir(folder, 0700) < 0)
		return ff_error_os(errno, "%s", folder);
	*ret = ff_take(&folder);
	return NULL;
}

// Of a package without a list of its files only that it was there is known.
static struct ff_error *keep_package(const struct keep *k, const char *site, const char *name, const char *info)
{
	_cleanup_buf_ struct ff_buf record = {0};
	_cleanup_free_ char *folder = NULL;
	_cleanup_error_ struct ff_error *absent = ff_dist_record(site, info, &record);
	struct ff_error *err = NULL;
	if (!absent)
		err = make_folder(k, site, &folder);
	json_t *entry = err
		? NULL
		: json_pack("{s:s, s:s, s:s, s:s*}", "name", name, "site", site, "info", info, "folder", folder);
	if (!err && json_array_append_new(k->packages, entry) < 0)
		return &ff_enomem;
	return err || absent ? err : keep_files(site, folder, &record);
}

static struct ff_error *keep_site(const struct keep *k, const char *site, json_t *sites)
{
	json_t *names = ff_dist_list(site), *info;
	size_t i;
	struct ff_error *err = json_object_set_new(sites, site, names) < 0 ? &ff_enomem : NULL;
	json_array_foreach (names, i, info) {
		const char *name = err ? NULL : ff_dist_of(k->changes, json_string_value(info));
		if (name)
			err = keep_package(k, site, name, json_string_value(info));
	}
	return err;
}

struct ff_error *ff_fix_keep(const json_t *facts, const json_t *changes, const char *stamp, json_t **ret)
{
	struct keep k = {.changes = changes, .stamp = stamp, .packages = json_array()};
	json_t *sites = json_object(), *site;
	_cleanup_json_ json_t *kept =
		json_pack("{s:s, s:o, s:o}", "stamp", stamp, "sites", sites, "packages", k.packages);
	const char *user = ff_json_text(facts, "python.user_site.path");
	struct ff_error *err = kept ? NULL : &ff_enomem;
	size_t i;
	json_array_foreach (ff_json_at(facts, "python.site"), i, site) {
		if (!err && json_is_string(site))
			err = keep_site(&k, json_string_value(site), sites);
	}
	if (!err && user && !json_object_get(sites, user))
		err = keep_site(&k, user, sites);
	if (err)
		ff_fix_keep_drop(kept);
	else
		*ret = ff_take(&kept);
	return err;
}

void ff_fix_keep_drop(const json_t *kept)
{
	const char *site, *stamp = ff_json_text(kept, "stamp");
	json_t *names;
	if (!stamp || strchr(stamp, '/'))
		return;
	json_object_foreach (json_object_get(kept, "sites"), site, names) {
		_cleanup_free_ char *folder = NULL;
		if (asprintf(&folder, "%s/.firstfix-undo-%s", site, stamp) >= 0 && access(folder, F_OK) == 0)
			ff_error_destroy(ff_dist_remove(folder));
	}
}
