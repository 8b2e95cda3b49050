// Lanes that nobody closed and whose process is gone: it was killed, or left without coming to its end. Closed by
// whoever tells of it, or knows that there is nothing to tell.
//
// How the source lies: a lock on the file lasts as long as a child by fork() lives; a process may have closed all its
// descriptors and lives without one. The file may be anything: a header that is none is no lane.
#include "ring/left.h"

#include "base/cleanup.h"
#include "ring/format.h"
#include "ring/lane.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool runs(const char *name)
{
	unsigned pid;
	unsigned long long start;
	uint64_t now;
	return sscanf(name, "%u-%llu", &pid, &start) == 2 && ff_lane_start_time(pid, &now) && now == start;
}

bool ff_left_open(int dir, const char *name, struct ff_left *ret)
{
	struct ff_ring_header h;
	uint32_t state = 0;
	struct stat st;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	size_t n = strlen(name);
	if (n < 6 || n >= sizeof(ret->name) || strcmp(name + n - 5, ".ring") != 0 || runs(name))
		return false;
	_cleanup_close_ int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1 ||
		pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.magic != ff_ring_magic() || h.major != FF_RING_MAJOR ||
		h.live_at != FF_RING_LIVE_AT || fcntl(fd, F_OFD_SETLK, &lock) < 0 ||
		// behind the lock: who had it until now may have closed the lane
		pread(fd, &state, sizeof(state), h.live_at + offsetof(struct ff_ring_live, state)) != sizeof(state) ||
		state != FF_RING_OPEN)
		return false;
	*ret = (struct ff_left){.pid = h.pid, .parent_pid = h.parent_pid};
	memcpy(ret->name, name, n + 1);
	memcpy(ret->boot_id, h.boot_id, sizeof(ret->boot_id));
	ret->fd = ff_take_fd(&fd);
	return true;
}

void ff_left_close(struct ff_left *left, bool done)
{
	const uint32_t state = FF_RING_CLOSED;
	const off_t at = FF_RING_LIVE_AT + offsetof(struct ff_ring_live, state);
	if (done && pwrite(left->fd, &state, sizeof(state), at) < 0)
		done = false; // it is told once more: better than never
	close(left->fd);
	left->fd = -1;
}

bool ff_left_any(const char *folder)
{
	_cleanup_closedir_ DIR *d = opendir(folder);
	const struct dirent *e;
	struct ff_left left;
	bool any = false;
	for (int i = 0; d && !any && i < FF_LEFT_LOOK_AT && (e = readdir(d)); i++) {
		any = ff_left_open(dirfd(d), e->d_name, &left);
		if (any)
			ff_left_close(&left, false);
	}
	return any;
}

void ff_left_close_of(const char *folder, const uint32_t *pids, size_t n)
{
	_cleanup_closedir_ DIR *d = opendir(folder);
	const struct dirent *e;
	struct ff_left left;
	for (int i = 0; d && i < FF_LEFT_LOOK_AT && (e = readdir(d)); i++) {
		if (!ff_left_open(dirfd(d), e->d_name, &left))
			continue;
		bool ours = false;
		for (size_t k = 0; k < n; k++)
			ours |= left.pid == pids[k] || left.parent_pid == pids[k];
		ff_left_close(&left, ours);
	}
}
