// Goes through an environment and says what is odd about it, variable by variable.
//
//	[{"name": "TRANSFORMERS_CACHE", "kind": "deprecated", "text": "transformers 4.45.0: deprecated; use HF_HOME"}]
#include "know/atlas_ask.h"
#include "know/env_vars.h"

#include "parse/version.h"
#include "parse/visible_devices.h"

static struct ff_error *note(json_t *notes, const char *name, const char *kind, struct ff_buf *text)
{
	_cleanup_free_ char *said = NULL;
	struct ff_error *err = ff_buf_finish(text, &said);
	if (err)
		return err;
	json_t *entry =
		json_pack("{s:s, s:s, s:o}", "name", name, "kind", kind, "text", ff_json_string(said, strlen(said)));
	return json_array_append_new(notes, entry) < 0 ? &ff_enomem : NULL;
}

// "transformers>=5.0:removed": what the installed version makes of the variable; false when it still counts or is not
// installed.
static bool gone_one(struct ff_span rule, const json_t *packages, struct ff_buf *text, const char **ret_kind)
{
	struct ff_span condition, package;
	ff_span_next(&rule, ':', &condition);
	struct ff_span specifier = condition;
	ff_span_next(&specifier, '>', &package);
	_cleanup_free_ char *name = ff_span_dup(package);
	if (!name || specifier.n < 2)
		return false;
	const char *version = ff_json_text(json_object_get(packages, name), "version");
	char wanted[64];
	snprintf(wanted, sizeof(wanted), ">%.*s", (int)specifier.n, specifier.p);
	if (!version || ff_version_satisfies(version, wanted) != FF_SATISFIES_YES)
		return false;
	ff_buf_deinit(text);
	bool deprecated = ff_span_eq(rule, "deprecated");
	ff_buf_printf(
		text, "%s %s %s", name, version, deprecated ? "still reads it, as deprecated" : "does not read it");
	*ret_kind = deprecated ? "deprecated" : "ignored";
	return true;
}

static struct ff_error *note_age(
	const char *name, const struct ff_env_var *var, const json_t *env, const json_t *packages, json_t *notes)
{
	_cleanup_buf_ struct ff_buf text = {0};
	const char *kind = NULL;
	struct ff_span rules = var->gone_in;
	for (struct ff_span rule; rules.n && ff_span_next(&rules, ';', &rule);)
		gone_one(rule, packages, &text, &kind);
	if (!var->gone_in.n && var->replaced_by.n) {
		kind = "deprecated";
		ff_buf_str(&text, "an older name");
	}
	if (!kind)
		return NULL;
	if (var->replaced_by.n) {
		_cleanup_free_ char *new_name = ff_span_dup(var->replaced_by);
		if (!new_name)
			return &ff_enomem;
		ff_buf_printf(&text, "; use %s", new_name);
		if (json_object_get(env, new_name))
			ff_buf_str(&text, ", which is set too");
	}
	return note(notes, name, kind, &text);
}

static struct ff_error *note_devices(const char *name, struct ff_span value, json_t *notes)
{
	_cleanup_json_ json_t *list = NULL;
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_error *err = ff_visible_devices_parse(value, &list);
	if (err)
		return err;
	const char *why = ff_json_text(list, "why");
	size_t visible = json_array_size(json_object_get(list, "devices"));
	if (!why && visible)
		return NULL;
	ff_buf_str(&text, why ? why : "empty");
	ff_buf_printf(&text, visible ? "; %zu GPUs stay visible" : "; no GPU is visible", visible);
	return note(notes, name, why ? "malformed" : "empty", &text);
}

static struct ff_error *note_value(const char *name, const struct ff_env_var *var, struct ff_span value, json_t *notes)
{
	_cleanup_buf_ struct ff_buf text = {0};
	if (ff_span_eq(var->values, "devices"))
		return note_devices(name, value, notes);
	if (!value.n && var->values.n && !ff_span_eq(var->values, "dirs")) {
		ff_buf_str(&text, "set, but empty");
		return note(notes, name, "empty", &text);
	}
	const char *bad = ff_env_value_bad(var, value);
	if (!bad)
		return NULL;
	ff_buf_str(&text, bad);
	return note(notes, name, "malformed", &text);
}

static struct ff_error *note_absent(const json_t *env, const json_t *absent, json_t *notes)
{
	size_t i;
	json_t *name;
	json_array_foreach (absent, i, name) {
		const char *value = json_string_value(json_object_get(env, json_string_value(name)));
		_cleanup_buf_ struct ff_buf text = {0};
		if (!value)
			continue;
		ff_buf_printf(&text, "%s does not exist", value);
		struct ff_error *err = note(notes, json_string_value(name), "absent", &text);
		if (err)
			return err;
	}
	return NULL;
}

// What an engine reads of its own variables changes with its releases, and a variable that is not read is never
// complained about. Only where the atlas is sure of the release: others may have been built from in between.
static struct ff_error *note_engine(const char *name, const json_t *packages, json_t *notes)
{
	static const struct {
		const char *prefix, *engine;
	} engines[] = {{"VLLM_", "vllm"}, {"SGLANG_", "sglang"}};
	const struct ff_atlas *a = ff_atlas();
	for (size_t i = 0; a && i < sizeof(engines) / sizeof(engines[0]); i++) {
		const char *engine = engines[i].engine;
		const char *version = ff_json_text(json_object_get(packages, engine), "version");
		struct ff_atlas_flag f;
		if (!version || strstr(version, "dev") || !ff_starts(name, engines[i].prefix) ||
			!ff_atlas_ask_flag(a, engine, name, version, &f) || !f.sure || f.state == FF_ATLAS_HERE ||
			(f.state == FF_ATLAS_NEVER && !*f.nearest))
			continue;
		_cleanup_buf_ struct ff_buf text = {0};
		if (f.state == FF_ATLAS_NEVER)
			ff_buf_printf(
				&text, "no release of %s reads it; %s is what %s reads", engine, f.nearest, version);
		else
			ff_buf_printf(&text, "%s %s does not read it, %s%s%s does", engine, version, f.first,
				strcmp(f.first, f.last) == 0 ? "" : " to ", strcmp(f.first, f.last) == 0 ? "" : f.last);
		if (f.state == FF_ATLAS_CHANGED && *f.became)
			ff_buf_printf(&text, "; use %s", f.became);
		return note(notes, name, "ignored", &text);
	}
	return NULL;
}

struct ff_error *ff_env_notes(const json_t *env, const json_t *packages, const json_t *absent, json_t **ret)
{
	_cleanup_json_ json_t *notes = json_array();
	const char *name;
	json_t *value;
	if (!notes)
		return &ff_enomem;
	json_object_foreach ((json_t *)env, name, value) {
		struct ff_env_var var;
		struct ff_error *err = note_engine(name, packages, notes);
		if (err)
			return err;
		if (!ff_env_var_find(ff_span_of(name), &var))
			continue;
		err = note_age(name, &var, env, packages, notes);
		if (!err && json_is_string(value))
			err = note_value(name, &var,
				(struct ff_span){json_string_value(value), json_string_length(value)}, notes);
		if (err)
			return err;
	}
	struct ff_error *err = note_absent(env, absent, notes);
	if (!err)
		*ret = ff_take(&notes);
	return err;
}
