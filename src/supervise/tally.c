// The tally file: one line per death, the time in seconds since the epoch, behind a first line that names the format.
//
//	firstfix.tally/1
//	1795581234
//
// It is replaced by rename, so it is whole or old. A clock that jumps makes deaths look old or from the future; both do
// not count. A file that is torn or of another version is not trusted: the count begins anew.
#include "supervise/tally.h"

#include "supervise/say.h"
#include "supervise/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WINDOW_S = 600, TOO_MANY = 5, FILE_MAX = 512 };

static const char first_line[] = "firstfix.tally/1\n";

static int read_file(int dir, const char *name, char text[FILE_MAX + 1])
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, FILE_MAX);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	bool whole = n > 0 && text[n - 1] == '\n' && !strncmp(text, first_line, strlen(first_line));
	return whole ? 0 : -EBADMSG;
}

// Times within the window, the newest TOO_MANY - 1 of them.
static int recent(const char *text, long long now, long long ret[TOO_MANY])
{
	int n = 0;
	for (const char *at = text + strlen(first_line); *at; at = strchr(at, '\n') + 1) {
		long long when = strtoll(at, NULL, 10);
		if (when > now || when <= now - WINDOW_S)
			continue;
		if (n == TOO_MANY - 1)
			memmove(ret, ret + 1, (size_t)--n * sizeof(ret[0]));
		ret[n++] = when;
	}
	return n;
}

static int replace(int dir, const char *name, const char *text, size_t n)
{
	char fresh[64];
	snprintf(fresh, sizeof(fresh), "%s.%d.new", name, (int)getpid());
	int fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	ssize_t done = write(fd, text, n);
	int error = done == (ssize_t)n ? 0 : done < 0 ? -errno : -ENOSPC;
	close(fd);
	if (!error && renameat(dir, fresh, dir, name))
		error = -errno;
	if (error)
		unlinkat(dir, fresh, 0);
	return error;
}

bool tally_add(const struct state_dir *d, const char *key)
{
	char text[FILE_MAX + 1];
	long long times[TOO_MANY], now = time(NULL);
	int dir = d->fd[DIR_tally], n = 0;
	if (dir < 0)
		return false;
	if (!read_file(dir, key, text))
		n = recent(text, now, times);
	times[n++] = now;
	size_t length = (size_t)snprintf(text, sizeof(text), "%s", first_line);
	for (int i = 0; i < n; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%lld\n", times[i]);
	int error = replace(dir, key, text, length);
	if (error)
		say("%s/tally: %s; deaths are not counted across restarts", d->path, strerror(-error));
	return n >= TOO_MANY;
}

void tally_clear(const struct state_dir *d, const char *key)
{
	if (d->fd[DIR_tally] >= 0)
		unlinkat(d->fd[DIR_tally], key, 0);
}
