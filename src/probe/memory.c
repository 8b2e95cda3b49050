// system.memory, system.shm and system.pressure: /proc/meminfo, the control groups' limits on the way up, out-of-memory
// kills. In a container /proc/meminfo tells of the whole host; what counts is the least limit of the worker's own group
// and those above it, and `available` cannot exceed what that limit leaves. Pages of the file cache count as used there
// although they can be had back, so inactive_file is taken off.
//
//	{"total": 540000000000, "available": 21000000000, "swap": 0, "limit": 34359738368, "current": 13000000000, "oom_kill": 2}
#include "parse/proc_fields.h"
#include "probe/cgroup_tree.h"
#include "probe/source.h"

enum { MEMINFO_MAX = 1 << 16 };

// Names of the same things in both versions.
struct names {
	const char *limit, *swap_limit, *current, *peak, *reclaimable;
};

static const struct names version_1 = {.limit = "memory.limit_in_bytes",
	.swap_limit = "memory.memsw.limit_in_bytes",
	.current = "memory.usage_in_bytes",
	.peak = "memory.max_usage_in_bytes",
	.reclaimable = "total_inactive_file"};
static const struct names version_2 = {.limit = "memory.max",
	.swap_limit = "memory.swap.max",
	.current = "memory.current",
	.peak = "memory.peak",
	.reclaimable = "inactive_file"};

static bool reclaimable_at(
	struct ff_probe_ctx *ctx, const struct ff_cgroup_dir *dir, const struct names *names, uint64_t *ret)
{
	_cleanup_free_ char *text = ff_cgroup_file(ctx, dir, "memory.stat");
	return text && ff_field_u64(ff_span_of(text), names->reclaimable, ret);
}

// Kills by the kernel in this group; version 1 counts them in memory.oom_control since Linux 4.13.
static void put_kills(struct ff_probe_ctx *ctx, const struct ff_cgroup_dir *dir)
{
	_cleanup_free_ char *text = ff_cgroup_file(ctx, dir, dir->unified ? "memory.events" : "memory.oom_control");
	uint64_t kills, max;
	if (text && ff_field_u64(ff_span_of(text), "oom_kill", &kills))
		ff_fact_u64(ctx, "system.memory.oom_kill", kills);
	if (text && dir->unified && ff_field_u64(ff_span_of(text), "max", &max))
		ff_fact_u64(ctx, "system.memory.limit_hit", max);
}

struct budget {
	uint64_t limit, available;
};

static void read_group(struct ff_probe_ctx *ctx, const struct ff_cgroup_dir *dir, struct budget *budget)
{
	const struct names *names = dir->unified ? &version_2 : &version_1;
	uint64_t limit, current, reclaimable = 0;
	if (!ff_cgroup_number(ctx, dir, names->limit, &limit))
		return;
	if (limit < budget->limit)
		budget->limit = limit;
	if (!ff_cgroup_number(ctx, dir, names->current, &current))
		return;
	reclaimable_at(ctx, dir, names, &reclaimable);
	uint64_t held = current > reclaimable ? current - reclaimable : 0;
	uint64_t left = limit > held ? limit - held : 0;
	if (left < budget->available)
		budget->available = left;
}

static void put_groups(struct ff_probe_ctx *ctx, struct budget *budget)
{
	struct ff_cgroup_dir dir;
	if (!ff_cgroup_leaf(ctx, "memory", &dir))
		return;
	const struct names *names = dir.unified ? &version_2 : &version_1;
	uint64_t value;
	ff_fact_int(ctx, "system.memory.cgroup", dir.unified ? 2 : 1);
	if (ff_cgroup_number(ctx, &dir, names->current, &value))
		ff_fact_u64(ctx, "system.memory.current", value);
	if (ff_cgroup_number(ctx, &dir, names->peak, &value))
		ff_fact_u64(ctx, "system.memory.peak", value);
	if (ff_cgroup_number(ctx, &dir, names->swap_limit, &value))
		ff_fact_u64(ctx, "system.memory.swap_limit", value);
	put_kills(ctx, &dir);
	do
		read_group(ctx, &dir, budget);
	while (ff_cgroup_up(&dir));
}

static void put_meminfo(struct ff_probe_ctx *ctx, struct budget *budget)
{
	static const struct {
		const char *field, *fact;
	} fields[] = {
		{"MemTotal", "system.memory.total"},
		{"SwapTotal", "system.memory.swap"},
		{"SwapFree", "system.memory.swap_free"},
		{"Shmem", "system.memory.shared"},
		{"HugePages_Total", "system.memory.huge_pages"},
	};
	_cleanup_free_ char *text = NULL;
	struct ff_error *err = ff_host_read(ctx->host, "/proc/meminfo", MEMINFO_MAX, &text, NULL);
	if (err) {
		ff_miss(ctx, "system.memory", err);
		return;
	}
	uint64_t value;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (ff_field_u64(ff_span_of(text), fields[i].field, &value))
			ff_fact_u64(ctx, fields[i].fact, value);
	}
	// MemAvailable came with Linux 3.14 and is missing under gVisor.
	if (ff_field_u64(ff_span_of(text), "MemAvailable", &value) || ff_field_u64(ff_span_of(text), "MemFree", &value))
		budget->available = value;
}

static void put_pressure(struct ff_probe_ctx *ctx)
{
	static const struct {
		const char *file, *fact;
	} files[] = {
		{"/proc/pressure/cpu", "system.pressure.cpu"},
		{"/proc/pressure/memory", "system.pressure.memory"},
		{"/proc/pressure/io", "system.pressure.io"},
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		_cleanup_free_ char *text = NULL;
		json_t *doc = NULL;
		// Absent where the kernel was built or started without it (EOPNOTSUPP): no miss worth a line.
		_cleanup_error_ struct ff_error *err = ff_host_read(ctx->host, files[i].file, MEMINFO_MAX, &text, NULL);
		if (!err)
			err = ff_pressure_parse(files[i].file, ff_span_of(text), &doc);
		if (!err)
			ff_fact(ctx, files[i].fact, doc);
	}
}

void ff_probe_memory(struct ff_probe_ctx *ctx)
{
	struct budget budget = {.limit = UINT64_MAX, .available = UINT64_MAX};
	put_meminfo(ctx, &budget);
	put_groups(ctx, &budget);
	ff_fact_u64(ctx, "system.memory.limit", budget.limit);
	ff_fact_u64(ctx, "system.memory.available", budget.available);
	put_pressure(ctx);
}
