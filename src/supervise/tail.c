// The tail of a stream: a ring in a mapped file. See tail.h for the format.
//
// A mapped file bites when the disk behind it does: a hole on a full disk is SIGBUS, a dead NFS server is a process in
// D state. So the blocks are allocated first, and a network file system is not used: the ring lies in a memfd then,
// which the incident step reads through /proc/PID/fd/N just the same.
#include "supervise/tail.h"

#include "base/clock.h"
#include "base/statedir.h"
#include "supervise/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int file_in(int dir, const char *dir_path, const char *name, uint64_t size)
{
	if (ff_statedir_is_network(dir_path))
		return -EREMOTE;
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int error = posix_fallocate(fd, 0, (off_t)size);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	fcntl(fd, F_OFD_SETLK, &lock); // while it is held the file is in use; where locks do not work its age tells
	if (!error)
		return fd;
	unlinkat(dir, name, 0);
	close(fd);
	return -error;
}

static int file_in_memory(uint64_t size)
{
	int fd = memfd_create("firstfix-tail", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	int error = ftruncate(fd, (off_t)size) ? -errno : 0;
	if (!error)
		return fd;
	close(fd);
	return error;
}

int tail_open(struct tail *t, int dir, const char *dir_path, const char *name, const char *stream, uint64_t capacity)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	capacity = (capacity + page - 1) / page * page;
	int fd = dir < 0 ? -EBADF : file_in(dir, dir_path, name, page + capacity);
	if (fd >= 0) {
		snprintf(t->path, sizeof(t->path), "%s/%s", dir_path, name);
	} else {
		if (dir >= 0)
			say("%s/%s: %s; the end of %s is kept in memory", dir_path, name,
				fd == -EREMOTE ? "is on a network file system" : strerror(-fd), stream);
		fd = file_in_memory(page + capacity);
		if (fd < 0)
			return fd;
		snprintf(t->path, sizeof(t->path), "/proc/%d/fd/%d", (int)getpid(), fd);
	}
	char *map = mmap(NULL, page + capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		int error = -errno;
		close(fd);
		return error;
	}
	t->head = (struct tail_head *)map;
	t->ring = map + page;
	t->capacity = capacity;
	t->total = t->gone = 0;
	t->fd = fd;
	*t->head = (struct tail_head){.version = 1,
		.data = (uint32_t)page,
		.capacity = capacity,
		.started = ff_clock_epoch_ns(),
		.pid = getpid(),
		.started_monotonic = ff_clock_ns()};
	snprintf(t->stream, sizeof(t->stream), "%s", stream);
	memcpy(t->head->stream, t->stream, sizeof(t->head->stream));
	memcpy(t->head->magic, TAIL_MAGIC, sizeof(t->head->magic));
	return 0;
}

int tail_pieces(const struct tail *t, uint64_t at, uint64_t n, struct iovec ret[2])
{
	uint64_t pos = at % t->capacity;
	uint64_t first = t->capacity - pos < n ? t->capacity - pos : n;
	ret[0] = (struct iovec){t->ring + pos, first};
	ret[1] = (struct iovec){t->ring, n - first};
	return n > first ? 2 : 1;
}

void tail_reserve(struct tail *t, uint64_t n)
{
	__atomic_store_n(&t->head->reserved, t->total + n, __ATOMIC_RELEASE);
}

void tail_commit(struct tail *t, uint64_t n)
{
	t->total += n;
	__atomic_store_n(&t->head->total, t->total, __ATOMIC_RELEASE);
	__atomic_store_n(&t->head->reserved, t->total, __ATOMIC_RELEASE);
}

void tail_turn(struct tail *t, uint64_t at)
{
	uint64_t n = t->head->n_turns;
	t->head->turns[n % TAIL_TURNS] = (struct tail_turn){at, ff_clock_ns()};
	__atomic_store_n(&t->head->n_turns, n + 1, __ATOMIC_RELEASE);
}

static void write_turns(const struct tail_head *h, uint64_t from, int fd)
{
	uint64_t n = h->n_turns;
	if (fd < 0)
		return;
	dprintf(fd, "from %llu\n", (unsigned long long)from);
	for (uint64_t i = n > TAIL_TURNS ? n - TAIL_TURNS : 0; i < n; i++) {
		const struct tail_turn *turn = &h->turns[i % TAIL_TURNS];
		unsigned long long epoch_ns = h->started + (turn->monotonic_ns - h->started_monotonic);
		dprintf(fd, "%llu %llu %llu\n", (unsigned long long)turn->at, (unsigned long long)turn->monotonic_ns,
			epoch_ns);
	}
}

void tail_copy_turns(const struct tail *t, uint64_t kept, int fd)
{
	write_turns(t->head, t->total - kept, fd);
}

int tail_rescue(struct tail *t, const void *address)
{
	char *map = (char *)t->head;
	size_t size = t->capacity + (size_t)(t->ring - map);
	if (!map || (const char *)address < map || (const char *)address >= map + size)
		return 0;
	t->gone = t->total;
	return mmap(map, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static uint64_t first_kept(const struct tail_head *h, uint64_t most)
{
	uint64_t at = h->reserved > h->capacity ? h->reserved - h->capacity : 0;
	return h->total > most && at < h->total - most ? h->total - most : at;
}

static int copy_ring(int from, const struct tail_head *h, uint64_t at, int to)
{
	char chunk[16384];
	while (at < h->total) {
		uint64_t pos = at % h->capacity,
			 n = h->capacity - pos < sizeof(chunk) ? h->capacity - pos : sizeof(chunk);
		n = h->total - at < n ? h->total - at : n;
		ssize_t got = pread(from, chunk, n, (off_t)(h->data + pos));
		if (got <= 0 || write(to, chunk, (size_t)got) != got)
			return got < 0 ? -errno : -EIO;
		at += (uint64_t)got;
	}
	return 0;
}

int tail_salvage(int dir, const char *name, uint64_t most, int fd, int turns)
{
	struct tail_head h;
	struct stat st;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int from = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (from < 0)
		return -errno;
	int error = fstat(from, &st) || !S_ISREG(st.st_mode) ? -EINVAL : 0;
	if (!error && fcntl(from, F_OFD_SETLK, &lock))
		error = -EBUSY;
	if (!error &&
		(pread(from, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.magic, TAIL_MAGIC, sizeof(h.magic)) != 0 ||
			!h.capacity || h.capacity > (uint64_t)st.st_size || h.total > h.reserved))
		error = -EBADMSG;
	if (!error)
		error = copy_ring(from, &h, first_kept(&h, most), fd);
	if (!error)
		write_turns(&h, first_kept(&h, most), turns);
	if (!error)
		futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim});
	close(from);
	return error;
}

int tail_copy(const struct tail *t, uint64_t most, int fd, uint64_t *ret)
{
	uint64_t n = t->total < t->capacity ? t->total : t->capacity;
	n = n < most ? n : most;
	*ret = n;
	while (n) {
		struct iovec iov[2];
		int pieces = tail_pieces(t, t->total - n, n, iov);
		ssize_t done = writev(fd, iov, pieces);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -ENOSPC;
		n -= (uint64_t)done;
	}
	return 0;
}

size_t tail_last(const struct tail *t, size_t n, char *ret)
{
	struct iovec iov[2];
	uint64_t kept = t->total < t->capacity ? t->total : t->capacity;
	bool cut = kept > n;
	n = cut ? n : (size_t)kept;
	int pieces = tail_pieces(t, t->total - n, n, iov);
	memcpy(ret, iov[0].iov_base, iov[0].iov_len);
	if (pieces == 2)
		memcpy(ret + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	char *line = cut ? memchr(ret, '\n', n) : NULL;
	if (!line)
		return n;
	n -= (size_t)(line + 1 - ret);
	memmove(ret, line + 1, n);
	return n;
}

void tail_remove(struct tail *t)
{
	if (t->path[0] && strncmp(t->path, "/proc/", 6) != 0)
		unlink(t->path);
}

void tail_close(struct tail *t)
{
	if (!t->head)
		return;
	munmap(t->head, t->capacity + (size_t)(t->ring - (char *)t->head));
	close(t->fd);
	*t = (struct tail){.fd = -1};
}
