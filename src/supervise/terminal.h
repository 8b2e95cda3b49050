// The terminal: a pseudo-terminal of the worker's own when our stdout is one, and job control in any case.
#pragma once

#include "supervise/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

struct terminal {
	int ahead;  /**< bytes that were typed before the terminal was raw */
	bool own;   /**< the worker gets a terminal of its own */
	bool typed; /**< our stdin is the terminal too: what is typed goes to the worker */
	bool jobs;  /**< our stdin is a terminal: the shell's job control is ours to keep */
	bool front; /**< we were the foreground group when the worker was started: it becomes that */
	bool raw;   /**< our terminal is in raw mode now */
	int master; /**< of the worker's terminal; the stream has its own; -1: none */
	struct termios outer;
	struct watch input;
	size_t n, at; /**< typed bytes that the worker's terminal did not take yet */
	char text[1024];
};

/** Look at our stdin and stdout. `allow` false: pipes in any case. */
void terminal_init(struct terminal *t, bool allow);

/** A new pseudo-terminal with the settings and the size of ours: ends[0] the master, ends[1] for the worker. 0 or
    -errno. */
int terminal_open(struct terminal *t, int ends[2]);

/** In us before the fork: after it our group and the child's are two. */
void terminal_before_start(struct terminal *t);

/** In the child before exec: session and controlling terminal, or process group and foreground. */
void terminal_enter(struct terminal *t, int slave);

/** In us: the worker runs, stopped (then we stop as well, as the shell expects), ended. */
void terminal_started(struct supervisor *s);
void terminal_stopped(struct supervisor *s);
void terminal_ended(struct supervisor *s);

/** SIGCONT and SIGWINCH came. */
void terminal_continued(struct supervisor *s);
void terminal_resized(struct terminal *t);
