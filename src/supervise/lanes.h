// The lanes of the worker and its descendants, as far as the supervisor looks: do they grow?
#pragma once

#include <stdint.h>

struct supervisor;

/** A number that changes when any of them gets an event. */
uint64_t lanes_position(struct supervisor *s);
