// Quick deaths of one command, remembered across restarts of the container: the circuit breaker against crash loops.
#pragma once

#include <stdbool.h>

struct state_dir;

/** Note a death. True when there were too many in too short a time: restarting again only costs money. */
bool tally_add(const struct state_dir *d, const char *key);

/** A start was good: forget them. */
void tally_clear(const struct state_dir *d, const char *key);
