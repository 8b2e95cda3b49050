// A header, then two copies, page aligned:
//
//	"FFTALLY1" | layout | size of a copy | which copy is in use | copy 0 | copy 1
#include "agent/twin.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, LAYOUT = 1 };

struct header {
	char magic[8];
	uint32_t layout, size;
	_Atomic uint32_t in_use;
};

struct ff_twin {
	int fd;
	size_t size; // of a copy
	struct header *header;
	void *copies[2];
};

static size_t copy_size(size_t size)
{
	return (size + PAGE - 1) / PAGE * PAGE;
}

static size_t file_size(size_t size)
{
	return PAGE + 2 * copy_size(size);
}

static bool is_ours(const struct header *h, const char magic[8], size_t size)
{
	return memcmp(h->magic, magic, sizeof(h->magic)) == 0 && h->layout == LAYOUT && h->size == size &&
		h->in_use < 2;
}

static void make_new(struct header *h, const char magic[8], size_t size)
{
	memset(h, 0, file_size(size));
	h->layout = LAYOUT;
	h->size = (uint32_t)size;
	memcpy(h->magic, magic, sizeof(h->magic));
}

static struct ff_error *open_locked(const char *path, bool make, const char *held, int *ret)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (make ? O_CREAT : 0);
	_cleanup_close_ int fd = open(path, flags, 0600);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return ff_error_os(errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return ff_error_create(FF_EDENIED, "%s: not a file of ours alone", path);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return ff_error_create(FF_EDENIED, "%s: %s", path, held);
	*ret = ff_take_fd(&fd);
	return NULL;
}

struct ff_error *ff_twin_open(
	const char *path, const char magic[8], size_t size, bool make, const char *held, struct ff_twin **ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	struct ff_error *err = open_locked(path, make, held, &fd);
	if (err)
		return err;
	size_t whole = file_size(size);
	bool fits = fstat(fd, &st) == 0 && (size_t)st.st_size == whole;
	int code = fits ? 0 : ftruncate(fd, 0) < 0 ? errno : posix_fallocate(fd, 0, (off_t)whole);
	void *map = code ? MAP_FAILED : mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return ff_error_os(code ? code : errno, "%s", path);
	if (!is_ours(map, magic, size))
		make_new(map, magic, size);
	struct ff_twin *twin = calloc(1, sizeof(*twin));
	if (!twin) {
		munmap(map, whole);
		return &ff_enomem;
	}
	*twin = (struct ff_twin){
		ff_take_fd(&fd), size, map, {(char *)map + PAGE, (char *)map + PAGE + copy_size(size)}};
	*ret = twin;
	return NULL;
}

void ff_twin_close(struct ff_twin *twin)
{
	if (!twin)
		return;
	munmap(twin->header, file_size(twin->size));
	close(twin->fd);
	free(twin);
}

const void *ff_twin_now(const struct ff_twin *twin)
{
	return twin->copies[atomic_load_explicit(&twin->header->in_use, memory_order_acquire) & 1];
}

void *ff_twin_begin(struct ff_twin *twin)
{
	void *next = twin->copies[~twin->header->in_use & 1];
	memcpy(next, ff_twin_now(twin), twin->size);
	return next;
}

void ff_twin_commit(struct ff_twin *twin)
{
	atomic_store_explicit(&twin->header->in_use, ~twin->header->in_use & 1, memory_order_release);
}
