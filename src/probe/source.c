// Text for probes, with the difference between "not there" and "may not be read" kept.
#include "probe/source.h"

char *ff_source_text(struct ff_probe_ctx *ctx, const char *path, size_t max, const char *fact)
{
	char *text = NULL;
	struct ff_error *err = ff_host_read(ctx->host, path, max, &text, NULL);
	if (err && err->code != FF_EABSENT)
		ff_miss(ctx, fact, err);
	else
		ff_error_destroy(err);
	return text;
}

char *ff_source_process(struct ff_probe_ctx *ctx, const char *name, size_t max, const char *fact)
{
	char *text = NULL;
	struct ff_error *err = ff_host_read_process(ctx->host, 0, name, max, &text, NULL);
	if (err)
		ff_miss(ctx, fact, err);
	return text;
}
