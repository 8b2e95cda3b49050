// driver.version, cuda, nvml, user_library, error: what NVIDIA's management library says of the driver as a whole.
//
//	{"driver": {"version": "570.86.10", "cuda": "12.8", "nvml": "12.570.86.10",
//	            "user_library": "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.570.86.10"}}
//	{"driver": {"error": {"code": 18, "text": "Driver/library version mismatch", "call": "nvmlInit"}}}
//
// How the source lies: nvmlInit can hang for ever (a GPU that fell off the bus), so each call is announced. NVML stays
// initialised when this ends: the gpus probe goes on with it and the process ends soon after.
#include "host/nvml.h"
#include "probe/probe.h"

#include <stdio.h>

static void put_error(struct ff_probe_ctx *ctx, const struct ff_nvml *nvml, const char *call, int code)
{
	const char *text = ff_nvml_error_text(nvml, code);
	ff_fact(ctx, "driver.error",
		json_pack("{s:i, s:o, s:s}", "code", code, "text", ff_json_string(text, strlen(text)), "call", call));
}

static void put_text(struct ff_probe_ctx *ctx, const char *path, int (*call)(char *, unsigned))
{
	char text[NVML_TEXT] = "";
	ff_step(ctx, path);
	if (call && call(text, sizeof(text)) == NVML_OK) {
		text[sizeof(text) - 1] = 0;
		ff_fact_text(ctx, path, text);
	}
}

static void ask(struct ff_probe_ctx *ctx, const struct ff_nvml *nvml)
{
	ff_step(ctx, "nvmlInit");
	int code = nvml->init();
	if (code != NVML_OK) {
		put_error(ctx, nvml, "nvmlInit", code);
		return;
	}
	put_text(ctx, "driver.version", nvml->driver_version);
	put_text(ctx, "driver.nvml", nvml->nvml_version);
	int cuda = 0;
	ff_step(ctx, "nvmlSystemGetCudaDriverVersion");
	if (nvml->cuda_version && nvml->cuda_version(&cuda) == NVML_OK && cuda > 0) {
		char text[32];
		snprintf(text, sizeof(text), "%d.%d", cuda / 1000, cuda % 1000 / 10);
		ff_fact_text(ctx, "driver.cuda", text);
	}
}

// A captured machine's answers are facts already; only what NVML says is taken, the files are read again.
static void replay(struct ff_probe_ctx *ctx)
{
	static const char *const keys[] = {"version", "cuda", "nvml", "user_library", "error"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char from[64], to[64];
		snprintf(from, sizeof(from), "nvml.driver.%s", keys[i]);
		snprintf(to, sizeof(to), "driver.%s", keys[i]);
		const json_t *value = ff_host_captured(ctx->host, from);
		if (value)
			ff_fact(ctx, to, json_deep_copy(value));
	}
}

void ff_probe_driver(struct ff_probe_ctx *ctx)
{
	if (ff_host_is_captured(ctx->host)) {
		replay(ctx);
		return;
	}
	struct ff_nvml nvml;
	ff_step(ctx, "loading libnvidia-ml");
	struct ff_error *err = ff_nvml_open(&nvml);
	if (err) {
		ff_miss(ctx, "driver", err);
		return;
	}
	ff_fact_text(ctx, "driver.user_library", nvml.lib.path);
	ff_flush(ctx);
	ask(ctx, &nvml);
	ff_nvml_deinit(&nvml);
}
