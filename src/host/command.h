// A program run as a disposable process with a deadline: crash, hang and exit code are answers.
#pragma once

#include "base/error.h"
#include "base/str.h"

enum { FF_COMMAND_OUTPUT_MAX = 256 << 10 };

/** How it ended. Release `output` with ff_buf_deinit(). */
struct ff_command_result {
	int exit_code;	  /**< when it left by itself; -1 otherwise */
	int signal;	  /**< that killed it, 0 for none */
	bool timed_out;	  /**< it was killed at the deadline (or hangs in a driver call and cannot be) */
	double took_ms;	  /**< until it ended or was given up */
	int64_t peak_rss; /**< bytes; 0 when it could not be reaped */
	struct ff_buf
		output; /**< stdout and stderr as they came; of more than FF_COMMAND_OUTPUT_MAX bytes the newest */
};

/** Run argv[0] (a path) with this environment, standard input empty, in a session of its own; everything it started in that
    session dies with it. Fails only when it cannot be started. */
struct ff_error *ff_command_run(char *const argv[], unsigned deadline_ms, struct ff_command_result *ret);
