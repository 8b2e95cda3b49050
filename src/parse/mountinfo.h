// /proc/PID/mountinfo: what is mounted where.
#pragma once

#include "base/error.h"
#include "base/str.h"

enum { FF_MOUNT_PATH = 4096 };

/** One mount. Spans point into the text; `point` and `root` are decoded (\040 is a blank). */
struct ff_mount {
	char root[FF_MOUNT_PATH];  /**< which folder of the file system is seen here */
	char point[FF_MOUNT_PATH]; /**< where */
	struct ff_span options, type, source, super_options;
};

/** Read the next mount from *rest; false at the end. Lines that are no mount are skipped. */
bool ff_mount_next(struct ff_span *rest, struct ff_mount *ret);

/** The mount that a path (absolute, links resolved) lies on: the longest mount point, of equal ones the last. */
bool ff_mount_of(struct ff_span text, const char *path, struct ff_mount *ret);

/** True when a comma-separated option list holds the word. */
bool ff_mount_has(struct ff_span options, const char *word);

/** True for file systems that live on another machine (nfs, ceph, fuse.*, lustre, ...). */
bool ff_mount_is_network(const struct ff_mount *mount);
