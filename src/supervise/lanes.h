// The lanes of the worker and its descendants, as far as the supervisor looks: do they grow?
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct supervisor;

/** True for a living descendant of this process. */
bool is_descendant(pid_t pid);

/** A number that changes when any of them gets an event. */
uint64_t lanes_position(struct supervisor *s);
