// The mapped file of a tally: a header, then two copies of struct ff_tally, page aligned.
//
//	"FFTALLY1" | size of a copy | which copy is in use | copy 0 | copy 1
//
// It is ours alone (0600 in a folder of 0700) and read by agents of the same build only: a file of another size or of
// another layout is made anew. Whoever cuts it under us costs the agent its life, not the worker.
#include "agent/tally.h"

#include "base/cleanup.h"
#include "base/safedir.h"
#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
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

struct ff_tally_file {
	int fd;
	struct header *header;
	struct ff_tally *copies[2];
};

static const char magic[8] = {'F', 'F', 'T', 'A', 'L', 'L', 'Y', '1'};

static size_t copy_size(void)
{
	return (sizeof(struct ff_tally) + PAGE - 1) / PAGE * PAGE;
}

static size_t file_size(void)
{
	return PAGE + 2 * copy_size();
}

static bool is_ours(const struct header *h)
{
	return memcmp(h->magic, magic, sizeof(magic)) == 0 && h->layout == LAYOUT &&
		h->size == sizeof(struct ff_tally) && h->in_use < 2;
}

static void make_new(void *map)
{
	struct header *h = map;
	memset(map, 0, file_size());
	h->layout = LAYOUT;
	h->size = sizeof(struct ff_tally);
	memcpy(h->magic, magic, sizeof(magic));
}

static struct ff_error *open_locked(const char *path, int *ret)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return ff_error_os(errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return ff_error_create(FF_EDENIED, "%s: not a file of ours alone", path);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return ff_error_create(FF_EDENIED, "%s: another agent watches this worker already", path);
	*ret = ff_take_fd(&fd);
	return NULL;
}

struct ff_error *ff_tally_open_file(const char *dir, const char *name, struct ff_tally_file **ret)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct stat st;
	if (snprintf(path, sizeof(path), "%s/%s.tally", dir, name) >= (int)sizeof(path))
		return ff_error_os(ENAMETOOLONG, "%s", dir);
	struct ff_error *err = open_locked(path, &fd);
	if (err)
		return err;
	bool fits = fstat(fd, &st) == 0 && (size_t)st.st_size == file_size();
	int code = fits ? 0 : ftruncate(fd, 0) < 0 ? errno : posix_fallocate(fd, 0, (off_t)file_size());
	void *map = code ? MAP_FAILED : mmap(NULL, file_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return ff_error_os(code ? code : errno, "%s", path);
	if (!is_ours(map))
		make_new(map);
	struct ff_tally_file *file = calloc(1, sizeof(*file));
	if (!file) {
		munmap(map, file_size());
		return &ff_enomem;
	}
	*file = (struct ff_tally_file){ff_take_fd(&fd), map,
		{(struct ff_tally *)((char *)map + PAGE), (struct ff_tally *)((char *)map + PAGE + copy_size())}};
	*ret = file;
	return NULL;
}

void ff_tally_close(struct ff_tally_file *file)
{
	if (!file)
		return;
	munmap(file->header, file_size());
	close(file->fd);
	free(file);
}

const struct ff_tally *ff_tally_now(const struct ff_tally_file *file)
{
	return file->copies[atomic_load_explicit(&file->header->in_use, memory_order_acquire) & 1];
}

struct ff_tally *ff_tally_begin(struct ff_tally_file *file)
{
	struct ff_tally *next = file->copies[~file->header->in_use & 1];
	memcpy(next, ff_tally_now(file), sizeof(*next));
	return next;
}

void ff_tally_commit(struct ff_tally_file *file)
{
	atomic_store_explicit(&file->header->in_use, ~file->header->in_use & 1, memory_order_release);
}
