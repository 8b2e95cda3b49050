// Writing to a stdout that belongs to others too.
//
// O_NONBLOCK is a flag of the open file description: setting it on our stdout would set it for the shell that started
// us, and its next `cat` would fail with EAGAIN. So pipes and terminals are opened anew through /proc/self/fd/N, which
// gives a description of our own. That open can be refused (a pipe of another user); then we write at most PIPE_BUF
// bytes after poll(2) said that there is room, which a pipe promises to take at once.
#include "supervise/out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void out_init(struct out *o, int fd)
{
	struct stat st;
	*o = (struct out){.fd = fd, .way = OUT_FILE};
	if (fstat(fd, &st)) {
		o->way = OUT_CLOSED;
		return;
	}
	o->pipe = S_ISFIFO(st.st_mode);
	o->terminal = isatty(fd);
	if (S_ISSOCK(st.st_mode))
		o->way = OUT_SOCKET;
	if (!o->pipe && !o->terminal)
		return;
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	o->way = own < 0 ? OUT_SMALL : OUT_OWN;
	if (own >= 0)
		o->fd = own;
}

void out_grow(struct out *o, int bytes)
{
	if (o->pipe && fcntl(o->fd, F_GETPIPE_SZ) < bytes)
		fcntl(o->fd, F_SETPIPE_SZ, bytes);
}

static ssize_t write_small(int fd, const struct iovec *iov)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	if (poll(&p, 1, 0) <= 0)
		return -EAGAIN;
	ssize_t n = write(fd, iov->iov_base, iov->iov_len < PIPE_BUF ? iov->iov_len : PIPE_BUF);
	return n < 0 ? -errno : n;
}

ssize_t out_write(struct out *o, const struct iovec *iov, int n)
{
	ssize_t done;
	do {
		if (o->way == OUT_SMALL) {
			done = write_small(o->fd, iov);
		} else if (o->way == OUT_SOCKET) {
			struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
			done = sendmsg(o->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
			done = done < 0 ? -errno : done;
		} else {
			done = writev(o->fd, iov, n);
			done = done < 0 ? -errno : done;
		}
	} while (done == -EINTR);
	// A terminal that hung up says EIO; for a writer that is the same as a pipe without a reader.
	return done == -EIO && o->way != OUT_FILE ? -EPIPE : done;
}
