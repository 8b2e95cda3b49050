// Whole reads and writes.
#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int ff_open_named(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		fcntl(fd, F_SETFL, 0);
	return fd;
}

struct ff_error *ff_read_all(int fd, const char *name, size_t max, struct ff_buf *ret)
{
	char chunk[16384];
	size_t total = 0;
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ff_error_os(errno, "%s", name);
		if (n == 0)
			return ret->failed ? &ff_enomem : NULL;
		total += (size_t)n;
		if (total > max)
			return ff_error_create(FF_ELIMIT, "%s: larger than %zu bytes", name, max);
		ff_buf_add(ret, chunk, (size_t)n);
	}
}

struct ff_error *ff_write_all(int fd, const char *name, const void *bytes, size_t n)
{
	const char *p = bytes;
	while (n) {
		ssize_t written = write(fd, p, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return ff_error_os(errno, "%s", name);
		p += written;
		n -= (size_t)written;
	}
	return NULL;
}

struct ff_error *ff_new_file_open(const char *path, struct ff_new_file *ret)
{
	struct stat st;
	struct ff_new_file file = {.fd = -1};
	bool there = stat(path, &st) == 0;
	_cleanup_free_ char *target = there ? realpath(path, NULL) : strdup(path);
	if (!target)
		return ff_error_os(errno, "%s", path);
	int n = snprintf(file.path, sizeof(file.path), "%s", target);
	int m = snprintf(file.temporary, sizeof(file.temporary), "%s.XXXXXX", target);
	if (n < 0 || (size_t)n >= sizeof(file.path) || m < 0 || (size_t)m >= sizeof(file.temporary))
		return ff_error_os(ENAMETOOLONG, "%s", path);
	if (there && !S_ISREG(st.st_mode)) {
		file.temporary[0] = 0;
		file.fd = open(target, O_WRONLY | O_CLOEXEC);
	} else {
		file.fd = mkostemp(file.temporary, O_CLOEXEC);
		file.mode = there ? st.st_mode & 0777 : 0;
		file.uid = there ? st.st_uid : geteuid();
		file.gid = there ? st.st_gid : getegid();
	}
	if (file.fd < 0)
		return ff_error_os(errno, "%s", path);
	*ret = file;
	return NULL;
}

struct ff_error *ff_new_file_commit(struct ff_new_file *file, mode_t mode)
{
	if (!file->temporary[0])
		return NULL;
	bool others = file->uid != geteuid() || file->gid != getegid();
	if (others && fchown(file->fd, file->uid, file->gid) < 0)
		file->mode &= 0700; // it stays ours: what the group might read was not meant for our group
	if (fchmod(file->fd, file->mode ? file->mode : mode) < 0 || rename(file->temporary, file->path) < 0)
		return ff_error_os(errno, "%s", file->path);
	file->temporary[0] = 0;
	return NULL;
}

void ff_new_file_deinit(struct ff_new_file *file)
{
	if (file->fd < 0)
		return;
	close(file->fd);
	file->fd = -1;
	if (file->temporary[0])
		unlink(file->temporary);
}
