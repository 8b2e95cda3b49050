// The unit of diagnosis: an exception with its frames and its chain, a loader line, a kernel line, a death; not a line.
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "log/line.h"

enum ff_event_kind {
	FF_EVENT_LINE,	    /**< any other line */
	FF_EVENT_EXCEPTION, /**< a Python exception, with or without its traceback */
	FF_EVENT_WARNING,   /**< a Python warning ("file.py:1: UserWarning: ...") */
	FF_EVENT_LOADER,    /**< the dynamic loader: a library or a symbol version that is not there */
	FF_EVENT_KERNEL,    /**< the kernel: NVRM Xid, OOM killer */
	FF_EVENT_NCCL,	    /**< NCCL WARN */
	FF_EVENT_DEATH,	    /**< a process ended: Killed, SIGKILL, exit code 137, core dumped */
};

enum ff_chain {
	FF_CHAIN_NONE,
	FF_CHAIN_CONTEXT, /**< "During handling of the above exception, another exception occurred" */
	FF_CHAIN_CAUSE,	  /**< "The above exception was the direct cause of the following exception" */
};

/** What becomes of an exception that was caught, as the line above it says. */
enum ff_caught {
	FF_CAUGHT_IDLE,	  /**< nothing depends on it */
	FF_CAUGHT_ONWARD, /**< the program goes on by another way: it did not matter where a sign of health follows */
	FF_CAUGHT_APART,  /**< a part of the program (a plugin) is left out */
};

struct ff_frame {
	char *file, *func; /**< func may be "" */
	uint32_t line;
	bool raises; /**< its source line is seen, and it raises words of its own */
};

enum {
	FF_EVENTS_KEPT = 2048,	/**< so many of the first and so many of the newest events of a log are kept */
	FF_FRAMES_MAX = 64,	/**< frames of one traceback: the outermost 8 and the innermost */
	FF_MESSAGE_MAX = 16384, /**< bytes of one message */
	FF_MESSAGE_LINES = 60,	/**< lines of one message */
};

struct ff_event {
	enum ff_event_kind kind;
	enum ff_level level;  /**< warning, error, ... ; exceptions are errors unless a prefix says less */
	char *source;	      /**< "" when nobody is named */
	uint64_t first, last; /**< line numbers */
	char *type;	      /**< "OutOfMemoryError"; "" for what is no exception */
	char *qualified;      /**< "torch.OutOfMemoryError" */
	char *message;	      /**< without the type; lines joined by '\n' */
	struct ff_frame *frames;
	size_t frame_count;
	size_t inner;	     /**< index of the exception that this one follows from, FF_EVENT_NO_INNER for none */
	enum ff_chain chain; /**< how */
	bool traceback;	     /**< a traceback stood above it */
	bool stated;	     /**< a prefix or a landmark says its level, not only its words */
	bool rejoined;	     /**< the message had been broken at the width of a terminal */
	uint64_t progress;   /**< line number of the first sign of health after it, 0 for none */
	uint64_t asked;	     /**< the request that it was about (log/request.h), FF_REQUEST_NONE */
	uint32_t run;	     /**< the run it stands in */
	bool onward;	     /**< who printed it said that the program goes on by another way, or without that part */
	bool skipped;	     /**< the latter */
	bool apart;	     /**< it kept a plugin from being loaded */
	bool history;	     /**< a later run, or the end of its own, shows that it did not matter */
	bool refused;	     /**< and that is because a server told its caller that the request was wrong */
};

#define FF_EVENT_NO_INNER ((size_t)-1)

struct ff_events;

struct ff_error *ff_events_create(struct ff_events **ret);
void ff_events_destroy(struct ff_events *events);

/** Take the next line. Lines come in order; a gap in the numbers ends what is open. */
void ff_events_line(struct ff_events *events, const struct ff_line *line);

/** True when the line just taken is source code, shown below a frame of a traceback: what it says did not happen. */
bool ff_events_source_code(const struct ff_events *events);

/** A place that a signature matched in the line just taken: the event it belongs to. Makes a LINE event where no other
    holds it. An exception whose message is still being read is given too; its fields are complete after
    ff_events_end(). With `read_on` the lines that follow are wanted (ff_events_busy()). Returns FF_EVENT_NO_INNER when
    memory is out. */
size_t ff_events_place(struct ff_events *events, const struct ff_line *line, bool read_on);

/** A sign of health of this run at this line: this request was answered (FF_REQUEST_NONE: other work, a training step).
    Returns true where events are left that were about other requests. */
bool ff_events_progress(struct ff_events *events, uint32_t run, uint64_t number, uint64_t request);

/** This event was about that request: what answers others clears it not. */
void ff_events_about(struct ff_events *events, size_t index, uint64_t request);

/** The line `by`, which may be its own, says that this event does not matter. */
void ff_events_harmless(struct ff_events *events, size_t index, uint64_t by);

/** This event did not matter in the end, as the line `by` shows. What the kernel says of the machine stays. */
void ff_events_outlive(struct ff_events *events, size_t index, uint64_t by);

/** The same where the line `by` tells the caller that the request was wrong, which its server may have made up. */
void ff_events_refuse(struct ff_events *events, size_t index, uint64_t by);

/** The next traceback of who said this line was caught. */
void ff_events_caught_next(struct ff_events *events, const struct ff_line *line, enum ff_caught how);

/** Who printed this exception goes on without the part that raised it. */
void ff_events_skipped(struct ff_events *events, size_t index);

/** True when the line just taken was read as one more line of a message. */
bool ff_events_in_message(const struct ff_events *events);

/** The event that holds the line just taken, FF_EVENT_NO_INNER for none. */
size_t ff_events_current(const struct ff_events *events);

/** An event's line says more than its prefix: it is of this level at least. */
void ff_events_raise(struct ff_events *events, size_t index, enum ff_level level);

/** True when lines that follow are needed to finish what is open. */
bool ff_events_busy(const struct ff_events *events, uint64_t number);

/** True when they are needed because a place of a signature is near. */
bool ff_events_watched(const struct ff_events *events, uint64_t number);

/** What is open for the line of this number, as a hash; 0 for nothing. Lines that are the same mean the same where it
    is the same. *ret_begun: who said the line just taken has nothing open that this line has not begun. */
uint64_t ff_events_state(const struct ff_events *events, uint64_t number, bool *ret_begun);

/** The next line does not follow on the last one: end what is open. */
void ff_events_break(struct ff_events *events);

/** No more lines. FF_ENOMEM when anything was lost for want of memory. */
struct ff_error *ff_events_end(struct ff_events *events);

/** Events are numbered from 0; of very many, those in the middle are forgotten and are NULL. */
size_t ff_events_count(const struct ff_events *events);
const struct ff_event *ff_events_at(const struct ff_events *events, size_t index);

/** The exception that ended it all: the last error exception with no sign of health after it; FF_EVENT_NO_INNER. */
size_t ff_events_fatal(const struct ff_events *events);

/** The deepest exception of the chain that `index` ends. */
size_t ff_events_deepest(const struct ff_events *events, size_t index);
