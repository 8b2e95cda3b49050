// The worker's processes as /proc shows them: which there are, what they use, whether anything moves.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { FF_PROCS_MAX = 256 };

struct ff_proc {
	pid_t pid;
	uint64_t start_ticks;
};

/** One look at all of them. Bytes; counters are sums over those that live. */
struct ff_usage_of {
	unsigned processes;
	uint64_t rss, pss, cpu_ticks, io_bytes;
	uint64_t fds, fds_max; /**< of the root process */
	bool listening;
};

struct ff_procs {
	struct ff_proc list[FF_PROCS_MAX];
	unsigned n;
	uint64_t looked_ns, slow_ns; /**< when the tree was walked, when costly numbers were read */
	struct ff_usage_of now;
};

/** True when this very process lives (not one that got its number later); start_ticks 0 takes any. Zombies do not
    live. Where there is no /proc, any process of that number will do, and *ret_start_ticks is left alone. */
bool ff_proc_lives(pid_t pid, uint64_t start_ticks, uint64_t *ret_start_ticks);

/** True when `pid` is `root` or below it. */
bool ff_proc_is_below(pid_t pid, pid_t root);

/** Look at `root` and everything below it. `will_listen`: whether it has a listening socket is asked each time until it
    has. */
void ff_procs_look(struct ff_procs *p, pid_t root, bool will_listen, uint64_t now_ns);

/** Limits and use of a process' control group; 0 where not known. */
struct ff_group {
	uint64_t current, limit, oom_kills;
};

void ff_group_read(pid_t pid, struct ff_group *ret);

/** Resident bytes and CPU seconds of this very process. */
void ff_self_usage(uint64_t *ret_rss, double *ret_cpu_s);
