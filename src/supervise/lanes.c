// How far each lane of our descendants is, and whose end is told. Few numbers of a lane are read (ring/format.h): which
// block is being filled, how far, and the parent. The file is not trusted: wrong numbers make a wrong position, or one
// lane that nobody tells of.
#include "supervise/lanes.h"

#include "ring/format.h"
#include "supervise/process.h"
#include "supervise/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LANES = 4096 };

static uint64_t position(int fd)
{
	struct ff_ring_header h;
	uint64_t head, alloc;
	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.magic != ff_ring_magic() || !h.blocks ||
		pread(fd, &head, sizeof(head), h.live_at) != sizeof(head))
		return 0;
	uint64_t row = h.blocks_at + head % h.blocks * h.block_entry;
	if (pread(fd, &alloc, sizeof(alloc), (off_t)(row & INT64_MAX)) != sizeof(alloc))
		alloc = 0;
	return head * UINT64_C(0x9e3779b97f4a7c15) + alloc + 1;
}

uint64_t lanes_position(struct supervisor *s)
{
	uint64_t sum = 0;
	int copy = s->dir.fd[DIR_lanes] < 0 ? -1 : dup(s->dir.fd[DIR_lanes]);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	if (!dir)
		return 0;
	rewinddir(dir);
	for (int i = 0; i < MOST_LANES && (e = readdir(dir)); i++) {
		if (!is_descendant((pid_t)strtol(e->d_name, NULL, 10)))
			continue;
		int fd = openat(s->dir.fd[DIR_lanes], e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		sum += position(fd);
		close(fd);
	}
	closedir(dir);
	return sum;
}

static bool is_ring(const char *name)
{
	size_t n = strlen(name);
	return n > 5 && !strcmp(name + n - 5, ".ring");
}

bool lanes_any(struct supervisor *s)
{
	int copy = s->dir.fd[DIR_lanes] < 0 ? -1 : dup(s->dir.fd[DIR_lanes]);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	bool any = false;
	if (!dir)
		return false;
	rewinddir(dir);
	for (int i = 0; i < MOST_LANES && !any && (e = readdir(dir)); i++)
		any = is_ring(e->d_name);
	closedir(dir);
	return any;
}

static void close_lane(struct supervisor *s, const char *name)
{
	const uint32_t closed = FF_RING_CLOSED;
	struct ff_ring_header h;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;
	int fd = openat(s->dir.fd[DIR_lanes], name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1 &&
		pread(fd, &h, sizeof(h), 0) == sizeof(h) && h.magic == ff_ring_magic() &&
		h.live_at == FF_RING_LIVE_AT &&
		((pid_t)h.pid == s->worker.pid || (s->stop_signal && (pid_t)h.parent_pid == s->worker.pid)) &&
		!fcntl(fd, F_OFD_SETLK, &lock) &&
		pwrite(fd, &closed, sizeof(closed), FF_RING_LIVE_AT + offsetof(struct ff_ring_live, state)) < 0)
		errno = 0; // the next start may tell of it: no harm
	close(fd);
}

void lanes_close(struct supervisor *s)
{
	int copy = s->dir.fd[DIR_lanes] < 0 || s->worker.pid <= 0 ? -1 : dup(s->dir.fd[DIR_lanes]);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	if (!dir)
		return;
	rewinddir(dir);
	for (int i = 0; i < MOST_LANES && (e = readdir(dir)); i++)
		if (is_ring(e->d_name))
			close_lane(s, e->d_name);
	closedir(dir);
}
