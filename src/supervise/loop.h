// What the main loop waits for: a descriptor and the function that is called when it is ready.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct supervisor;

struct watch {
	void (*ready)(struct supervisor *s, struct watch *w, uint32_t events);
	void *of;	 /**< whatever the function needs */
	int fd;		 /**< -1: closed */
	bool armed;	 /**< in the epoll set */
	uint32_t events; /**< what it is armed for */
};

/** Wait for `events` on the descriptor; 0 stops waiting. Taking it out of the set, not just clearing the mask: a
    hang-up is reported whatever the mask says, and would spin. -EPERM: a regular file, which is always ready. */
int watch_set(int epoll, struct watch *w, uint32_t events);

/** Stop waiting and close. */
void watch_close(int epoll, struct watch *w);
