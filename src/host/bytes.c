// pread() behind parse/bytes.h. Read-ahead is switched off: we touch some hundred bytes of a library of a gigabyte, and
// the kernel would fetch 128 KiB around each from a network disk.
#include "host/bytes.h"

#include "host/internal.h"
#include "host/trace.h"

#include <fcntl.h>

static bool read_fd(const void *from, uint64_t offset, void *to, size_t n)
{
	const struct ff_file *file = from;
	ff_trace_note(file->host, FF_TRACE_RANGE, file->path, offset, n);
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(file->fd, (char *)to + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

// Bytes that are in memory already; links to one file stand at one place, which is as good as an inode.
static struct ff_error *open_in_image(struct ff_host *host, const char *path, struct ff_file *file)
{
	struct stat st;
	struct ff_span bytes = {0};
	struct ff_error *err = ff_host_stat(host, path, &st);
	if (!err)
		err = ff_view_bytes(host, path, false, &bytes);
	char *name = err ? NULL : strdup(path);
	if (!name)
		return err ? err : &ff_enomem;
	file->path = name;
	file->host = host;
	file->ino = st.st_ino;
	ff_bytes_init(&file->bytes, name, bytes.p, bytes.n);
	return NULL;
}

struct ff_error *ff_file_open(struct ff_host *host, const char *path, struct ff_file *file)
{
	if (host->image)
		return open_in_image(host, path, file);
	_cleanup_close_ int fd = -1;
	struct stat st;
	struct ff_error *err = ff_host_open_regular(host, path, &fd, &st);
	if (err)
		return err;
	char *name = strdup(path);
	if (!name)
		return &ff_enomem;
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	file->fd = ff_take_fd(&fd);
	file->path = name;
	file->host = host;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	ff_bytes_init(&file->bytes, name, NULL, (uint64_t)st.st_size);
	file->bytes.read = read_fd;
	file->bytes.from = file;
	return NULL;
}

void ff_file_deinit(struct ff_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	free(file->path);
	file->path = NULL;
}
