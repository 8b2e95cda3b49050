// Our stdout and stderr, written without ever blocking and without changing them for those we share them with.
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/** How a descriptor is kept from blocking. O_NONBLOCK belongs to the open file, which our parent shares: we must not
    set it. */
enum out_way {
	OUT_CLOSED, /**< the descriptor is not open, or its reader has gone */
	OUT_FILE,   /**< a regular file or /dev/null: a write returns */
	OUT_OWN,    /**< a pipe or terminal opened anew through /proc/self/fd, so O_NONBLOCK is ours alone */
	OUT_SOCKET, /**< send(MSG_DONTWAIT) */
	OUT_SMALL,  /**< poll(2) said writable: up to PIPE_BUF bytes do not block */
};

struct out {
	int fd;
	enum out_way way;
	bool pipe; /**< tee(2) works on it */
	bool terminal;
};

/** Make a pipe larger, if it is smaller; it may be refused. */
void out_grow(struct out *o, int bytes);

/** Look at descriptor `fd` (1 or 2) and choose the way. */
void out_init(struct out *o, int fd);

/** Bytes taken, or -EAGAIN, -EPIPE (also for a terminal that hung up), or another -errno. */
ssize_t out_write(struct out *o, const struct iovec *iov, int n);
