// Bounds the folder of lanes. A lane is alive while its writer holds a lock on the file, which works across PID
// namespaces that share the folder; a worker that closed all its descriptors lost the lock, so PID and start time count
// too.
#include "ring/prune.h"

#include "base/cleanup.h"
#include "base/statedir.h"
#include "ring/lane.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { KEEP_LANES = 64, LOOK_AT = 4096, SHARE = 8 };

struct dead {
	char name[64];
	struct timespec changed;
	uint64_t bytes;
};

static bool is_alive(int dir, const char *name)
{
	unsigned pid;
	unsigned long long start;
	uint64_t now;
	if (sscanf(name, "%u-%llu", &pid, &start) == 2 && ff_lane_start_time(pid, &now) && now == start)
		return true;
	_cleanup_close_ int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static int newest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct dead *)a)->changed, *y = &((const struct dead *)b)->changed;
	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

static size_t find_dead(DIR *d, struct dead *dead)
{
	size_t n = 0;
	for (const struct dirent *e; n < LOOK_AT && (e = readdir(d));) {
		struct stat st;
		size_t length = strlen(e->d_name);
		if (length < 6 || length >= sizeof(dead->name) || strcmp(e->d_name + length - 5, ".ring") != 0)
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
			is_alive(dirfd(d), e->d_name))
			continue;
		memcpy(dead[n].name, e->d_name, length + 1);
		dead[n].changed = st.st_mtim;
		dead[n++].bytes = (uint64_t)st.st_size;
	}
	return n;
}

void ff_lanes_prune(const char *dir)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	_cleanup_free_ struct dead *dead = d ? calloc(LOOK_AT, sizeof(*dead)) : NULL;
	if (!dead)
		return;
	size_t n = find_dead(d, dead);
	uint64_t bytes = 0, keep_bytes = ff_statedir_max_bytes() / SHARE;
	qsort(dead, n, sizeof(*dead), newest_first);
	for (size_t i = 0; i < n; i++) {
		bytes += dead[i].bytes;
		if (i >= KEEP_LANES || bytes > keep_bytes)
			unlinkat(dirfd(d), dead[i].name, 0);
	}
}
