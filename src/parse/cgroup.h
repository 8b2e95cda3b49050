// /proc/PID/cgroup and the small files of a control group, versions 1 and 2.
#pragma once

#include "base/error.h"
#include "base/str.h"

/** The path that a process has in the unified hierarchy (controller NULL) or in a version 1 controller's ("memory"). */
bool ff_cgroup_path(struct ff_span text, const char *controller, struct ff_span *ret);

/** A limit file: true with *ret for a number; false for "max", for version 1's "none" (around 2^63) and -1, and for
    garbage. */
bool ff_cgroup_limit(struct ff_span text, uint64_t *ret);

/** cpu.max ("200000 100000"): how many CPUs may be used, in thousandths. False when there is no limit. */
bool ff_cgroup_cpu_max(struct ff_span text, uint64_t *ret_milli);

/** The container's id (64 hex digits) in any line of /proc/PID/cgroup or mountinfo. */
bool ff_cgroup_container_id(struct ff_span text, struct ff_span *ret);
