// Dotted paths and safe strings over jansson.
#include "base/json.h"

#include "base/str.h"
#include "base/utf8.h"

static json_t *step(const json_t *at, struct ff_span key)
{
	if (json_is_array(at)) {
		uint64_t index;
		return ff_span_u64(key, &index) ? json_array_get(at, index) : NULL;
	}
	char name[256];
	if (!json_is_object(at) || key.n >= sizeof(name))
		return NULL;
	memcpy(name, key.p, key.n);
	name[key.n] = 0;
	return json_object_get(at, name);
}

json_t *ff_json_at(const json_t *doc, const char *path)
{
	struct ff_span rest = ff_span_of(path), key;
	json_t *at = (json_t *)doc;
	while (at && ff_span_next(&rest, '.', &key))
		at = step(at, key);
	return at;
}

const char *ff_json_text(const json_t *doc, const char *path)
{
	return json_string_value(ff_json_at(doc, path));
}

bool ff_json_int(const json_t *doc, const char *path, int64_t *ret)
{
	const json_t *value = ff_json_at(doc, path);
	if (!json_is_integer(value))
		return false;
	*ret = json_integer_value(value);
	return true;
}

// The place that a step names: a member, or an element that is there.
static json_t *step_into(json_t *at, const char *step)
{
	uint64_t index;
	if (json_is_array(at))
		return ff_span_u64(ff_span_of(step), &index) ? json_array_get(at, (size_t)index) : NULL;
	return json_object_get(at, step);
}

static int put_at(json_t *at, const char *step, json_t *value)
{
	uint64_t index;
	if (!json_is_array(at))
		return json_object_set_new(at, step, value);
	if (ff_span_u64(ff_span_of(step), &index))
		return json_array_set_new(at, (size_t)index, value);
	json_decref(value);
	return -1;
}

struct ff_error *ff_json_put(json_t *doc, const char *path, json_t *value)
{
	_cleanup_free_ char *copy = strdup(path);
	if (!copy || !value) {
		json_decref(value);
		return &ff_enomem;
	}
	json_t *at = doc;
	char *key = copy;
	for (char *dot = strchr(key, '.'); dot; dot = strchr(key, '.')) {
		*dot = 0;
		json_t *next = step_into(at, key);
		if (!json_is_object(next) && !json_is_array(next)) {
			next = json_object();
			if (!next || put_at(at, key, next) < 0) {
				json_decref(value);
				return &ff_enomem;
			}
		}
		at = next;
		key = dot + 1;
	}
	return put_at(at, key, value) < 0 ? &ff_enomem : NULL;
}

json_t *ff_json_string(const char *bytes, size_t n)
{
	n = n ? strnlen(bytes, n) : 0;
	json_t *fast = json_stringn(n ? bytes : "", n);
	if (fast)
		return fast;
	_cleanup_buf_ struct ff_buf b = {0};
	for (size_t i = 0; i < n;) {
		uint32_t c;
		size_t len = ff_utf8_decode(bytes + i, n - i, &c);
		ff_buf_add(&b, len ? bytes + i : "\xef\xbf\xbd", len ? len : 3);
		i += len ? len : 1;
	}
	return b.failed ? NULL : json_stringn(b.p, b.n);
}

struct ff_error *ff_json_merge(json_t *into, json_t *from)
{
	const char *key;
	json_t *value;
	json_object_foreach (from, key, value) {
		json_t *mine = json_object_get(into, key);
		if (json_is_object(mine) && json_is_object(value)) {
			struct ff_error *err = ff_json_merge(mine, value);
			if (err)
				return err;
		} else if (json_is_array(mine) && json_is_array(value)) {
			if (json_array_extend(mine, value) < 0)
				return &ff_enomem;
		} else if (json_object_set(into, key, value) < 0) {
			return &ff_enomem;
		}
	}
	return NULL;
}

struct ff_error *ff_json_parse(const char *name, const char *text, size_t n, json_t **ret)
{
	json_error_t e;
	json_t *doc = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	if (!doc)
		return ff_error_create(FF_EFORMAT, "%s: line %d, column %d: %s", name, e.line, e.column, e.text);
	*ret = doc;
	return NULL;
}
