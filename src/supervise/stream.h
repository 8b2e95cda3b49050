// One output stream of the worker on its way to ours: pipe or terminal -> tail -> stdout or stderr.
#pragma once

#include "supervise/loop.h"
#include "supervise/out.h"
#include "supervise/tail.h"

#include <stdbool.h>

/** Size of the worker's pipe; so much of the tail's ring is kept free while the worker lives. */
enum { PIPE_BYTES = 256 * 1024 };

struct stream {
	struct watch in;    /**< our end of the worker's pipe, or the master of its terminal */
	struct watch drain; /**< our stdout or stderr, while it takes nothing */
	struct out out;
	struct tail tail;
	uint64_t done;	   /**< bytes of tail.total that `out` has taken */
	uint64_t handed;   /**< bytes that tee(2) gave to `out` and that are still to be read into the tail */
	uint64_t lost;	   /**< bytes that `out` refused for good (disk full) */
	uint64_t moved_ns; /**< when `out` last took something */
	bool terminal; /**< `in` is the master of a terminal: it ends with EIO and may lag behind the worker's exit */
	bool grown;    /**< our pipe was made as large as the worker's */
	bool small;    /**< the last read was a small one */
	bool open;     /**< our stdout or stderr was open when we began */
	bool used;     /**< a worker writes, or wrote, to it */
	bool all;      /**< the worker is dead: read what is left, whether `out` takes it or not */
};

/** Begin to pass on. `in` is owned from now on and must be non-blocking; the tail and `out` are set. */
void stream_start(struct supervisor *s, struct stream *st, int in, bool terminal);

/** Move what can be moved without waiting. */
void stream_pump(struct supervisor *s, struct stream *st);

/** True when nothing waits at the worker's end; and when ours has taken everything that was read. */
bool stream_is_read(const struct stream *st);
bool stream_is_written(const struct stream *st);

/** Stop reading and forget the tail; its file stays. */
void stream_stop(struct supervisor *s, struct stream *st);

/** The end: say what was lost, keep or remove the tail's file. */
void stream_leave(struct supervisor *s, struct stream *st, bool keep_tail);
