// The lanes of the worker and its descendants: do they grow, and does somebody still have to tell of their end?
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct supervisor;

/** A number that changes when any of them gets an event. */
uint64_t lanes_position(struct supervisor *s);

/** True when somebody has ever recorded here. */
bool lanes_any(struct supervisor *s);

/** How the worker ended is known, and where it was asked to stop, what it had started stopped with it: nobody needs to
    tell of their lanes. */
void lanes_close(struct supervisor *s);
