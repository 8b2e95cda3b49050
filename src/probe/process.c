// process: the process looked at (--pid), or firstfix itself: who it is, how large, since when, under whom; and with
// --pid the libraries it has really mapped, which is what the loader chose and not what we think it would. A library
// that was replaced on the disk since says so: an upgrade under a running worker.
//
//	{"pid": 4711, "name": "python3", "exe": "/usr/bin/python3.10", "cmdline": ["python3", "handler.py"], "rss": 17179869184,
//	 "threads": 64, "started": "2026-11-23T03:14:03.000Z", "uid": 0, "parents": [{"pid": 1, "name": "tini"}],
//	 "libraries": [{"path": "/usr/local/lib/python3.10/dist-packages/nvidia/cublas/lib/libcublas.so.12", "from": "pip"}]}
#include "base/clock.h"
#include "parse/maps.h"
#include "parse/proc_fields.h"
#include "probe/source.h"

enum {
	STATUS_MAX = 1 << 16,
	CMDLINE_MAX = 1 << 20,
	MAPS_MAX = 32 << 20,
	ARGS_MAX = 256,
	LIBRARIES_MAX = 4096,
	PARENTS_MAX = 16
};

static void put_cmdline(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	_cleanup_error_ struct ff_error *err = ff_host_read_process(ctx->host, 0, "cmdline", CMDLINE_MAX, &text, &n);
	if (err || !n)
		return; // a kernel thread has none
	struct ff_span rest = {text, text[n - 1] ? n : n - 1}, arg;
	json_t *args = json_array();
	while (args && json_array_size(args) < ARGS_MAX && ff_span_next(&rest, 0, &arg))
		json_array_append_new(args, ff_json_string(arg.n ? arg.p : "", arg.n));
	ff_fact(ctx, "process.cmdline", args);
}

// Start times count in ticks of 1/100 s (USER_HZ, the same on every Linux) since the boot.
static void put_start(struct ff_probe_ctx *ctx, uint64_t ticks)
{
	_cleanup_free_ char *text = ff_source_text(ctx, "/proc/stat", CMDLINE_MAX, NULL);
	uint64_t boot;
	char when[FF_TIME_LEN];
	if (!text || !ff_field_u64(ff_span_of(text), "btime", &boot) || boot > UINT32_MAX || ticks > (uint64_t)1 << 50)
		return;
	ff_clock_format((boot * 100 + ticks) * 10000000, when);
	ff_fact_text(ctx, "process.started", when);
}

static bool read_stat(struct ff_probe_ctx *ctx, pid_t pid, char **ret_text, struct ff_proc_stat *ret)
{
	_cleanup_error_ struct ff_error *err = ff_host_read_process(ctx->host, pid, "stat", STATUS_MAX, ret_text, NULL);
	if (!err)
		err = ff_proc_stat_parse("/proc/PID/stat", ff_span_of(*ret_text), ret);
	return !err;
}

static void put_parents(struct ff_probe_ctx *ctx, uint64_t pid)
{
	json_t *parents = json_array();
	for (unsigned i = 0; i < PARENTS_MAX && pid && pid <= INT32_MAX; i++) {
		_cleanup_free_ char *text = NULL;
		struct ff_proc_stat stat;
		if (!read_stat(ctx, (pid_t)pid, &text, &stat))
			break;
		json_array_append_new(parents,
			json_pack("{s:I, s:o}", "pid", (json_int_t)pid, "name",
				ff_json_string(stat.comm.p, stat.comm.n)));
		pid = stat.ppid;
	}
	ff_fact(ctx, "process.parents", parents);
}

static void put_status(struct ff_probe_ctx *ctx, struct ff_span status)
{
	static const struct {
		const char *field, *fact;
	} fields[] = {{"Pid", "process.pid"}, {"VmRSS", "process.rss"}, {"VmHWM", "process.rss_peak"},
		{"VmSwap", "process.swapped"}, {"Threads", "process.threads"}};
	struct ff_span text, word;
	uint64_t value;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (ff_field_u64(status, fields[i].field, &value))
			ff_fact_u64(ctx, fields[i].fact, value);
	}
	if (ff_field_text(status, "Uid", &text) && ff_span_next(&text, '\t', &word) && ff_span_u64(word, &value))
		ff_fact_u64(ctx, "process.uid", value);
	if (ff_field_text(status, "Name", &text))
		ff_fact(ctx, "process.name", ff_json_string(text.p, text.n));
	if (ff_field_text(status, "State", &text) && text.n && text.p[0] == 'D')
		ff_fact_bool(ctx, "process.stuck_in_kernel", true);
}

static bool has(struct ff_span path, const char *piece)
{
	return memmem(path.p, path.n, piece, strlen(piece));
}

static const char *origin_of(struct ff_span path)
{
	static const struct {
		const char *piece, *origin;
	} origins[] = {
		{"/site-packages/", "pip"},
		{"/dist-packages/", "pip"},
		{"conda", "conda"},
		{"/miniforge", "conda"},
		{"/usr/local/cuda", "toolkit"},
		{"/opt/nvidia/", "toolkit"},
		{"/usr/local/nvidia/", "driver"},
		{"libcuda.so", "driver"},
		{"libnvidia-", "driver"},
		{"/.pyenv/", "pyenv"},
	};
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		if (has(path, origins[i].piece))
			return origins[i].origin;
	}
	return "system";
}

static json_t *library(const struct ff_map_line *map)
{
	json_t *entry =
		json_pack("{s:o, s:s}", "path", ff_json_string(map->path.p, map->path.n), "from", origin_of(map->path));
	if (entry && map->deleted)
		json_object_set_new(entry, "replaced", json_true());
	return entry;
}

// A file is mapped in several pieces, one after the other; its code makes it a library (data files and fonts are
// mapped, too).
static void put_libraries(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *text = ff_source_process(ctx, "maps", MAPS_MAX, "process.libraries");
	if (!text)
		return;
	_cleanup_json_ json_t *seen = json_object();
	json_t *libraries = json_array();
	struct ff_span rest = ff_span_of(text);
	for (struct ff_map_line map; seen && libraries && ff_map_next(&rest, &map);) {
		_cleanup_free_ char *path = ff_span_dup(map.path);
		if (!map.executable || !path || !has(map.path, ".so") || json_object_get(seen, path))
			continue;
		if (json_array_size(libraries) == LIBRARIES_MAX)
			break;
		json_object_set_new(seen, path, json_true());
		json_array_append_new(libraries, library(&map));
	}
	ff_fact(ctx, "process.libraries", libraries);
}

void ff_probe_process(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *status = ff_source_process(ctx, "status", STATUS_MAX, "process");
	if (!status)
		return;
	put_status(ctx, ff_span_of(status));
	_cleanup_free_ char *exe = NULL, *text = NULL;
	struct ff_error *err = ff_host_readlink_process(ctx->host, 0, "exe", &exe);
	if (err)
		ff_miss(ctx, "process.exe", err);
	ff_fact_text(ctx, "process.exe", exe);
	put_cmdline(ctx);
	struct ff_proc_stat stat;
	if (read_stat(ctx, 0, &text, &stat)) {
		put_start(ctx, stat.start_ticks);
		put_parents(ctx, stat.ppid);
	}
	if (ff_host_pid(ctx->host))
		put_libraries(ctx);
}
