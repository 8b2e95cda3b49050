// env: every variable that the table knows to matter, as the worker has it. Values of names that hold secrets never
// enter the document: their length does. Other variables are left out; they are nobody's business.
//
// env_absent names variables whose file or folder should be there and is not.
//
//	{"BNB_CUDA_VERSION": "121", "HF_TOKEN": {"masked": true, "length": 37}}
#include "know/env_vars.h"
#include "probe/probe.h"

#include "base/str.h"

static json_t *shown(const struct ff_env_var *var, json_t *value)
{
	if (!var->secret || !json_is_string(value))
		return json_incref(value);
	return json_pack("{s:b, s:I}", "masked", 1, "length", (json_int_t)json_string_length(value));
}

// A CUDA_HOME that is not there sends builds and bitsandbytes elsewhere without a word.
static bool is_absent(struct ff_probe_ctx *ctx, const struct ff_env_var *var, const json_t *value)
{
	struct ff_span path = ff_span_of(json_string_value(value));
	struct stat st;
	if (!path.n || !ff_env_value_must_exist(var, path))
		return false;
	_cleanup_error_ struct ff_error *err = ff_host_stat(ctx->host, path.p, &st);
	return err && err->code == FF_EABSENT;
}

void ff_probe_env(struct ff_probe_ctx *ctx)
{
	const json_t *env = ff_host_env(ctx->host);
	if (!env) {
		ff_miss(ctx, "env",
			ff_error_create(FF_EABSENT, "the captured machine does not say what the environment was"));
		return;
	}
	json_t *found = json_object(), *absent = json_array();
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)env, name, value) {
		struct ff_env_var var;
		if (!ff_env_var_find(ff_span_of(name), &var))
			continue;
		if (json_object_set_new(found, name, shown(&var, value)) < 0)
			ctx->out_of_memory = true;
		if (is_absent(ctx, &var, value))
			json_array_append_new(absent, json_string(name));
	}
	ff_fact(ctx, "env_absent", absent);
	ff_fact(ctx, "env", found);
	ff_fact_append(ctx, "complete", json_string("env"));
}
