// The difference of two facts documents.
//
//	[{"path": "torch.version", "before": "2.3.1+cu121", "after": "2.6.0+cu124", "weight": 90}]
//
// Lists of objects are compared entry by entry under the key that names an entry (uuid, path, package...), so that one
// more process on the GPU does not make every entry after it "changed". What `firstfix run` itself puts before a
// worker's Python path is no change of the worker's.
#include "know/facts_diff.h"

#include "base/str.h"

#include <fnmatch.h>

enum { DEPTH_MAX = 24, CHANGES_MAX = 2000, WEIGHT_DEFAULT = 20, WEIGHT_MATTERS = 100 };

// First match counts. Weight 0: changes by itself and tells nothing.
static const struct {
	const char *pattern;
	int weight;
} weights[] = {
	{"schema", 0},
	{"taken_at", 0},
	{"took_ms", 0},
	{"trigger", 0},
	{"firstfix", 0},
	{"probe_ms*", 0},
	{"complete*", 0},
	{"process.*", 0},
	{"*.available", 0},
	{"*.free", 0},
	{"*_free", 0},
	{"*pids_current", 0},
	{"system.pressure*", 0},
	{"system.memory.limit", 60},
	{"system.memory.total", 45},
	{"system.memory.swap", 45},
	{"system.memory.*", 0},
	{"*.used", 0},
	{"*.current", 0},
	{"*.temperature_c", 0},
	{"*.power_w", 0},
	{"*.clocks*", 0},
	{"*.utilization*", 0},
	{"*psi*", 0},
	{"*.processes*", 5},
	{"gpus*", 90},
	{"driver*", 95},
	{"torch*", 90},
	{"bitsandbytes*", 90},
	{"env.*", 85},
	{"cuda*", 80},
	{"transformers*", 75},
	{"extensions*", 70},
	{"python.packages.*.version", 70},
	{"python.packages.*.location", 15},
	{"python.conflicts*", 60},
	{"python*", 50},
	{"system.container*", 60},
	{"system.shm*", 55},
	{"system.kernel", 45},
	{"errors*", 40},
};

static const char *const entry_names[] = {"uuid", "path", "package", "library", "name", "probe", "for", "pid"};
enum { N_NAMES = sizeof(entry_names) / sizeof(entry_names[0]) };

struct diff {
	json_t *changes;
	const json_t *matters;
	struct ff_error *err;
};

static bool below(const char *path, const char *above)
{
	size_t n = strlen(above);
	return strncmp(path, above, n) == 0 && (path[n] == 0 || path[n] == '.');
}

int ff_facts_weight(const char *path)
{
	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
		if (fnmatch(weights[i].pattern, path, 0) == 0)
			return weights[i].weight;
	return WEIGHT_DEFAULT;
}

static int weight_of(const struct diff *d, const char *path)
{
	int weight = ff_facts_weight(path);
	size_t i;
	json_t *key;
	json_array_foreach (d->matters, i, key) {
		if (weight && json_is_string(key) && below(path, json_string_value(key)))
			return WEIGHT_MATTERS;
	}
	return weight;
}

static void change(struct diff *d, const char *path, const json_t *before, const json_t *after)
{
	int weight = weight_of(d, path);
	if (!weight || json_array_size(d->changes) >= CHANGES_MAX)
		return;
	json_t *entry =
		json_pack("{s:s, s:O*, s:O*, s:i}", "path", path, "before", before, "after", after, "weight", weight);
	if (!entry || json_array_append_new(d->changes, entry) < 0)
		d->err = &ff_enomem;
}

static void compare(struct diff *d, const char *path, const json_t *before, const json_t *after, int depth);

static void compare_key(
	struct diff *d, const char *path, const char *key, const json_t *before, const json_t *after, int depth)
{
	_cleanup_free_ char *inner = NULL;
	if (asprintf(&inner, "%s%s%s", path, path[0] ? "." : "", key) < 0) {
		inner = NULL;
		d->err = &ff_enomem;
		return;
	}
	compare(d, inner, before, after, depth);
}

static void compare_objects(struct diff *d, const char *path, const json_t *before, const json_t *after, int depth)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)before, key, value) {
		const json_t *other = json_object_get(after, key);
		if (other || path[0]) // a whole branch that the other document does not know is no change
			compare_key(d, path, key, value, other, depth);
	}
	json_object_foreach ((json_t *)after, key, value) {
		if (path[0] && !json_object_get(before, key))
			compare_key(d, path, key, NULL, value, depth);
	}
}

static const char *entry_name(const json_t *entry)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		const char *name = json_string_value(json_object_get(entry, entry_names[i]));
		if (name)
			return name;
	}
	return NULL;
}

// A list of objects as an object under what `key` says of each (NULL: the first name that it has); NULL when one has no
// name or two share one.
static json_t *by_name(const json_t *list, const char *key)
{
	_cleanup_json_ json_t *named = json_object();
	size_t i;
	json_t *entry;
	json_array_foreach (list, i, entry) {
		const char *name = key ? json_string_value(json_object_get(entry, key)) : entry_name(entry);
		if (!name || json_object_get(named, name) || json_object_set(named, name, entry) < 0)
			return NULL;
	}
	return ff_take(&named);
}

static void compare_lists(struct diff *d, const char *path, const json_t *before, const json_t *after, int depth)
{
	for (size_t i = 0; i <= N_NAMES; i++) {
		const char *key = i < N_NAMES ? entry_names[i] : NULL;
		_cleanup_json_ json_t *a = by_name(before, key), *b = a ? by_name(after, key) : NULL;
		if (!b)
			continue;
		compare_objects(d, path, a, b, depth);
		return;
	}
	if (!json_equal(before, after))
		change(d, path, before, after);
}

static bool is_ours(struct ff_span folder)
{
	static const char hooks[] = "/firstfix/hooks";
	size_t n = sizeof(hooks) - 1;
	return folder.n >= n && memcmp(folder.p + folder.n - n, hooks, n) == 0;
}

// "/usr/lib/firstfix/hooks:/app" -> "/app", and of a list likewise; NULL when nothing is left.
static json_t *without_ours(const json_t *value)
{
	_cleanup_json_ json_t *list = json_array();
	_cleanup_buf_ struct ff_buf text = {0};
	struct ff_span rest = ff_span_of(json_is_string(value) ? json_string_value(value) : ""), folder;
	size_t i;
	json_t *entry;
	while (rest.n && ff_span_next(&rest, ':', &folder)) {
		if (!is_ours(folder))
			ff_buf_printf(&text, "%s%.*s", text.n ? ":" : "", (int)folder.n, folder.p);
	}
	json_array_foreach (value, i, entry) {
		if (!json_is_string(entry) || !is_ours(ff_span_of(json_string_value(entry))))
			json_array_append(list, entry);
	}
	if (json_is_array(value))
		return ff_take(&list);
	return text.n && !text.failed ? json_string(text.p) : NULL;
}

static void compare(struct diff *d, const char *path, const json_t *before, const json_t *after, int depth)
{
	if (depth > DEPTH_MAX)
		return;
	bool has_ours = strcmp(path, "env.PYTHONPATH") == 0 || strcmp(path, "python.site") == 0;
	_cleanup_json_ json_t *a = has_ours ? without_ours(before) : NULL, *b = has_ours ? without_ours(after) : NULL;
	if (has_ours && (a || b) && !json_equal(a, b))
		change(d, path, a, b);
	else if (has_ours)
		return;
	else if (json_is_object(before) && json_is_object(after))
		compare_objects(d, path, before, after, depth + 1);
	else if (json_is_array(before) && json_is_array(after))
		compare_lists(d, path, before, after, depth + 1);
	else if (!before || !after || !json_equal(before, after))
		change(d, path, before, after);
}

static int by_weight(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	json_int_t wx = json_integer_value(json_object_get(x, "weight")),
		   wy = json_integer_value(json_object_get(y, "weight"));
	if (wx != wy)
		return wx < wy ? 1 : -1;
	return strcmp(ff_json_text(x, "path"), ff_json_text(y, "path"));
}

static json_t *sorted(const json_t *list)
{
	size_t n = json_array_size(list);
	_cleanup_free_ json_t **entries = calloc(n + 1, sizeof(*entries));
	_cleanup_json_ json_t *result = json_array();
	if (!entries || !result)
		return NULL;
	for (size_t i = 0; i < n; i++)
		entries[i] = json_array_get(list, i);
	qsort(entries, n, sizeof(*entries), by_weight);
	for (size_t i = 0; i < n; i++) {
		if (json_array_append(result, entries[i]) < 0)
			return NULL;
	}
	return ff_take(&result);
}

struct ff_error *ff_facts_diff(const json_t *before, const json_t *after, const json_t *matters, json_t **ret)
{
	_cleanup_json_ json_t *changes = json_array();
	if (!changes)
		return &ff_enomem;
	struct diff d = {.changes = changes, .matters = matters};
	compare(&d, "", before, after, 0);
	json_t *result = d.err ? NULL : sorted(changes);
	if (!result)
		return &ff_enomem;
	*ret = result;
	return NULL;
}
