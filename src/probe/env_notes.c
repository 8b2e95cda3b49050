// env_notes: variables that are deprecated, ignored by the installed versions, malformed or empty (know/env_vars.h),
// those that want a folder where something else stands, and a network interface that is not here.
// Reads the environment itself, not the facts: a newline in a masked token must be seen too.
//
//	[{"name": "CUDA_HOME", "kind": "malformed", "text": "one folder is wanted, not a list"}]
#include "know/env_vars.h"
#include "probe/probe.h"

// Of the path as much as is there, which is no folder: a cache below it can never be made. A link to nothing is in the
// way too, as mkdir() takes it for a file.
static const char *in_the_way(struct ff_host *host, char *path)
{
	struct stat st;
	for (char *slash; (slash = strrchr(path, '/')) && slash != path; *slash = 0) {
		_cleanup_error_ struct ff_error *err = ff_host_stat(host, path, &st);
		if (!err)
			return S_ISDIR(st.st_mode) ? NULL : "is no folder";
		_cleanup_free_ char *target = NULL;
		_cleanup_error_ struct ff_error *no_link = ff_host_readlink(host, path, &target);
		if (err->code != FF_EABSENT)
			return NULL;
		if (!no_link)
			return "is a link to what is not there";
	}
	return NULL;
}

// Bundles of certificates may be folders of them.
static const char *no_file(struct ff_host *host, const struct ff_env_var *var, struct ff_span value)
{
	bool file = ff_span_eq(var->values, "path") || ff_span_eq(var->values, "newpath");
	_cleanup_free_ char *path = file && ff_span_starts(value, "/") ? ff_span_dup(value) : NULL;
	return path && !ff_span_ends(var->name, "_BUNDLE") && ff_host_mode_is(host, path, S_IFDIR)
		? "is a folder, and a file is wanted"
		: NULL;
}

static bool is_interface(struct ff_span wanted, bool whole, const json_t *interfaces)
{
	bool known = !wanted.n; // nothing is asked for
	size_t i;
	json_t *one;
	json_array_foreach ((json_t *)interfaces, i, one) {
		struct ff_span name = ff_span_of(json_string_value(one));
		known |= whole ? ff_span_same(wanted, name)
			       : name.n >= wanted.n && memcmp(name.p, wanted.p, wanted.n) == 0;
	}
	return known;
}

// "eth0,eth1" of gloo are names; of NCCL the beginnings of names, whole ones behind '=', and those to be left out
// behind '^'. The first one that no interface has counts where there is no other.
static const char *no_interface(const json_t *facts, const struct ff_env_var *var, struct ff_span value)
{
	bool names_one = ff_span_eq(var->values, "interface"), beginnings = ff_span_eq(var->values, "interfaces");
	const json_t *interfaces = ff_json_at(facts, "system.network.interfaces");
	if (!(names_one || beginnings) || !value.n || value.p[0] == '^' || !json_array_size(interfaces))
		return NULL;
	bool whole = names_one || ff_span_starts(value, "="), any = false;
	if (beginnings && whole)
		value = (struct ff_span){value.p + 1, value.n - 1};
	for (struct ff_span part; ff_span_next(&value, ',', &part);)
		any |= is_interface(ff_span_trim(part), whole, interfaces);
	return any ? NULL : "names no network interface that is here";
}

static void note_place(struct ff_probe_ctx *ctx, const char *name, const json_t *value, json_t *notes)
{
	struct ff_env_var var;
	_cleanup_free_ char *path = NULL;
	if (!json_is_string(value) || !ff_env_var_find(ff_span_of(name), &var))
		return;
	struct ff_span text = ff_span_of(json_string_value(value));
	const char *why = no_file(ctx->host, &var, text);
	if (!why)
		why = no_interface(ctx->facts, &var, text);
	if (!why && !ff_env_value_is_folder(&var, text))
		return;
	if (!(path = strdup(json_string_value(value)))) {
		ctx->out_of_memory = true;
		return;
	}
	why = why ? why : in_the_way(ctx->host, path);
	if (why &&
		json_array_append_new(notes,
			json_pack("{s:s, s:s, s:s++}", "name", name, "kind", "malformed", "text", path, " ", why)) < 0)
		ctx->out_of_memory = true;
}

void ff_probe_env_notes(struct ff_probe_ctx *ctx)
{
	const json_t *env = ff_host_env(ctx->host);
	json_t *notes = NULL;
	if (!env)
		return;
	struct ff_error *err = ff_env_notes(
		env, ff_json_at(ctx->facts, "python.packages"), ff_json_at(ctx->facts, "env_absent"), &notes);
	if (err) {
		ff_miss(ctx, "env_notes", err);
		return;
	}
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)env, name, value)
		note_place(ctx, name, value, notes);
	ff_fact(ctx, "env_notes", notes);
}
