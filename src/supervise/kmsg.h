// What the kernel logged while the worker ran, where we may read it.
#pragma once

#include "supervise/json_out.h"

#include <sys/types.h>

enum { KMSG_BYTES = 8192 };

struct kmsg {
	int fd; /**< -1: not readable, as in most containers */
	size_t n;
	char text[KMSG_BYTES]; /**< the lines of interest, newline-terminated */
};

/** Open /dev/kmsg at its end. */
void kmsg_open(struct kmsg *k);

/** True when the numbers in the kernel's log are those that we see: outside of every container. */
bool kmsg_numbers_are_ours(void);

/** Read what came since: lines that speak of killed, crashed or lost are kept (OOM, segfaults, NVIDIA Xid). */
void kmsg_collect(struct kmsg *k);

/** True when a kept line holds this text. */
bool kmsg_mentions(const struct kmsg *k, const char *text);

/** "kmsg": [...] with the kept lines but for those about another process than one of `pids`; nothing when there are
    none. In a container, where the numbers are the host's, a line about a process counts only when the worker ended
    that way (`oom`, `crash`). Forgets them. */
void kmsg_write(struct kmsg *k, struct json_out *j, const pid_t *pids, size_t n, bool oom, bool crash);
