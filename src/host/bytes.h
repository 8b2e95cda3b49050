// A file of the machine as random access bytes (parse/bytes.h): opened, never mapped.
#pragma once

#include "host/host.h"
#include "parse/bytes.h"

struct ff_file {
	struct ff_bytes bytes;
	struct ff_host *host; /**< borrowed */
	int fd;
	char *path;
	dev_t dev;
	ino_t ino;
};

/** Open a regular file; release with ff_file_deinit(). `file` must not move while bytes are read. */
struct ff_error *ff_file_open(struct ff_host *host, const char *path, struct ff_file *file);
void ff_file_deinit(struct ff_file *file);

#define _cleanup_file_ __attribute__((__cleanup__(ff_file_deinit)))

/** A closed file, so that deinit of it does nothing. */
#define FF_FILE_CLOSED   \
	{                \
		.fd = -1 \
	}
