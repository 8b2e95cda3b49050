// What was asked of a host, kept for a capture: paths, links, byte ranges, from every helper.
#pragma once

#include "host/host.h"

enum ff_trace_kind {
	FF_TRACE_STAT = 'S',
	FF_TRACE_OPEN = 'O',
	FF_TRACE_RANGE = 'B', /**< `n` bytes at `at` were read of a file that is not read whole */
	FF_TRACE_LIST = 'L',
	FF_TRACE_LINK = 'K',
	FF_TRACE_SPACE = 'U',
	FF_TRACE_WRITABLE = 'W',
	FF_TRACE_PROCESS = 'P',	     /**< /proc/PID/<path> of process `at`, 0 the worker */
	FF_TRACE_PROCESS_LINK = 'Q', /**< the same for a link */
};

struct ff_trace;

/** Start to record what is asked of this host, here and in helpers started from now on. */
struct ff_error *ff_trace_start(struct ff_host *host);

/** End it and take the record out of the host; release with ff_trace_destroy(). NULL when it was never started. */
struct ff_trace *ff_trace_stop(struct ff_host *host);
void ff_trace_destroy(struct ff_trace *trace);

static inline void ff_cleanup_trace(struct ff_trace **trace)
{
	ff_trace_destroy(*trace);
}

#define _cleanup_trace_ __attribute__((__cleanup__(ff_cleanup_trace)))

/** Note one thing; does nothing when the host is not recorded. Lock-free: helpers write side by side. */
void ff_trace_note(const struct ff_host *host, enum ff_trace_kind kind, const char *path, uint64_t at, uint64_t n);

struct ff_trace_entry {
	enum ff_trace_kind kind;
	const char *path; /**< borrowed */
	uint64_t at, n;
};

/** Step through the record from *position (0 at first); false at the end. Repetitions are not weeded out. */
bool ff_trace_next(const struct ff_trace *trace, size_t *position, struct ff_trace_entry *ret);

/** True when there was more than the record could hold. */
bool ff_trace_is_full(const struct ff_trace *trace);
