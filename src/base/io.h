// Whole reads and writes on file descriptors.
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <limits.h>
#include <sys/types.h>

/** Open what a user named, without waiting for somebody to write into a FIFO; what its writer is slow to send is waited
    for when it is read (`--facts <(ssh host firstfix report --json)`). -1 and errno when it cannot be opened. */
int ff_open_named(const char *path);

/** Read fd to its end into *ret (appended). FF_ELIMIT when more than `max` bytes come. `name` is for messages. */
struct ff_error *ff_read_all(int fd, const char *name, size_t max, struct ff_buf *ret);

/** Write everything, retrying on EINTR and short writes. */
struct ff_error *ff_write_all(int fd, const char *name, const void *bytes, size_t n);

/** A file that appears whole or not at all: write to `fd`, then commit. Release with ff_new_file_deinit(); without a
    commit nothing has happened. What is there and no regular file (/dev/null, a FIFO) is written as it is, never
    replaced; a link's target is replaced, not the link. */
struct ff_new_file {
	int fd;
	mode_t mode; /**< of the file that is replaced, 0 where there is none; uid and gid are its owner's */
	uid_t uid;
	gid_t gid;
	char path[PATH_MAX], temporary[PATH_MAX]; /**< no temporary: written in place */
};

struct ff_error *ff_new_file_open(const char *path, struct ff_new_file *ret);

/** Put it there, with `mode`, or with the mode and owner of the file that it replaces. */
struct ff_error *ff_new_file_commit(struct ff_new_file *file, mode_t mode);
void ff_new_file_deinit(struct ff_new_file *file);

#define _cleanup_new_file_ __attribute__((__cleanup__(ff_new_file_deinit)))
