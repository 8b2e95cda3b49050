// gpus of AMD, as the kernel's compute driver lists them, and rocm.version.
//
//	{"gpus": [{"index": 0, "vendor": "amd", "seen_by": "kfd", "gfx": "gfx942", "name": "AMD Instinct MI300X",
//	           "compute_units": 304, "memory": {"total": 206141652992, "used": 296448000}}], "rocm": {"version": "6.2.0"}}
//
// How the source lies: nodes of processors stand among those of GPUs; a GPU that this container may not use has an
// empty or unreadable `properties`, so it is passed over as the runtime does; one MI300 can show as several GPUs
// (partitions).
#include "parse/kfd.h"
#include "probe/source.h"

#include <stdio.h>

enum { NODES_MAX = 512, TEXT_MAX = 65536 };

#define KFD_NODES "/sys/class/kfd/kfd/topology/nodes"

static void put(json_t *gpu, const char *path, json_t *value)
{
	ff_error_destroy(ff_json_put(gpu, path, value));
}

static void put_line(
	struct ff_probe_ctx *ctx, json_t *gpu, uint64_t minor, const char *file, const char *path, bool number)
{
	char from[512];
	_cleanup_free_ char *line = NULL;
	uint64_t value;
	snprintf(from, sizeof(from), "/sys/class/drm/renderD%u/device/%s", (unsigned)minor, file);
	_cleanup_error_ struct ff_error *err = ff_host_read_line(ctx->host, from, &line);
	if (err || !line[0])
		return;
	if (!number)
		put(gpu, path, ff_json_string(line, strlen(line)));
	else if (ff_span_u64(ff_span_trim(ff_span_of(line)), &value) && value <= INT64_MAX)
		put(gpu, path, json_integer((json_int_t)value));
}

static void put_bus_id(struct ff_span text, json_t *gpu)
{
	uint64_t location, domain = 0;
	char id[32];
	if (!ff_kfd_number(text, "location_id", &location) || location > 0xffff)
		return;
	ff_kfd_number(text, "domain", &domain);
	snprintf(id, sizeof(id), "%04x:%02x:%02x.%x", (unsigned)(domain & 0xffff), (unsigned)location >> 8,
		(unsigned)location >> 3 & 31, (unsigned)location & 7);
	put(gpu, "pcie.bus_id", json_string(id));
}

static bool put_node(struct ff_probe_ctx *ctx, struct ff_span text, size_t index)
{
	uint64_t simds = 0, per_unit = 0, minor, version, id;
	char gfx[FF_GFX_LEN], device[16];
	if (!ff_kfd_number(text, "simd_count", &simds) || !simds)
		return false;
	json_t *gpu = json_pack("{s:i, s:s, s:s}", "index", (int)index, "vendor", "amd", "seen_by", "kfd");
	if (ff_kfd_number(text, "gfx_target_version", &version) && ff_kfd_gfx(version, gfx))
		put(gpu, "gfx", json_string(gfx));
	if (ff_kfd_number(text, "simd_per_cu", &per_unit) && per_unit && simds / per_unit < 65536)
		put(gpu, "compute_units", json_integer((json_int_t)(simds / per_unit)));
	if (ff_kfd_number(text, "device_id", &id) && id <= 0xffff) {
		snprintf(device, sizeof(device), "1002:%04x", (unsigned)id);
		put(gpu, "pcie.device_id", json_string(device));
	}
	put_bus_id(text, gpu);
	if (ff_kfd_number(text, "drm_render_minor", &minor) && minor >= 128 && minor < 4096) {
		put_line(ctx, gpu, minor, "product_name", "name", false);
		put_line(ctx, gpu, minor, "vbios_version", "vbios", false);
		put_line(ctx, gpu, minor, "mem_info_vram_total", "memory.total", true);
		put_line(ctx, gpu, minor, "mem_info_vram_used", "memory.used", true);
	}
	ff_fact_append(ctx, "gpus", gpu);
	return true;
}

static void put_version(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *line = NULL;
	_cleanup_error_ struct ff_error *err = ff_host_read_line(ctx->host, "/opt/rocm/.info/version", &line);
	if (!err && line[0])
		ff_fact_text(ctx, "rocm.version", line);
}

void ff_probe_amdgpu(struct ff_probe_ctx *ctx)
{
	_cleanup_names_ struct ff_names nodes = {0};
	put_version(ctx);
	_cleanup_error_ struct ff_error *err = ff_host_list(ctx->host, KFD_NODES, NODES_MAX, &nodes);
	size_t index = 0;
	for (size_t i = 0; !err && i < nodes.n; i++) {
		char path[512];
		snprintf(path, sizeof(path), KFD_NODES "/%s/properties", nodes.names[i]);
		_cleanup_free_ char *text = ff_source_text(ctx, path, TEXT_MAX, "gpus");
		if (text && put_node(ctx, ff_span_of(text), index))
			index++;
	}
}
