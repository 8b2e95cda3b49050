// allocator: torch's allocator settings, judged by the torch that is installed (know/allocator.h).
//
//	{"name": "PYTORCH_CUDA_ALLOC_CONF", "value": "expandable_segments:True", "keys": {"expandable_segments": "True"}, "errors": []}
#include "know/allocator.h"
#include "probe/probe.h"

void ff_probe_allocator(struct ff_probe_ctx *ctx)
{
	const json_t *env = ff_host_env(ctx->host);
	json_t *settings = NULL;
	if (!env)
		return;
	const char *torch = ff_json_text(ctx->facts, "torch.version");
	if (!torch)
		torch = ff_json_text(ctx->facts, "python.packages.torch.version");
	struct ff_error *err = ff_allocator_settings(env, torch, &settings);
	if (err)
		ff_miss(ctx, "allocator", err);
	else if (settings)
		ff_fact(ctx, "allocator", settings);
}
