// system.limits: what ulimit says for the worker, from /proc/PID/limits: soft limits by name, hard ones as NAME_hard.
// "unlimited" is a word, not a number. RDMA and pinned memory need memlock, many workers and safetensors shards need
// nofile. `pids` is the least limit of processes and threads in the control groups, which is what "can't start new
// thread" in a container means; `pids_current` is how many run in the group that sets it.
//
//	{"nofile": 1024, "nofile_hard": 1048576, "memlock": 65536, "memlock_hard": "unlimited", "nproc": 63304, "pids": 256, ...}
#include "parse/proc_fields.h"
#include "probe/cgroup_tree.h"
#include "probe/source.h"

enum { LIMITS_MAX = 1 << 16 };

static void put_pids(struct ff_probe_ctx *ctx)
{
	struct ff_cgroup_dir dir, least_dir = {0};
	uint64_t least = UINT64_MAX, limit, current;
	for (bool more = ff_cgroup_leaf(ctx, "pids", &dir); more; more = ff_cgroup_up(&dir)) {
		if (!ff_cgroup_number(ctx, &dir, "pids.max", &limit) || limit >= least)
			continue;
		least = limit;
		least_dir = dir;
	}
	if (least == UINT64_MAX)
		return;
	ff_fact_u64(ctx, "system.limits.pids", least);
	if (ff_cgroup_number(ctx, &least_dir, "pids.current", &current))
		ff_fact_u64(ctx, "system.limits.pids_current", current);
}

static void put_ulimits(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *text = ff_source_process(ctx, "limits", LIMITS_MAX, "system.limits");
	if (!text)
		return;
	json_t *limits = NULL;
	struct ff_error *err = ff_limits_parse("/proc/PID/limits", ff_span_of(text), &limits);
	if (err)
		ff_miss(ctx, "system.limits", err);
	else
		ff_fact(ctx, "system.limits", limits);
}

void ff_probe_limits(struct ff_probe_ctx *ctx)
{
	put_ulimits(ctx);
	put_pids(ctx);
}
