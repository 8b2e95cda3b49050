// Reading the machine under a root that can be this one, another process's or a captured one.
//
// Inside a foreign root every path is resolved by the kernel with openat2(RESOLVE_IN_ROOT): an absolute symbolic link
// in a captured machine must lead back into it, which plain openat() does not do. Where seccomp or an old kernel
// refuses openat2, resolve.c walks component by component. On the live root plain open() is right and cheaper.
#include "host/host.h"

#include "base/io.h"
#include "host/internal.h"
#include "host/resolve.h"
#include "host/trace.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

extern char **environ;

enum { LIVE_JSON_MAX = 16 << 20, ENVIRON_MAX = 4 << 20, LINE_MAX_BYTES = 4096 };

static struct ff_error *env_put(json_t *env, struct ff_span entry)
{
	const char *equals = entry.n ? memchr(entry.p, '=', entry.n) : NULL;
	if (!equals || equals == entry.p)
		return NULL; // putenv() without a value, or a shell's odd leftovers: no variable
	size_t name_n = (size_t)(equals - entry.p);
	_cleanup_free_ char *name = ff_span_dup((struct ff_span){entry.p, name_n});
	json_t *value = ff_json_string(equals + 1, entry.n - name_n - 1);
	if (!name || !value) {
		json_decref(value);
		return &ff_enomem;
	}
	// A name that is not UTF-8 is no variable that any library reads.
	if (json_object_set_new(env, name, value) < 0)
		return NULL;
	return NULL;
}

static struct ff_error *env_of_ourselves(json_t *env)
{
	for (char **e = environ; e && *e; e++) {
		struct ff_error *err = env_put(env, ff_span_of(*e));
		if (err)
			return err;
	}
	return NULL;
}

static struct ff_error *env_of_file(const char *path, json_t *env)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_error *err = ff_read_all(fd, path, ENVIRON_MAX, &text);
	struct ff_span rest = {text.p, text.n}, entry;
	while (!err && ff_span_next(&rest, 0, &entry))
		err = env_put(env, entry);
	return err;
}

static struct ff_error *env_of_process(pid_t pid, json_t *env)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	return env_of_file(path, env);
}

// The dynamic loader and Python read theirs once, at the start: a later change reaches children only.
static bool counts_at_start(const char *name)
{
	return ff_starts(name, "LD_") || ff_starts(name, "PYTHON");
}

static struct ff_error *env_of_now(const char *path, json_t **env)
{
	_cleanup_json_ json_t *now = json_object();
	const char *name;
	json_t *value;
	void *next;
	struct ff_error *err = now ? env_of_file(path, now) : &ff_enomem;
	json_object_foreach_safe(now, next, name, value)
	{
		if (counts_at_start(name))
			json_object_del(now, name);
	}
	json_object_foreach (*env, name, value) {
		if (!err && counts_at_start(name) && json_object_set(now, name, value) < 0)
			err = &ff_enomem;
	}
	if (err)
		return err;
	json_decref(*env);
	*env = ff_take(&now);
	return NULL;
}

static struct ff_error *open_captured(struct ff_host *host, const char *root)
{
	host->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host->root_fd < 0)
		return ff_error_create(
			FF_EUSAGE, "%s: %s; --root wants a folder made by 'firstfix capture'", root, strerror(errno));
	host->captured = true;
	_cleanup_free_ char *text = NULL;
	size_t n = 0;
	struct ff_error *err = ff_host_read(host, "/.firstfix/live.json", LIVE_JSON_MAX, &text, &n);
	if (err && err->code == FF_EABSENT) { // a bare tree of files is a machine that answers no system call
		ff_error_destroy(err);
		host->live = json_object();
		return host->live ? NULL : &ff_enomem;
	}
	if (err)
		return err;
	err = ff_json_parse(".firstfix/live.json", text, n, &host->live);
	if (err)
		return err;
	host->env = json_incref(json_object_get(host->live, "env"));
	return NULL;
}

static struct ff_error *open_image(struct ff_host *host, const struct ff_image *image)
{
	host->captured = true;
	host->image = image;
	host->live = json_copy(ff_image_live(image)); // what is planned is added to ours
	host->env = host->live ? json_incref(json_object_get(host->live, "env")) : NULL;
	return host->live ? NULL : &ff_enomem;
}

// A process in our own mount namespace is looked at through our root, so that /proc magic links work as usual.
static struct ff_error *open_process(struct ff_host *host, pid_t pid)
{
	char path[64], mine[PATH_MAX], theirs[PATH_MAX];
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	ssize_t a = readlink("/proc/self/ns/mnt", mine, sizeof(mine));
	ssize_t b = readlink(path, theirs, sizeof(theirs));
	if (a <= 0 || a != b || memcmp(mine, theirs, (size_t)a) != 0) {
		snprintf(path, sizeof(path), "/proc/%d/root", pid);
		host->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (host->root_fd < 0 && (errno == EACCES || errno == EPERM))
			return ff_error_create(FF_EDENIED,
				"process %d belongs to another user or to a sealed one; run as that user or as root",
				pid);
		if (host->root_fd < 0)
			return ff_error_os(errno, "process %d: %s", pid, path);
	}
	host->pid = pid;
	host->env = json_object();
	return host->env ? env_of_process(pid, host->env) : &ff_enomem;
}

struct ff_error *ff_host_create(const struct ff_host_options *options, struct ff_host **ret)
{
	_cleanup_host_ struct ff_host *host = malloc(sizeof(*host));
	if (!host)
		return &ff_enomem;
	*host = (struct ff_host){.root_fd = -1, .self = getpid()};
	struct ff_error *err;
	if (options->root || options->image) {
		err = options->image ? open_image(host, options->image) : open_captured(host, options->root);
		if (!err && options->planned && json_object_update_missing(host->live, (json_t *)options->planned) < 0)
			err = &ff_enomem;
	} else if (options->pid) {
		err = open_process(host, options->pid);
	} else {
		host->env = json_object();
		err = host->env ? env_of_ourselves(host->env) : &ff_enomem;
	}
	if (!err && options->environ_file)
		err = env_of_now(options->environ_file, &host->env);
	if (!err)
		*ret = ff_take(&host);
	return err;
}

void ff_host_destroy(struct ff_host *host)
{
	if (!host)
		return;
	if (host->root_fd >= 0)
		close(host->root_fd);
	json_decref(host->live);
	json_decref(host->env);
	ff_trace_destroy(host->trace);
	free(host);
}

bool ff_host_is_captured(const struct ff_host *host)
{
	return host->captured;
}

pid_t ff_host_pid(const struct ff_host *host)
{
	if (!host->captured)
		return host->pid;
	int64_t pid;
	return ff_json_int(host->live, "pid", &pid) && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

int ff_host_root_fd(const struct ff_host *host)
{
	return host->root_fd >= 0 ? host->root_fd : 0;
}

// Open with any flags. O_PATH opens nothing, so it is how we look at what a device node is without waking the device.
int ff_host_open_raw(struct ff_host *host, const char *path, int flags)
{
	flags |= O_CLOEXEC;
	if (!(flags & O_PATH)) // openat2() refuses the two together
		flags |= O_NOCTTY;
	if (host->root_fd < 0)
		return open(path, flags);
	return ff_open_in_root(host->root_fd, path, flags);
}

// Opening a device can wake a GPU or hang, opening a FIFO can block. The kernel's log is the one device that is a text.
static bool is_readable_kind(const struct stat *st)
{
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
		return true;
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 11);
}

struct ff_error *ff_host_open(struct ff_host *host, const char *path, int *ret_fd)
{
	struct stat st = {0};
	struct ff_error *err = ff_host_stat(host, path, &st);
	if (err)
		return err;
	if (host->image)
		return ff_view_open(host, path, ret_fd);
	ff_trace_note(host, FF_TRACE_OPEN, path, 0, 0);
	if (json_object_get(ff_host_captured(host, "denied"), path))
		return ff_error_os(EACCES, "%s", path);
	if (!is_readable_kind(&st))
		return ff_error_create(FF_EUNSUPPORTED, "%s: not a regular file", path);
	int fd = ff_host_open_raw(host, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	*ret_fd = fd;
	return NULL;
}

struct ff_error *ff_host_read(struct ff_host *host, const char *path, size_t max, char **ret, size_t *ret_n)
{
	_cleanup_close_ int fd = -1;
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_span bytes = {0};
	struct ff_error *err = host->image ? ff_view_bytes(host, path, true, &bytes) : ff_host_open(host, path, &fd);
	if (!err && bytes.n > max)
		err = ff_error_create(FF_ELIMIT, "%s: larger than %zu bytes", path, max);
	if (!err && host->image)
		ff_buf_span(&text, bytes);
	else if (!err)
		err = ff_read_all(fd, path, max, &text);
	if (err)
		return err;
	size_t n = text.n;
	err = ff_buf_finish(&text, ret);
	if (!err && ret_n)
		*ret_n = n;
	return err;
}

struct ff_error *ff_host_read_line(struct ff_host *host, const char *path, char **ret)
{
	_cleanup_free_ char *text = NULL;
	struct ff_error *err = ff_host_read(host, path, LINE_MAX_BYTES, &text, NULL);
	if (err)
		return err;
	text[strcspn(text, "\n")] = 0;
	*ret = ff_take(&text);
	return NULL;
}

// Devices cannot be made by an ordinary user: a captured machine has them in live.json.
static bool captured_node(const struct ff_host *host, const char *path, struct stat *ret)
{
	const json_t *node = json_object_get(ff_host_captured(host, "stat"), path);
	if (!json_is_object(node))
		return false;
	*ret = (struct stat){
		.st_mode = (mode_t)json_integer_value(json_object_get(node, "mode")),
		.st_uid = (uid_t)json_integer_value(json_object_get(node, "uid")),
		.st_gid = (gid_t)json_integer_value(json_object_get(node, "gid")),
		.st_rdev = makedev((unsigned)json_integer_value(json_object_get(node, "major")),
			(unsigned)json_integer_value(json_object_get(node, "minor"))),
	};
	return true;
}

struct ff_error *ff_host_stat(struct ff_host *host, const char *path, struct stat *ret)
{
	struct stat st;
	ff_trace_note(host, FF_TRACE_STAT, path, 0, 0);
	if (json_is_true(ff_json_at(json_object_get(ff_host_captured(host, "stat"), path), "denied")))
		return ff_error_os(EACCES, "%s", path);
	if (host->captured && captured_node(host, path, ret))
		return NULL;
	if (host->image)
		return ff_view_stat(host, path, ret);
	if (host->root_fd < 0) {
		if (stat(path, &st) < 0)
			return ff_error_os(errno, "%s", path);
		*ret = st;
		return NULL;
	}
	_cleanup_close_ int fd = ff_host_open_raw(host, path, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0)
		return ff_error_os(errno, "%s", path);
	*ret = st;
	return NULL;
}

struct ff_error *ff_host_link_text(const char *path, const char *target, ssize_t n, char **ret)
{
	if (n < 0)
		return ff_error_os(errno, "%s", path);
	char *copy = ff_span_dup((struct ff_span){target, (size_t)n});
	if (!copy)
		return &ff_enomem;
	*ret = copy;
	return NULL;
}

struct ff_error *ff_host_readlink(struct ff_host *host, const char *path, char **ret)
{
	char target[PATH_MAX];
	ssize_t n;
	ff_trace_note(host, FF_TRACE_LINK, path, 0, 0);
	if (host->image) {
		const char *link;
		struct ff_error *err = ff_view_link(host, path, &link);
		return err ? err : ff_host_link_text(path, link, (ssize_t)strlen(link), ret);
	}
	if (host->root_fd < 0) {
		n = readlink(path, target, sizeof(target));
	} else {
		_cleanup_close_ int fd = ff_host_open_raw(host, path, O_PATH | O_NOFOLLOW);
		if (fd < 0)
			return ff_error_os(errno, "%s", path);
		n = readlinkat(fd, "", target, sizeof(target));
		if (n < 0 && errno == ENOENT)
			errno = EINVAL; // what readlinkat("") says of a plain file
	}
	return ff_host_link_text(path, target, n, ret);
}

struct ff_error *ff_host_realpath(struct ff_host *host, const char *path, char **ret)
{
	char *resolved = NULL;
	ff_trace_note(host, FF_TRACE_STAT, path, 0, 0);
	if (host->image)
		return ff_view_realpath(host, path, ret);
	int fd = ff_resolve_in_root(host->root_fd, path, O_PATH | O_CLOEXEC, &resolved);
	if (fd < 0)
		return fd == -ENOMEM ? &ff_enomem : ff_error_os(-fd, "%s", path);
	close(fd);
	*ret = resolved;
	return NULL;
}

struct ff_error *ff_host_open_regular(struct ff_host *host, const char *path, int *ret_fd, struct stat *ret)
{
	struct ff_error *err = ff_host_open(host, path, ret_fd);
	if (err)
		return err;
	if (fstat(*ret_fd, ret) < 0)
		return ff_error_os(errno, "%s", path);
	return S_ISREG(ret->st_mode) ? NULL : ff_error_create(FF_EFORMAT, "%s: not a regular file", path);
}

struct ff_error *ff_host_map(struct ff_host *host, const char *path, struct ff_map *ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st = {0};
	struct ff_span bytes = {0};
	struct ff_error *err =
		host->image ? ff_view_bytes(host, path, false, &bytes) : ff_host_open_regular(host, path, &fd, &st);
	if (err)
		return err;
	if (bytes.n) {
		*ret = (struct ff_map){.p = bytes.p, .n = bytes.n, .borrowed = true};
		return NULL;
	}
	if (host->image || st.st_size <= 0)
		return ff_error_create(FF_EFORMAT, "%s: empty", path);
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return ff_error_os(errno, "%s: mmap", path);
	// Headers lie far apart: read-ahead would fetch megabytes between them.
	madvise(p, (size_t)st.st_size, MADV_RANDOM);
	*ret = (struct ff_map){.p = p, .n = (size_t)st.st_size};
	return NULL;
}

void ff_map_deinit(struct ff_map *map)
{
	if (map->p && !map->borrowed)
		munmap((void *)map->p, map->n);
	*map = (struct ff_map){0};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct ff_error *list_into(DIR *dir, const char *path, size_t max, struct ff_names *names)
{
	size_t cap = 0;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry)
			return errno ? ff_error_os(errno, "%s", path) : NULL;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (names->n == max)
			return ff_error_create(FF_ELIMIT, "%s: more than %zu entries", path, max);
		if (names->n == cap) {
			cap = cap ? 2 * cap : 32;
			char **grown = reallocarray(names->names, cap, sizeof(*grown));
			if (!grown)
				return &ff_enomem;
			names->names = grown;
		}
		if (!(names->names[names->n] = strdup(entry->d_name)))
			return &ff_enomem;
		names->n++;
	}
}

static struct ff_error *list_folder(struct ff_host *host, const char *path, size_t max, struct ff_names *names)
{
	int fd = ff_host_open_raw(host, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	_cleanup_closedir_ DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return &ff_enomem;
	}
	return list_into(dir, path, max, names);
}

struct ff_error *ff_host_list(struct ff_host *host, const char *path, size_t max, struct ff_names *ret)
{
	ff_trace_note(host, FF_TRACE_LIST, path, 0, 0);
	_cleanup_names_ struct ff_names names = {0};
	struct ff_error *err =
		host->image ? ff_view_list(host, path, max, &names) : list_folder(host, path, max, &names);
	if (err)
		return err;
	if (names.n)
		qsort(names.names, names.n, sizeof(*names.names), by_name);
	*ret = names;
	names = (struct ff_names){0};
	return NULL;
}

void ff_names_deinit(struct ff_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct ff_names){0};
}

bool ff_names_have(const struct ff_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->names[i], name) == 0)
			return true;
	return false;
}

const char *ff_host_getenv(const struct ff_host *host, const char *name)
{
	const json_t *value = json_object_get(host->env, name);
	return json_is_object(value) ? "[masked]" : json_string_value(value);
}

const json_t *ff_host_env(const struct ff_host *host)
{
	return host->env;
}

const json_t *ff_host_captured(const struct ff_host *host, const char *path)
{
	return host->captured ? ff_json_at(host->live, path) : NULL;
}
