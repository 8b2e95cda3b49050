// env_notes: variables that are deprecated, ignored by the installed versions, malformed or empty (know/env_vars.h).
// Reads the environment itself, not the facts: a newline in a masked token must be seen too.
//
//	[{"name": "CUDA_HOME", "kind": "malformed", "text": "one folder is wanted, not a list"}]
#include "know/env_vars.h"
#include "probe/probe.h"

void ff_probe_env_notes(struct ff_probe_ctx *ctx)
{
	const json_t *env = ff_host_env(ctx->host);
	json_t *notes = NULL;
	if (!env)
		return;
	struct ff_error *err = ff_env_notes(
		env, ff_json_at(ctx->facts, "python.packages"), ff_json_at(ctx->facts, "env_absent"), &notes);
	if (err)
		ff_miss(ctx, "env_notes", err);
	else
		ff_fact(ctx, "env_notes", notes);
}
