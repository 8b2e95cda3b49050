// How a probe speaks: values into the document, misses into `errors`.
//
// Every fact goes into two documents: all facts (for the probes that follow) and this probe's own share (which is sent
// to the parent and merged there). Containers put whole are shared between the two, so appending checks for that.
#include "host/helper.h"
#include "probe/probe.h"

#include <stdio.h>

void ff_fact(struct ff_probe_ctx *ctx, const char *path, json_t *value)
{
	_cleanup_error_ struct ff_error *own = ff_json_put(ctx->delta, path, json_incref(value));
	_cleanup_error_ struct ff_error *all = ff_json_put(ctx->facts, path, value);
	if (own || all)
		ctx->out_of_memory = true;
}

void ff_fact_text(struct ff_probe_ctx *ctx, const char *path, const char *text)
{
	if (text)
		ff_fact(ctx, path, ff_json_string(text, strlen(text)));
}

void ff_fact_int(struct ff_probe_ctx *ctx, const char *path, int64_t value)
{
	ff_fact(ctx, path, json_integer(value));
}

void ff_fact_bool(struct ff_probe_ctx *ctx, const char *path, bool value)
{
	ff_fact(ctx, path, json_boolean(value));
}

static json_t *array_at(struct ff_probe_ctx *ctx, json_t *doc, const char *path)
{
	json_t *array = ff_json_at(doc, path);
	if (json_is_array(array))
		return array;
	array = json_array();
	_cleanup_error_ struct ff_error *err = ff_json_put(doc, path, array);
	if (err)
		ctx->out_of_memory = true;
	return err ? NULL : array;
}

void ff_fact_append(struct ff_probe_ctx *ctx, const char *path, json_t *value)
{
	json_t *own = array_at(ctx, ctx->delta, path);
	json_t *all = array_at(ctx, ctx->facts, path);
	if (!value || (own && json_array_append(own, value) < 0))
		ctx->out_of_memory = true;
	if (all && all != own && json_array_append(all, value) < 0)
		ctx->out_of_memory = true;
	json_decref(value);
}

void ff_miss(struct ff_probe_ctx *ctx, const char *path, struct ff_error *err)
{
	_cleanup_error_ struct ff_error *owned = err;
	json_t *text = ff_json_string(err->message, strlen(err->message));
	json_t *miss = json_pack("{s:s, s:s, s:o}", "probe", ctx->probe, "kind", ff_code_name(err->code), "text", text);
	if (miss && path && json_object_set_new(miss, "fact", json_string(path)) < 0)
		ctx->out_of_memory = true;
	ff_fact_append(ctx, "errors", miss);
}

void ff_step(struct ff_probe_ctx *ctx, const char *step)
{
	if (ctx->place)
		snprintf(ctx->place->step, sizeof(ctx->place->step), "%s", step);
}

void ff_flush(struct ff_probe_ctx *ctx)
{
	json_t *empty = ctx->to ? json_object() : NULL;
	if (!empty)
		return;
	ff_helper_send(ctx->to, json_pack("{s:s, s:o}", "so_far", ctx->probe, "facts", ctx->delta));
	ctx->delta = empty;
}
