// How far each lane of our descendants is. Only two numbers of a lane are read (ring/format.h): which block is being
// filled, and how far. The file is not trusted: wrong numbers make a wrong position, nothing else.
#include "supervise/lanes.h"

#include "ring/format.h"
#include "supervise/process.h"
#include "supervise/supervise.h"

#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
