// A container by its name, for commands that look at one: its process, facts and log. Nothing in it is changed.
#pragma once

#include <firstfix/firstfix.h>

#include "host/command.h"

/** What the command line said; one of them or none. Put FF_CONTAINER_OPTIONS(&request) into the option table. */
struct ff_container_request {
	const char *container, *pod;
};

#define FF_CONTAINER_OPTIONS(r)                                                                                        \
	{"container", 0, FF_OPT_TEXT, "NAME", "look inside this container (docker, podman, nerdctl), read-only",       \
		&(r)->container},                                                                                      \
	{                                                                                                              \
		"pod", 0, FF_OPT_TEXT, "POD", "look inside this pod, [NAMESPACE/]POD[:CONTAINER], here or by kubectl", \
			&(r)->pod                                                                                      \
	}

enum { FF_CONTAINER_NAME_MAX = 256, FF_CONTAINER_WORDS_MAX = 640 };

/** What was found; release with ff_container_deinit(). */
struct ff_container {
	char *program;			    /**< that knows it: its path */
	char name[FF_CONTAINER_NAME_MAX];   /**< of the container; in a pod "" when it has but one */
	char pod[FF_CONTAINER_NAME_MAX];    /**< "" for none */
	char space[FF_CONTAINER_NAME_MAX];  /**< namespace of the pod, "" for the usual one */
	char id[FF_CONTAINER_NAME_MAX];	    /**< as the runtime calls it; "" for a pod on another machine */
	char state[32];			    /**< "running", "exited with code 137" */
	char words[FF_CONTAINER_WORDS_MAX]; /**< "container worker (docker)" */
	pid_t pid;			    /**< of its first process on this machine; 0 for none */
};

/** Find it by the programs on PATH. A name that is none, a container that is not there, and a program that does not
    answer are errors that say what to do. */
struct ff_error *ff_container_find(const struct ff_container_request *request, struct ff_container *ret);
void ff_container_deinit(struct ff_container *c);

/** Its facts, read inside; an error says why they cannot be had (it is stopped, we may not, firstfix is not in the
    image). `options` as for ff_collect(); pid is set here. */
struct ff_error *ff_container_facts(
	const struct ff_container *c, const struct ff_collect_options *options, struct ff_facts **ret);

/** ff_collect() of the container that the command line named, whose words then go to ret_words; of this machine when it
    named none. */
struct ff_error *ff_container_collect(const struct ff_container_request *request,
	const struct ff_collect_options *options, char ret_words[FF_CONTAINER_WORDS_MAX], struct ff_facts **ret);

/** Its log, to be read from the stream's `fd`. */
struct ff_error *ff_container_log(const struct ff_container *c, struct ff_command_stream *ret);
/** Ends the stream; an error when the log could not be had. *ret_cut: it was not whole at the deadline. */
struct ff_error *ff_container_log_close(const struct ff_container *c, struct ff_command_stream *stream, bool *ret_cut);

#define _cleanup_container_ __attribute__((__cleanup__(ff_container_deinit)))
