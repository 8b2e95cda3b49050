// Facts made flat.
//
//	{"torch": {"version": "2.6.0"}, "gpus": [{"name": "H100", "index": 0}, {"name": "H100", "index": 1}]}
//	-> {"torch.version": "2.6.0", "gpus.count": "2", "gpus.*.name": "H100", "gpus.*.index": "0, 1"}
//
// A list of objects becomes one key for each member, with the values that differ: eight GPUs of one kind are one fact.
#include "know/facts_flat.h"

#include "base/hash.h"
#include "know/facts_diff.h"

#include <fnmatch.h>

enum { DEPTH_MAX = 16, WEIGHT_LEAST = 20, CUT_AT = FF_FLAT_VALUE - 20 };

// Follows from the packages, or is about the report and not about the machine.
static const char *const derived[] = {
	"python.required_by*", "errors*", "env_absent*", "env_notes*", "frameworks*", "libraries_loaded*"};

struct flat {
	json_t *facts;
	struct ff_error *err;
};

static bool is_left_out(const char *path)
{
	for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
		if (fnmatch(derived[i], path, 0) == 0)
			return true;
	return ff_facts_weight(path) < WEIGHT_LEAST;
}

static json_t *bounded(const char *text, size_t n)
{
	size_t cut = n <= FF_FLAT_VALUE ? n : CUT_AT;
	while (cut < n && cut && ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--;
	if (cut == n)
		return json_stringn(text, n);
	return json_sprintf(
		"%.*s...#%016llx", (int)cut, text, (unsigned long long)ff_hash((struct ff_span){text, n}, false));
}

static json_t *text_of(const json_t *value)
{
	if (json_is_string(value))
		return bounded(json_string_value(value), json_string_length(value));
	if (json_is_true(json_object_get(value, "masked")))
		return json_string("set, masked");
	_cleanup_free_ char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
	return text ? bounded(text, strlen(text)) : NULL;
}

// True when `value` is one of those that the text lists already.
static bool lists(const char *list, const char *value)
{
	size_t n = strlen(value);
	for (const char *p = strstr(list, value); p && n; p = strstr(p + n, value))
		if ((p == list || (p - list >= 2 && ff_starts(p - 2, ", "))) && (!p[n] || ff_starts(p + n, ", ")))
			return true;
	return false;
}

static void put(struct flat *f, const char *path, const json_t *value)
{
	const char *old = json_string_value(json_object_get(f->facts, path));
	if (strlen(path) > FF_FLAT_KEY || (!old && json_object_size(f->facts) >= FF_FLAT_FACTS))
		return;
	_cleanup_json_ json_t *text = text_of(value);
	json_t *both = NULL;
	if (text && old && (lists(old, json_string_value(text)) || strlen(old) > CUT_AT))
		return;
	if (text && old)
		both = json_sprintf("%s, %s", old, json_string_value(text));
	if (!text || (old && !both) || json_object_set_new(f->facts, path, both ? both : ff_take(&text)) < 0)
		f->err = &ff_enomem;
}

static void flatten(struct flat *f, const char *path, const json_t *value, int depth);

static void step(struct flat *f, const char *path, const char *key, const json_t *value, int depth)
{
	_cleanup_free_ char *inner = NULL;
	if (asprintf(&inner, "%s%s%s", path, path[0] ? "." : "", key) < 0) {
		inner = NULL;
		f->err = &ff_enomem;
		return;
	}
	flatten(f, inner, value, depth + 1);
}

static void flatten_list(struct flat *f, const char *path, const json_t *list, int depth)
{
	size_t i;
	json_t *entry, *n = json_integer((json_int_t)json_array_size(list));
	json_array_foreach (list, i, entry)
		step(f, path, "*", entry, depth);
	if (!n)
		f->err = &ff_enomem;
	else
		step(f, path, "count", n, depth);
	json_decref(n);
}

static void flatten(struct flat *f, const char *path, const json_t *value, int depth)
{
	const char *key;
	json_t *inner;
	if (f->err || depth > DEPTH_MAX || json_is_null(value) || (path[0] && is_left_out(path)))
		return;
	if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
		flatten_list(f, path, value, depth);
	} else if (json_is_object(value) && !json_object_get(value, "masked")) {
		json_object_foreach ((json_t *)value, key, inner)
			step(f, path, key, inner, depth);
	} else {
		put(f, path, value);
	}
}

struct ff_error *ff_facts_flat(const json_t *facts, json_t **ret)
{
	struct flat f = {.facts = json_object()};
	if (!f.facts)
		return &ff_enomem;
	if (json_is_object(facts))
		flatten(&f, "", facts, 0);
	if (f.err) {
		json_decref(f.facts);
		return f.err;
	}
	*ret = f.facts;
	return NULL;
}

static uint64_t hash_of(const char *key, struct ff_span value)
{
	uint64_t h = ff_hash(ff_span_of(key), false) * 0x9e3779b97f4a7c15u ^ ff_hash(value, false);
	return (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
}

void ff_facts_flat_hash(const json_t *flat, char ret[FF_FLAT_HASH])
{
	uint64_t sum = 0;
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)flat, key, value)
		sum += hash_of(key, (struct ff_span){json_string_value(value), json_string_length(value)});
	snprintf(ret, FF_FLAT_HASH, "%016llx", (unsigned long long)sum);
}

void ff_facts_flat_hash_of(const struct ff_flat_member *rows, size_t n, char ret[FF_FLAT_HASH])
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += hash_of(rows[i].key, ff_span_of(rows[i].value));
	snprintf(ret, FF_FLAT_HASH, "%016llx", (unsigned long long)sum);
}
