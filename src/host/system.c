// Answers of the kernel that are no file of the machine's tree: /proc/PID of the worker, uname, free space.
//
// With --pid the worker's root may be another one (a container seen from its host), where /proc/self means nothing and
// process numbers differ; /proc/PID is therefore always read in our own root, and its root only for ordinary files.
#include "base/io.h"
#include "host/internal.h"
#include "host/trace.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>

enum { PROCESS_PATH = 96 };

static void process_path(const struct ff_host *host, pid_t pid, const char *name, char ret[PROCESS_PATH])
{
	if (host->captured && !pid)
		snprintf(ret, PROCESS_PATH, "/proc/self/%s", name);
	else
		snprintf(ret, PROCESS_PATH, "/proc/%d/%s", pid ? pid : host->pid ? host->pid : host->self, name);
}

struct ff_error *ff_host_read_process(
	struct ff_host *host, pid_t pid, const char *name, size_t max, char **ret, size_t *ret_n)
{
	char path[PROCESS_PATH];
	process_path(host, pid, name, path);
	ff_trace_note(host, FF_TRACE_PROCESS, name, (uint64_t)pid, 0);
	if (host->captured)
		return ff_host_read(host, path, max, ret, ret_n);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_error *err = ff_read_all(fd, path, max, &text);
	size_t n = text.n;
	if (!err)
		err = ff_buf_finish(&text, ret);
	if (!err && ret_n)
		*ret_n = n;
	return err;
}

struct ff_error *ff_host_readlink_process(struct ff_host *host, pid_t pid, const char *name, char **ret)
{
	char path[PROCESS_PATH], target[4096];
	process_path(host, pid, name, path);
	ff_trace_note(host, FF_TRACE_PROCESS_LINK, name, (uint64_t)pid, 0);
	if (host->captured)
		return ff_host_readlink(host, path, ret);
	ssize_t n = readlink(path, target, sizeof(target));
	return ff_host_link_text(path, target, n, ret);
}

static void copy_text(char *into, size_t size, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	snprintf(into, size, "%s", text ? text : "");
}

struct ff_error *ff_host_uname(struct ff_host *host, struct utsname *ret)
{
	struct utsname u = {0};
	if (host->captured) {
		const json_t *live = ff_host_captured(host, "uname");
		if (!json_is_object(live))
			return ff_error_create(FF_EABSENT, "uname: the captured machine does not say");
		copy_text(u.release, sizeof(u.release), live, "release");
		copy_text(u.version, sizeof(u.version), live, "version");
		copy_text(u.machine, sizeof(u.machine), live, "machine");
	} else if (uname(&u) < 0) {
		return ff_error_os(errno, "uname");
	}
	*ret = u;
	return NULL;
}

static struct ff_error *captured_space(struct ff_host *host, const char *path, struct ff_space *ret)
{
	const json_t *fs = json_object_get(ff_host_captured(host, "statfs"), path);
	if (!json_is_object(fs))
		return ff_error_create(FF_EABSENT, "%s: the captured machine does not say how full it is", path);
	*ret = (struct ff_space){
		.total = (uint64_t)json_integer_value(json_object_get(fs, "total")),
		.available = (uint64_t)json_integer_value(json_object_get(fs, "available")),
		.inodes = (uint64_t)json_integer_value(json_object_get(fs, "inodes")),
		.inodes_free = (uint64_t)json_integer_value(json_object_get(fs, "inodes_free")),
		.read_only = json_is_true(json_object_get(fs, "read_only")),
		.no_exec = json_is_true(json_object_get(fs, "no_exec")),
	};
	return NULL;
}

struct ff_error *ff_host_space(struct ff_host *host, const char *path, struct ff_space *ret)
{
	ff_trace_note(host, FF_TRACE_SPACE, path, 0, 0);
	if (host->captured)
		return captured_space(host, path, ret);
	_cleanup_close_ int fd = ff_host_open_raw(host, path, O_PATH);
	struct statvfs fs;
	if (fd < 0 || fstatvfs(fd, &fs) < 0)
		return ff_error_os(errno, "%s", path);
	*ret = (struct ff_space){
		.total = (uint64_t)fs.f_blocks * fs.f_frsize,
		.available = (uint64_t)fs.f_bavail * fs.f_frsize,
		.inodes = fs.f_files,
		.inodes_free = fs.f_favail,
		.read_only = fs.f_flag & ST_RDONLY,
		.no_exec = fs.f_flag & ST_NOEXEC,
	};
	return NULL;
}

static bool is_our_user(const struct ff_host *host)
{
	char path[PROCESS_PATH];
	struct stat st;
	if (!host->pid)
		return true;
	process_path(host, 0, "status", path);
	return stat(path, &st) == 0 && st.st_uid == geteuid();
}

struct ff_error *ff_host_writable(struct ff_host *host, const char *path, bool *ret)
{
	ff_trace_note(host, FF_TRACE_WRITABLE, path, 0, 0);
	if (host->image)
		return ff_view_writable(host, path, ret);
	if (host->captured) {
		const json_t *answer = json_object_get(ff_host_captured(host, "writable"), path);
		if (!json_is_boolean(answer))
			return ff_error_create(FF_EABSENT, "%s: the captured machine does not say who may write", path);
		*ret = json_is_true(answer);
		return NULL;
	}
	if (!is_our_user(host))
		return ff_error_create(FF_EUNSUPPORTED, "%s: only another user's rights could be told", path);
	_cleanup_close_ int fd = ff_host_open_raw(host, path, O_PATH);
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	char link[PROCESS_PATH];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	bool writable = faccessat(AT_FDCWD, link, W_OK, AT_EACCESS) == 0;
	if (!writable && errno != EACCES && errno != EPERM && errno != EROFS)
		return ff_error_os(errno, "%s", path);
	*ret = writable;
	return NULL;
}
