// The agent beside the worker (--listen): started before it, told what happens, restarted when it dies. Nobody
// waits for it before the worker's end is over; then it may still send what it has, for a moment.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct supervisor;

struct agent {
	pid_t pid; /**< 0: none runs */
	int pipe;  /**< our end of its standard input, -1 without one */
	uint64_t started_ns, again_ns;
	unsigned deaths; /**< in a row */
	bool given_up;	 /**< it was told something that makes no sense */
};

/** Start it, where it is asked for. */
void agent_begin(struct supervisor *s);

/** Tell it the state and the worker. Never blocks: what an agent that hangs does not read is dropped. */
void agent_tell(struct supervisor *s);

/** A child was reaped: true when it was the agent. */
bool agent_reaped(struct supervisor *s, pid_t pid, int status);

/** Tell it that all is over and wait until it has left, three seconds at most: as PID 1 we would take it with us. */
void agent_end(struct supervisor *s);

/** Start it again when its pause is over. Returns when that is, 0 for never. */
uint64_t agent_tick(struct supervisor *s, uint64_t now_ns);
