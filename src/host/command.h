// A program run as a disposable process with a deadline: crash, hang and exit code are answers.
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <sys/types.h>

enum { FF_COMMAND_OUTPUT_MAX = 256 << 10 };

/** How it ended. Release `output` with ff_buf_deinit(). */
struct ff_command_result {
	int exit_code;	  /**< when it left by itself; -1 otherwise */
	int signal;	  /**< that killed it, 0 for none */
	bool timed_out;	  /**< it was killed at the deadline (or hangs in a driver call and cannot be) */
	double took_ms;	  /**< until it ended or was given up */
	int64_t peak_rss; /**< bytes; 0 when it could not be reaped */
	/** Stdout and stderr as they came; of more than FF_COMMAND_OUTPUT_MAX bytes the newest */
	struct ff_buf output;
};

/** Run argv[0] (a path) with this environment, standard input empty, in a session of its own; everything it started in
    that session dies with it. Fails only when it cannot be started. */
struct ff_error *ff_command_run(char *const argv[], unsigned deadline_ms, struct ff_command_result *ret);

/** The same until *stop is not 0, which a signal handler may set: then it is killed, and FF_EOS says so. */
struct ff_error *ff_command_run_until(
	char *const argv[], unsigned deadline_ms, const volatile int *stop, struct ff_command_result *ret);

/** A program whose standard output is read while it runs. */
struct ff_command_stream {
	int fd;	       /**< read it to its end */
	int errors;    /**< what it wrote to standard error; -1 where that is in the stream */
	pid_t watcher; /**< keeps the deadline, also while the reader waits */
};

/** Start argv[0] as ff_command_run() does; at the deadline it is killed, which ends the stream. With `joined` standard
    error comes in the stream too. */
struct ff_error *ff_command_stream_open(
	char *const argv[], unsigned deadline_ms, bool joined, struct ff_command_stream *ret);

/** End it, also before the end of the stream. Of the result exit_code (128 and the signal's number for one that killed
    it), timed_out and `output` are set; the latter is the beginning of standard error, where that was kept apart. */
void ff_command_stream_close(struct ff_command_stream *stream, struct ff_command_result *ret);

/** The path of a program on PATH (or `word` itself, when a slash is in it), for argv[0]; NULL when there is none. The
    caller frees it. */
char *ff_command_find(const char *word);
