// system.limits: what ulimit says for the worker, from /proc/PID/limits: soft limits by name, hard ones as NAME_hard. "unlimited"
// is a word, not a number. RDMA and pinned memory need memlock, many workers and safetensors shards need nofile.
//
//	{"nofile": 1024, "nofile_hard": 1048576, "memlock": 65536, "memlock_hard": "unlimited", "nproc": 63304, ...}
#include "parse/proc_fields.h"
#include "probe/source.h"

enum { LIMITS_MAX = 1 << 16 };

void ff_probe_limits(struct ff_probe_ctx *ctx)
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
