// Where an agent listens: the agents that run leave their addresses in the state folder.
#pragma once

#include <stdbool.h>

enum { FF_AGENT_URL_MAX = 320 };

/** The address of the newest agent that lives and runs with this state folder (NULL: the usual one). */
bool ff_agent_url(const char *dir, char ret[FF_AGENT_URL_MAX]);
