// Reads the list as torch does: "key:value" with commas between, a value may be a bracketed list. An unknown key or a
// value of the wrong form raises at the first use of CUDA, far from where the variable was set: the commonest are
// `true` for `True` and `=` for `:`.
//
//	expandable_segments:True,max_split_size_mb:128,roundup_power2_divisions:[256:1,512:2,>:8]
#include "parse/alloc_conf.h"

// The setting's end: the next comma outside brackets.
static size_t setting_length(struct ff_span s)
{
	bool inside = false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '[')
			inside = true;
		else if (s.p[i] == ']')
			inside = false;
		else if (s.p[i] == ',' && !inside)
			return i;
	}
	return s.n;
}

bool ff_alloc_next(struct ff_span *rest, struct ff_alloc_setting *ret)
{
	while (rest->n) {
		size_t n = setting_length(*rest);
		struct ff_span setting = ff_span_trim((struct ff_span){rest->p, n});
		size_t cut = n < rest->n ? n + 1 : n;
		*rest = (struct ff_span){rest->p + cut, rest->n - cut};
		if (!setting.n)
			continue; // torch stumbles over ",," but takes a comma at the end
		struct ff_span value = setting, key;
		ff_span_next(&value, ':', &key);
		*ret = (struct ff_alloc_setting){.key = ff_span_trim(key), .value = ff_span_trim(value)};
		if (!value.p)
			ret->bad = memchr(setting.p, '=', setting.n) ? "':' is wanted where '=' stands"
								     : "no ':' and value";
		else if (!ret->value.n)
			ret->bad = "no value";
		return true;
	}
	return false;
}

static bool is_power_of_2(uint64_t v)
{
	return v && !(v & (v - 1));
}

// "12..34", "20", "" ; a missing upper end is no end.
static bool in_range(struct ff_span limit, uint64_t v)
{
	struct ff_span low;
	uint64_t bound;
	if (!ff_span_next(&limit, '.', &low))
		return true;
	if (ff_span_u64(low, &bound) && v < bound)
		return false;
	while (limit.n && limit.p[0] == '.')
		limit = (struct ff_span){limit.p + 1, limit.n - 1};
	return !ff_span_u64(limit, &bound) || v <= bound;
}

static const char *bad_bool(struct ff_span limit, struct ff_span value)
{
	(void)limit;
	return ff_span_eq(value, "True") || ff_span_eq(value, "False") ? NULL
								       : "True or False is wanted, in this spelling";
}

static const char *bad_int(struct ff_span limit, struct ff_span value)
{
	uint64_t v;
	if (!ff_span_u64(value, &v))
		return "a whole number is wanted";
	return in_range(limit, v) ? NULL : "the number is too small";
}

static const char *bad_power2(struct ff_span limit, struct ff_span value)
{
	uint64_t v;
	if (!ff_span_u64(value, &v) || !is_power_of_2(v))
		return "a power of 2 is wanted";
	return in_range(limit, v) ? NULL : "the number is out of range";
}

// A decimal fraction: "0.8", ".8", "1", "1.0"; the answer in millionths.
static bool fraction(struct ff_span s, uint64_t *ret)
{
	struct ff_span whole;
	uint64_t w = 0, part = 0, scale = 1000000;
	if (!ff_span_next(&s, '.', &whole) || (!whole.n && !s.n) || (whole.n && !ff_span_u64(whole, &w)) || w > 1000)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		scale /= 10;
		part += scale * (uint64_t)(s.p[i] - '0');
	}
	*ret = w * 1000000 + part;
	return true;
}

static const char *bad_fraction(struct ff_span limit, struct ff_span value)
{
	(void)limit;
	uint64_t v;
	return fraction(value, &v) && v > 0 && v < 1000000 ? NULL : "a number between 0 and 1 is wanted";
}

static const char *bad_share(struct ff_span limit, struct ff_span value)
{
	(void)limit;
	uint64_t v;
	return fraction(value, &v) && v <= 1000000 ? NULL : "a number from 0 to 1 is wanted";
}

static const char *bad_choice(struct ff_span limit, struct ff_span value)
{
	for (struct ff_span name; ff_span_next(&limit, ',', &name);) {
		if (name.n == value.n && memcmp(name.p, value.p, name.n) == 0)
			return NULL;
	}
	return "native or cudaMallocAsync is wanted";
}

static const char *bad_divisions(struct ff_span limit, struct ff_span value)
{
	uint64_t v;
	if (!ff_span_starts(value, "["))
		return bad_power2((struct ff_span){0}, value);
	(void)limit;
	if (!ff_span_ends(value, "]"))
		return "the list has no ']'";
	struct ff_span list = {value.p + 1, value.n - 2};
	for (struct ff_span pair, size; ff_span_next(&list, ',', &pair);) {
		ff_span_next(&pair, ':', &size);
		size = ff_span_trim(size);
		if (!ff_span_eq(size, ">") && (!ff_span_u64(size, &v) || !is_power_of_2(v)))
			return "a size in the list is no power of 2";
		if (!ff_span_u64(ff_span_trim(pair), &v) || (v && !is_power_of_2(v)))
			return "a number of divisions in the list is no power of 2";
	}
	return NULL;
}

const char *ff_alloc_value_bad(struct ff_span kind, struct ff_span limit, struct ff_span value)
{
	static const struct {
		const char *kind;
		const char *(*bad)(struct ff_span limit, struct ff_span value);
	} kinds[] = {{"bool", bad_bool}, {"int", bad_int}, {"power2", bad_power2}, {"fraction", bad_fraction},
		{"share", bad_share}, {"choice", bad_choice}, {"divisions", bad_divisions}};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (ff_span_eq(kind, kinds[i].kind))
			return kinds[i].bad(limit, value);
	}
	return NULL;
}
