// cuda.driver_init, driver_version, devices: what libcuda itself says, without making a context.
//
//	{"cuda": {"driver_init": {"code": 802, "name": "CUDA_ERROR_SYSTEM_NOT_READY", "text": "system not yet initialized"}}}
//
// NVML can be well while CUDA is not: 802 the fabric manager does not run, 803 this libcuda is not the kernel
// module's, 804 a compat libcuda on a GPU that does not allow it, 999 the uvm module or its device node, 34 the
// toolkit's stub was loaded, 46 every GPU is taken or may not be used, 3 initialisation failed (or this is a fork of a
// process that uses CUDA, which is no answer). The code is the fact. CUDA_VISIBLE_DEVICES of this process applies, as
// it would to a worker started beside it.
#include "host/cuda_driver.h"

#include "probe/probe.h"

#include <stdio.h>

enum { DEVICES_MAX = 64 };

static void put_init(struct ff_probe_ctx *ctx, const struct ff_cuda *cuda, int code)
{
	const char *text = code == CUDA_OK ? NULL : ff_cuda_error_text(cuda, code);
	ff_fact(ctx, "cuda.driver_init",
		json_pack("{s:i, s:s, s:s*}", "code", code, "name", ff_cuda_error_name(cuda, code), "text", text));
}

static void put_uuid(json_t *device, const struct cuda_uuid *uuid)
{
	char text[64];
	const unsigned char *b = uuid->bytes;
	snprintf(text, sizeof(text), "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	json_object_set_new(device, "uuid", json_string(text));
}

static bool attribute(const struct ff_cuda *cuda, ff_cuda_device device, int which, int *ret)
{
	return cuda->attribute && cuda->attribute(ret, which, device) == CUDA_OK;
}

static json_t *device_entry(const struct ff_cuda *cuda, int index)
{
	ff_cuda_device device = 0;
	json_t *entry = json_pack("{s:i}", "index", index);
	if (!entry || !cuda->device || cuda->device(&device, index) != CUDA_OK)
		return entry;
	char text[256] = "";
	int major = 0, minor = 0, value = 0;
	struct cuda_uuid uuid = {0};
	size_t total = 0;
	if (cuda->name && cuda->name(text, sizeof(text), device) == CUDA_OK)
		json_object_set_new(entry, "name", ff_json_string(text, strnlen(text, sizeof(text))));
	if (cuda->uuid && cuda->uuid(&uuid, device) == CUDA_OK)
		put_uuid(entry, &uuid);
	if (cuda->bus_id && cuda->bus_id(text, sizeof(text), device) == CUDA_OK)
		json_object_set_new(entry, "bus_id", ff_json_string(text, strnlen(text, sizeof(text))));
	if (cuda->total_memory && cuda->total_memory(&total, device) == CUDA_OK)
		json_object_set_new(entry, "memory", json_pack("{s:I}", "total", (json_int_t)total));
	if (attribute(cuda, device, CUDA_ATTRIBUTE_MAJOR, &major) &&
		attribute(cuda, device, CUDA_ATTRIBUTE_MINOR, &minor)) {
		snprintf(text, sizeof(text), "%d.%d", major, minor);
		json_object_set_new(entry, "compute_capability", json_string(text));
	}
	if (attribute(cuda, device, CUDA_ATTRIBUTE_SM_COUNT, &value))
		json_object_set_new(entry, "sm_count", json_integer(value));
	if (attribute(cuda, device, CUDA_ATTRIBUTE_MAX_THREADS_PER_BLOCK, &value))
		json_object_set_new(entry, "max_threads_per_block", json_integer(value));
	return entry;
}

static void ask(struct ff_probe_ctx *ctx, const struct ff_cuda *cuda)
{
	int version = 0, count = 0;
	ff_step(ctx, "cuDriverGetVersion");
	if (cuda->driver_version && cuda->driver_version(&version) == CUDA_OK && version > 0) {
		char text[32];
		snprintf(text, sizeof(text), "%d.%d", version / 1000, version % 1000 / 10);
		ff_fact_text(ctx, "cuda.driver_version", text);
	}
	ff_flush(ctx);
	ff_step(ctx, "cuInit");
	int code = cuda->init(0);
	if (code == CUDA_NOT_INITIALIZED && cuda->lib.inherited) {
		// We were forked from a worker that uses CUDA; its state does not survive that, and says nothing.
		ff_miss(ctx, "cuda.driver_init",
			ff_error_create(FF_EUNSUPPORTED, "cuInit cannot be asked from a fork"));
		return;
	}
	put_init(ctx, cuda, code);
	if (code != CUDA_OK)
		return;
	ff_step(ctx, "cuDeviceGetCount");
	if (!cuda->count || cuda->count(&count) != CUDA_OK)
		return;
	for (int i = 0; i < count && i < DEVICES_MAX; i++)
		ff_fact_append(ctx, "cuda.devices", device_entry(cuda, i));
}

static void replay(struct ff_probe_ctx *ctx)
{
	static const char *const keys[] = {"driver_init", "driver_version", "devices", "driver_library"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char from[64], to[64];
		snprintf(from, sizeof(from), "cuda_driver.%s", keys[i]);
		snprintf(to, sizeof(to), "cuda.%s", keys[i]);
		const json_t *value = ff_host_captured(ctx->host, from);
		if (value)
			ff_fact(ctx, to, json_deep_copy(value));
	}
}

void ff_probe_cuda_driver(struct ff_probe_ctx *ctx)
{
	if (ff_host_is_captured(ctx->host)) {
		replay(ctx);
		return;
	}
	struct ff_cuda cuda;
	ff_step(ctx, "loading libcuda");
	struct ff_error *err = ff_cuda_open(&cuda);
	if (err) {
		ff_miss(ctx, "cuda.driver_init", err);
		return;
	}
	ff_fact_text(ctx, "cuda.driver_library", cuda.lib.path);
	ask(ctx, &cuda);
	ff_cuda_deinit(&cuda);
}
