// Writes what a record says was read into a folder that ff_host_create({.root}) takes for that machine.
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "host/trace.h"

struct ff_capture_job {
	/** Append text to `out` with its secrets masked. */
	struct ff_error *(*mask)(struct ff_span text, struct ff_buf *out);
	const json_t *live;    /**< what .firstfix/live.json holds of itself: env, nvml, ...; already masked */
	const json_t *cmdline; /**< the worker's arguments, already masked; NULL for none */
};

/** Make the folder, or take an empty one; FF_EUSAGE when it holds anything. The descriptor is the caller's. */
struct ff_error *ff_capture_open(const char *dir, int *ret_fd);

/** Write the machine. Everything is made below `dir_fd`, no link is followed there. What could not be kept stands in
    live.json's "left_out": [{"path", "why"}]. */
struct ff_error *ff_capture_write(
	struct ff_host *host, const struct ff_trace *trace, const struct ff_capture_job *job, int dir_fd);
