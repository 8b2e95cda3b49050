// Whole reads and writes on file descriptors.
#pragma once

#include "base/error.h"
#include "base/str.h"

/** Read fd to its end into *ret (appended). FF_ELIMIT when more than `max` bytes come. `name` is for messages. */
struct ff_error *ff_read_all(int fd, const char *name, size_t max, struct ff_buf *ret);

/** Write everything, retrying on EINTR and short writes. */
struct ff_error *ff_write_all(int fd, const char *name, const void *bytes, size_t n);
