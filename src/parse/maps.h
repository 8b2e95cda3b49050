// /proc/PID/maps: which files a process has mapped.
#pragma once

#include "base/error.h"
#include "base/str.h"

/** One mapping of a file; `path` points into the text. */
struct ff_map_line {
	struct ff_span path;
	bool executable, deleted;
};

/** The next mapping that has a file (no [heap], no anonymous memory, no /dev, /memfd or SysV); false at the end. */
bool ff_map_next(struct ff_span *rest, struct ff_map_line *ret);
