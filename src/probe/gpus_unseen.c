// gpus, when the management library could not list them: from CUDA, else the kernel driver, else the PCI bus or device
// tree.
//
//	{"gpus": [{"index": 0, "seen_by": "pci", "vendor": "nvidia", "name": "GeForce RTX 5090", "compute_capability": "12.0",
//	           "derived": ["compute_capability"], "pcie": {"bus_id": "0000:01:00.0"}}]}
//
// A GPU that only the bus shows may belong to the host and not to this container. `derived`: known from the name or
// the PCI id through our tables, not asked of the GPU.
#include "know/gpu_arch.h"
#include "probe/probe.h"

static void copy(const json_t *from, const char *key, json_t *into, const char *path)
{
	json_t *value = json_object_get(from, key);
	if (value)
		ff_error_destroy(ff_json_put(into, path, json_deep_copy(value)));
}

static void derive_capability(json_t *gpu)
{
	struct ff_gpu_info info;
	const char *name = ff_json_text(gpu, "name");
	if (!ff_json_at(gpu, "compute_capability") && name && ff_know_gpu_by_name(name, &info))
		json_object_set_new(gpu, "compute_capability", json_stringn(info.cc.p, info.cc.n));
	if (ff_json_at(gpu, "compute_capability"))
		json_object_set_new(gpu, "derived", json_pack("[s]", "compute_capability"));
}

static void add(struct ff_probe_ctx *ctx, const json_t *from, const char *seen_by, size_t index)
{
	static const char *const same[] = {
		"name", "uuid", "vbios", "minor", "memory", "sm_count", "max_threads_per_block", "compute_capability"};
	json_t *gpu = json_pack("{s:i, s:s, s:s}", "index", (int)index, "vendor", "nvidia", "seen_by", seen_by);
	if (!gpu) {
		ctx->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		copy(from, same[i], gpu, same[i]);
	copy(from, "bus_id", gpu, "pcie.bus_id");
	copy(from, "device_id", gpu, "pcie.device_id");
	copy(from, "driver", gpu, "kernel_driver");
	if (strcmp(seen_by, "cuda") != 0)
		derive_capability(gpu);
	ff_fact_append(ctx, "gpus", gpu);
}

static bool is_nvidia(const json_t *gpu)
{
	const char *vendor = ff_json_text(gpu, "vendor");
	return !vendor || strcmp(vendor, "nvidia") == 0;
}

void ff_probe_gpus_unseen(struct ff_probe_ctx *ctx)
{
	static const struct {
		const char *path, *seen_by;
	} sources[] = {{"cuda.devices", "cuda"}, {"driver.kernel_gpus", "kernel"}, {"pci.gpus", "pci"}};
	size_t i;
	json_t *gpu;
	int64_t count;
	if (ff_json_int(ctx->facts, "driver.gpu_count", &count))
		return; // NVML has answered, and what it does not show is not ours
	json_array_foreach (ff_json_at(ctx->facts, "gpus"), i, gpu) {
		if (is_nvidia(gpu))
			return;
	}
	size_t index = 0;
	for (size_t k = 0; k < sizeof(sources) / sizeof(sources[0]) && !index; k++) {
		json_array_foreach (ff_json_at(ctx->facts, sources[k].path), i, gpu) {
			if (is_nvidia(gpu))
				add(ctx, gpu, sources[k].seen_by, index++);
		}
	}
	const char *tegra = ff_json_text(ctx->facts, "tegra.gpu");
	if (tegra && !index) {
		_cleanup_json_ json_t *chip = json_pack("{s:s}", "name", tegra);
		add(ctx, chip, "device-tree", index);
	}
}
