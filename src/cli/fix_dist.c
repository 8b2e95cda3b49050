// Reads folders of packages as installers left them.
//
//	site-packages/tokenizers-0.19.1.dist-info/RECORD
//	    tokenizers/__init__.py,sha256=...,2615
//	    ../../../bin/huggingface-cli,sha256=...,243
//
// How it lies: conda's and Debian's packages may have no RECORD; a file that it names may be gone.
#include "cli/fix_dist.h"

#include "base/io.h"
#include "host/command.h"
#include "parse/requirement.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMOVE_MS = 600000, FILE_MAX = 1 << 30 };

static const char suffix[] = ".dist-info";

// How much of "/srv/venv/lib/python3.11/site-packages" is the environment: "/srv/venv".
static size_t environment_length(const char *site)
{
	const char *at = site, *last = NULL;
	while ((at = strstr(at, "/lib"))) {
		const char *behind = at + strlen("/lib");
		if (*behind == '/' || ff_starts(behind, "64/") || ff_starts(behind, "32/"))
			last = at;
		at++;
	}
	return last ? (size_t)(last - site) : strlen(site);
}

// One more component behind `path`; false when it leads too far up or does not fit.
static bool add_component(char *path, size_t *n, struct ff_span part)
{
	if (!part.n || ff_span_eq(part, "."))
		return true;
	if (ff_span_eq(part, "..")) {
		while (*n && path[*n - 1] != '/')
			(*n)--;
		if (!*n)
			return false;
		path[--(*n)] = 0;
		return true;
	}
	if (*n + part.n + 2 > PATH_MAX || memchr(part.p, 0, part.n))
		return false;
	path[(*n)++] = '/';
	memcpy(path + *n, part.p, part.n);
	*n += part.n;
	path[*n] = 0;
	return true;
}

char *ff_dist_path(const char *site, struct ff_span name)
{
	char path[PATH_MAX] = "";
	size_t n = 0, inside = environment_length(site);
	struct ff_span parts[2] = {ff_span_of(site), name}, part;
	bool fits = site[0] == '/' && name.n;
	for (size_t i = name.n && name.p[0] == '/' ? 1 : 0; i < 2; i++) {
		while (fits && parts[i].n && ff_span_next(&parts[i], '/', &part))
			fits = add_component(path, &n, part);
	}
	return fits && n > inside && strncmp(path, site, inside) == 0 && path[inside] == '/' ? strdup(path) : NULL;
}

const char *ff_dist_of(const json_t *names, const char *info)
{
	struct ff_span whole = ff_span_of(info);
	const char *name, *dash;
	json_t *value;
	if (!ff_span_ends(whole, suffix))
		return NULL;
	whole.n -= strlen(suffix);
	dash = memrchr(whole.p, '-', whole.n);
	if (dash)
		whole.n = (size_t)(dash - whole.p);
	json_object_foreach ((json_t *)names, name, value) {
		if (ff_package_name_equal(ff_span_of(name), whole))
			return name;
	}
	return NULL;
}

struct ff_error *ff_dist_record(const char *site, const char *info, struct ff_buf *ret)
{
	_cleanup_free_ char *path = NULL;
	if (asprintf(&path, "%s/%s/RECORD", site, info) < 0)
		return &ff_enomem;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? ff_error_os(errno, "%s", path) : ff_read_all(fd, path, FF_DIST_RECORD_MAX, ret);
}

json_t *ff_dist_list(const char *folder)
{
	struct dirent **entries = NULL;
	json_t *list = json_array();
	int n = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		if (list && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			json_array_append_new(list, json_string(name)); // one that is no UTF-8 is not kept
		free(entries[i]);
	}
	free(entries);
	return list;
}

// ---- one file ----

static struct ff_error *copy_file(const char *from, const char *to, const struct stat *st)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, st->st_mode & 07777);
	if (in < 0 || out < 0)
		return ff_error_os(errno, "%s", in < 0 ? from : to);
	ssize_t n;
	do
		n = sendfile(out, in, NULL, FILE_MAX);
	while (n > 0);
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (n == 0 && futimens(out, times) == 0)
		return NULL;
	struct ff_error *err = ff_error_os(errno, "%s", to);
	unlink(to);
	return err;
}

struct ff_error *ff_dist_link(const char *from, const char *to)
{
	struct stat st;
	if (link(from, to) == 0)
		return NULL;
	if (errno == EEXIST && unlink(to) == 0 && link(from, to) == 0)
		return NULL;
	if (lstat(from, &st) < 0)
		return ff_error_os(errno, "%s", from);
	return S_ISREG(st.st_mode) ? copy_file(from, to, &st) : ff_error_create(FF_EFORMAT, "%s is no file", from);
}

struct ff_error *ff_dist_remove(const char *path)
{
	char *const argv[] = {(char *)"/bin/rm", (char *)"-rf", (char *)"--", (char *)path, NULL};
	struct ff_command_result r = {0};
	struct ff_error *err = ff_command_run(argv, REMOVE_MS, &r);
	ff_buf_deinit(&r.output);
	return err;
}
