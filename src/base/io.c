// Whole reads and writes.
#include "base/io.h"

#include <unistd.h>

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
