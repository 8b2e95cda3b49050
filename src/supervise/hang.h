// A worker that lives and does nothing: no output, no event in its lanes.
#pragma once

#include "supervise/json_out.h"

#include <stdbool.h>
#include <stdint.h>

struct supervisor;

struct hang {
	uint64_t moved_ns;    /**< when progress was last seen */
	uint64_t next_ns;     /**< when to look again; 0: no watch */
	uint64_t seen, lanes; /**< the worker's reads and its lanes' positions at that time */
	uint64_t quiet_ms;    /**< of the hang that is being reported; 0: none is */
	bool told;	      /**< this one was reported; nothing more until it moves again */
	bool python_dump;     /**< faulthandler was asked for the stacks */
	bool restart;	      /**< the worker is being ended for hanging, to be started again */
};

/** A worker was started. */
void hang_begin(struct supervisor *s);

/** Look, if it is time; dispatches EV_HANG. Returns when to call again, 0 for never. */
uint64_t hang_tick(struct supervisor *s, uint64_t now_ns);

/** Ask an armed faulthandler for the Python stacks; returns the milliseconds after which they are in the tail. */
uint64_t hang_ask_for_stacks(struct supervisor *s);

/** The worker does not end although it was told to: note where it stands, and ask for the stacks. Returns the
    milliseconds after which they are in the tail, 0 when there are none to wait for. */
uint64_t hang_look_at_late(struct supervisor *s);

/** The incident of the hang is done. */
void hang_reported(struct supervisor *s);

/** "hang": {...} of firstfix.death/1, with the state of each thread; "stop_timeout": {...} of one that did not end in
    time. */
void hang_write(struct supervisor *s, struct json_out *j);
void hang_write_late(const struct supervisor *s, struct json_out *j);
