// Which allocator variable counts, and which of its settings torch will not take. Up to 2.9 torch reads
// PYTORCH_CUDA_ALLOC_CONF alone; from 2.10 PYTORCH_ALLOC_CONF, and the old name (with a warning) when the new one is
// not set. An unknown key or a bad value raises at the first use of CUDA.
//
//	{"name": "PYTORCH_CUDA_ALLOC_CONF", "value": "expandable_segments:true",
//	 "errors": [{"key": "expandable_segments", "value": "true", "text": "True or False is wanted, in this spelling"}]}
#include "know/allocator.h"

#include "base/table.h"
#include "parse/alloc_conf.h"
#include "parse/version.h"

FF_EMBEDDED(ff_table, allocator_keys);

enum { KEY, KIND, SINCE, UNTIL, LIMIT, NATIVE };

static bool at_least(const char *version, struct ff_span least)
{
	return ff_version_compare_spans(ff_span_of(version), least) >= 0;
}

// Versions are compared by release: 2.3.1+cu121 is 2.3.1.
static const char *judge(const struct ff_alloc_setting *setting, const char *torch)
{
	struct ff_table_row row;
	if (setting->bad)
		return setting->bad;
	if (!ff_table_find(ff_table_allocator_keys, setting->key, &row))
		return "no version of torch knows this key";
	if (torch && row.cells[SINCE].n && !at_least(torch, row.cells[SINCE]))
		return "this torch is too old for the key";
	if (torch && row.cells[UNTIL].n && at_least(torch, row.cells[UNTIL]))
		return "this torch no longer knows the key";
	return ff_alloc_value_bad(row.cells[KIND], row.cells[LIMIT], setting->value);
}

static struct ff_error *put_setting(json_t *keys, json_t *errors, const struct ff_alloc_setting *s, const char *torch)
{
	const char *bad = judge(s, torch);
	_cleanup_json_ json_t *key = ff_json_string(s->key.p, s->key.n);
	_cleanup_json_ json_t *value = ff_json_string(s->value.n ? s->value.p : "", s->value.n);
	if (!key || !value || json_object_set(keys, json_string_value(key), value) < 0)
		return &ff_enomem;
	if (bad &&
		json_array_append_new(errors, json_pack("{s:O, s:O, s:s}", "key", key, "value", value, "text", bad)) <
			0)
		return &ff_enomem;
	return NULL;
}

// cudaMallocAsync takes no notice of the settings of torch's own allocator.
static struct ff_error *put_ignored_keys(json_t *doc, json_t *keys)
{
	const char *backend = json_string_value(json_object_get(keys, "backend"));
	if (!backend || strcmp(backend, "cudaMallocAsync") != 0)
		return NULL;
	json_t *ignored = json_array();
	const char *key;
	json_t *value;
	json_object_foreach (keys, key, value) {
		struct ff_table_row row;
		if (ff_table_find(ff_table_allocator_keys, ff_span_of(key), &row) &&
			ff_span_eq(row.cells[NATIVE], "yes") && json_array_append_new(ignored, json_string(key)) < 0) {
			json_decref(ignored);
			return &ff_enomem;
		}
	}
	return json_object_set_new(doc, "ignored_keys", ignored) < 0 ? &ff_enomem : NULL;
}

struct ff_error *ff_allocator_settings(const json_t *env, const char *torch, json_t **ret)
{
	const char *new_name = "PYTORCH_ALLOC_CONF", *old_name = "PYTORCH_CUDA_ALLOC_CONF";
	const char *new_value = json_string_value(json_object_get(env, new_name));
	const char *old_value = json_string_value(json_object_get(env, old_name));
	bool new_counts = new_value && (torch ? at_least(torch, FF_SPAN("2.10")) : !old_value);
	const char *value = new_counts ? new_value : old_value;
	const char *other = new_counts ? old_value ? old_name : NULL : new_value ? new_name : NULL;
	if (!value && !other) {
		*ret = NULL;
		return NULL;
	}
	_cleanup_json_ json_t *doc = json_object();
	json_t *keys = json_object(), *errors = json_array();
	if (json_object_set_new(doc, "keys", keys) < 0 || json_object_set_new(doc, "errors", errors) < 0 ||
		(value && json_object_set_new(doc, "name", json_string(new_counts ? new_name : old_name)) < 0) ||
		(value && json_object_set_new(doc, "value", json_string(value)) < 0) ||
		(other && json_object_set_new(doc, "ignored", json_string(other)) < 0))
		return &ff_enomem;
	struct ff_span rest = ff_span_of(value ? value : "");
	for (struct ff_alloc_setting setting; ff_alloc_next(&rest, &setting);) {
		struct ff_error *err = put_setting(keys, errors, &setting, torch);
		if (err)
			return err;
	}
	struct ff_error *err = put_ignored_keys(doc, keys);
	if (!err)
		*ret = ff_take(&doc);
	return err;
}
