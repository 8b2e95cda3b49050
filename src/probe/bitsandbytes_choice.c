// bitsandbytes.wanted, wanted_because, found, outcome: the library that this version loads on this machine.
//
//	{"bitsandbytes": {"wanted": "libbitsandbytes_cuda121.so", "wanted_because": "BNB_CUDA_VERSION", "found": true,
//	                  "outcome": "loads"}}
//
// `outcome` is "loads", "cpu-instead" (only a warning tells) or "fails". Where no GPU fact could be had the answer is
// the one for a machine with a GPU, and `wanted_if` says so.
#include "know/bnb_facts.h"
#include "probe/probe.h"

void ff_probe_bitsandbytes_choice(struct ff_probe_ctx *ctx)
{
	_cleanup_json_ json_t *choice = NULL;
	struct ff_error *err = ff_bnb_choice_of(ctx->facts, ff_host_env(ctx->host), &choice);
	const char *key;
	json_t *value;
	if (err)
		ff_miss(ctx, "bitsandbytes.wanted", err);
	json_object_foreach (choice, key, value) {
		char path[64];
		snprintf(path, sizeof(path), "bitsandbytes.%s", key);
		ff_fact(ctx, path, json_incref(value));
	}
}
