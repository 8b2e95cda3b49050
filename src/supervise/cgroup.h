// Memory counters of our control group, taken before the worker starts and after it died.
#pragma once

#include "supervise/json_out.h"

#include <stdbool.h>
#include <stdint.h>

enum cgroup_counter { CG_LIMIT, CG_CURRENT, CG_PEAK, CG_LIMIT_HITS, CG_OOM_KILL, N_CG };

/** Where our memory controller's files are; version 0: nowhere to be found. */
struct cgroup {
	int version;
	char path[512];
};

struct cgroup_counts {
	bool known[N_CG];
	uint64_t value[N_CG];
};

void cgroup_find(struct cgroup *cg);
void cgroup_read(const struct cgroup *cg, struct cgroup_counts *ret);

/** {"limit": 0, "current": 0, ...} under `key`; what is not known is left out. */
void cgroup_write(struct json_out *j, const char *key, const struct cgroup_counts *counts);

/** True and *ret the growth, when a counter is known in both. */
bool cgroup_growth(const struct cgroup_counts *before, const struct cgroup_counts *after, enum cgroup_counter which,
	uint64_t *ret);
