// The facts of the one bitsandbytes library that would be loaded, out of those of all that are shipped.
//
//	{"bitsandbytes": {"archs": ["sm_75"], "needs": [{"soname": "libcusparse.so.12", "path": "...", "because": "already loaded"}]}}
#include "probe/probe.h"

static void put_needs(struct ff_probe_ctx *ctx, const json_t *names)
{
	const json_t *resolved = ff_json_at(ctx->facts, "bitsandbytes.resolved");
	_cleanup_json_ json_t *needs = json_array();
	size_t i;
	json_t *name;
	json_array_foreach (names, i, name) {
		const json_t *what = json_object_get(resolved, json_string_value(name));
		json_t *need = json_pack("{s:O}", "soname", name);
		if (!need || (what && json_object_update_missing(need, (json_t *)what) < 0))
			ctx->out_of_memory = true;
		if (json_array_append_new(needs, need) < 0)
			ctx->out_of_memory = true;
	}
	ff_fact(ctx, "bitsandbytes.needs", ff_take(&needs));
}

void ff_probe_bitsandbytes_needs(struct ff_probe_ctx *ctx)
{
	const char *wanted = ff_json_text(ctx->facts, "bitsandbytes.wanted");
	if (!wanted)
		return;
	// File names hold dots, so they are keys and no paths.
	json_t *archs = json_object_get(ff_json_at(ctx->facts, "bitsandbytes.libraries"), wanted);
	json_t *names = json_object_get(ff_json_at(ctx->facts, "bitsandbytes.library_needs"), wanted);
	json_t *versions = json_object_get(ff_json_at(ctx->facts, "bitsandbytes.library_missing_versions"), wanted);
	if (archs)
		ff_fact(ctx, "bitsandbytes.archs", json_incref(archs));
	if (names)
		put_needs(ctx, names);
	if (versions)
		ff_fact(ctx, "bitsandbytes.missing_versions", json_incref(versions));
}
