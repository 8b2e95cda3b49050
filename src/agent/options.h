// What the agent was told. options.def is the one list; cli/cmd_agent.c makes --help from it.
#pragma once

#include <stdbool.h>

struct ff_agent_options {
	const char *dir, *listen, *tls_cert, *tls_client_ca, *tls_key, *token_file;
	int idle_after, insecure, max_in_flight, pid, ready_after, request_max, stall_after;
	// Not for people.
	const char *run;  /**< id of the run that a supervisor watches; its words come on standard input */
	bool gpu_helper;  /**< be the process that asks the driver */
	bool health_once; /**< say how the worker is and end */
};

/** Read environment and command line (--name=VALUE). False after saying what is wrong. */
bool ff_agent_options_parse(int argc, char **argv, struct ff_agent_options *ret);
