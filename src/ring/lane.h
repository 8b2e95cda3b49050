// Makes the file of a lane and maps it. No allocation, no lock: a forked child does this in its first event, which may
// be in a signal handler. Errors are errno values.
#pragma once

#include "ring/write.h"

/** What a lane is made from; all of it is known before the first fork. */
struct ff_lane_spec {
	size_t size; /**< bytes of events; rounded up to whole blocks */
	bool sync;
	uint8_t boot_id[16];
};

/** Fill `fd`, an empty file, and map it. Its space is reserved, so that a full disk fails here and not as SIGBUS later.
    0 or errno. */
int ff_lane_make(int fd, const struct ff_lane_spec *spec, struct ff_lane *ret);

/** The boot id of the running kernel; zeros where it cannot be read. */
void ff_lane_boot_id(uint8_t ret[16]);

/** Field 22 of /proc/PID/stat: when a process started, in clock ticks since boot. False when there is no such
    process. */
bool ff_lane_start_time(uint32_t pid, uint64_t *ret);

/** "<pid>-<start>[-<again>].ring" in `dir`; false when it does not fit. */
bool ff_lane_path(const char *dir, uint32_t pid, uint64_t start, unsigned again, size_t n, char *ret);
