// system.cpu: model, cores, the instruction sets that inference code asks for, and how many cores may be used: the
// least of affinity (Cpus_allowed_list) and the control groups' quota on the way up. A container with 2 CPUs on a
// 128-core host shows 128 in /proc/cpuinfo and to OpenMP; that is how a worker comes to run 128 threads on 2 CPUs.
//
//	{"model": "AMD EPYC 7B13", "cores": 128, "cores_allowed": 128, "quota": 2.0, "cores_usable": 2, "flags": ["avx2"]}
#include "parse/cgroup.h"
#include "parse/cpuinfo.h"
#include "parse/proc_fields.h"
#include "probe/cgroup_tree.h"
#include "probe/source.h"

enum { CPUINFO_MAX = 8 << 20, STATUS_MAX = 1 << 16 };

// How many thousandths of a CPU one control group may use; version 1 says quota and period in two files.
static bool quota_at(struct ff_probe_ctx *ctx, const struct ff_cgroup_dir *dir, uint64_t *ret)
{
	_cleanup_free_ char *quota = ff_cgroup_file(ctx, dir, dir->unified ? "cpu.max" : "cpu.cfs_quota_us");
	if (!quota)
		return false;
	if (dir->unified)
		return ff_cgroup_cpu_max(ff_span_of(quota), ret);
	_cleanup_free_ char *period = ff_cgroup_file(ctx, dir, "cpu.cfs_period_us");
	uint64_t q, p;
	if (!period || !ff_cgroup_limit(ff_span_of(quota), &q) || !ff_cgroup_limit(ff_span_of(period), &p) || !p ||
		__builtin_mul_overflow(q, (uint64_t)1000, &q))
		return false;
	*ret = q / p;
	return true;
}

void ff_probe_cpu(struct ff_probe_ctx *ctx)
{
	uint64_t usable = 0, allowed, milli = UINT64_MAX;
	_cleanup_free_ char *cpuinfo = ff_source_text(ctx, "/proc/cpuinfo", CPUINFO_MAX, "system.cpu");
	if (cpuinfo) {
		json_t *cpu = NULL;
		struct ff_error *err = ff_cpuinfo_parse(ff_span_of(cpuinfo), &cpu);
		int64_t cores = 0;
		if (!err && ff_json_int(cpu, "cores", &cores))
			usable = (uint64_t)cores;
		if (err)
			ff_miss(ctx, "system.cpu", err);
		else
			ff_fact(ctx, "system.cpu", cpu);
	}
	_cleanup_free_ char *status = ff_source_process(ctx, "status", STATUS_MAX, "system.cpu.cores_usable");
	struct ff_span list;
	if (status && ff_field_text(ff_span_of(status), "Cpus_allowed_list", &list) &&
		ff_cpu_list_count(list, &allowed)) {
		ff_fact_u64(ctx, "system.cpu.cores_allowed", allowed);
		// An affinity may name CPUs that the machine does not have.
		usable = usable && usable < allowed ? usable : allowed;
	}
	struct ff_cgroup_dir dir;
	for (bool more = ff_cgroup_leaf(ctx, "cpu", &dir); more; more = ff_cgroup_up(&dir)) {
		uint64_t here;
		if (quota_at(ctx, &dir, &here) && here < milli)
			milli = here;
	}
	if (milli != UINT64_MAX) {
		ff_fact(ctx, "system.cpu.quota", json_real((double)milli / 1000));
		uint64_t whole = milli / 1000 ? milli / 1000 : 1;
		usable = usable && usable < whole ? usable : whole;
	}
	if (usable)
		ff_fact_u64(ctx, "system.cpu.cores_usable", usable);
}
