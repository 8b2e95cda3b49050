// Version specifiers of PEP 440, as they stand in Requires-Dist and Requires-Python: ">=2.0,<3", "==2.3.*", "~=1.4.2".
//
// Two rules surprise: "<2.0" does not let 2.0rc1 in, and ">2.0" lets neither 2.0.post1 nor 2.0+cu121 in. A specifier
// without a local part does not look at that of the version: "==2.3.1" is satisfied by 2.3.1+cu121. Where releases of
// `packaging` differ (is 1.0.post1 above 1.0rc1?) this follows 26.x, which follows the words of PEP 440.
#include "parse/version.h"

typedef bool (*test_fn)(const struct ff_version *v, const struct ff_version *spec);

// The first n release numbers of the specifier are those of the version; the version's missing ones are 0.
static bool begins_with(const struct ff_version *v, const struct ff_version *spec, size_t n)
{
	struct ff_version short_v = *v, short_spec = *spec;
	short_v.n_release = v->n_release < n ? v->n_release : n;
	short_spec.n_release = n;
	return ff_version_order_release(&short_v, &short_spec) == 0;
}

static bool test_equal(const struct ff_version *v, const struct ff_version *spec)
{
	return (spec->local.n ? ff_version_order(v, spec) : ff_version_order_public(v, spec)) == 0;
}

static bool test_unequal(const struct ff_version *v, const struct ff_version *spec)
{
	return !test_equal(v, spec);
}

static bool test_at_most(const struct ff_version *v, const struct ff_version *spec)
{
	return ff_version_order_public(v, spec) <= 0;
}

static bool test_at_least(const struct ff_version *v, const struct ff_version *spec)
{
	return ff_version_order_public(v, spec) >= 0;
}

static bool test_less(const struct ff_version *v, const struct ff_version *spec)
{
	struct ff_version bound = *spec;
	if (!ff_version_is_prerelease(spec)) {
		bound.has_dev = true;
		bound.dev_n = (struct ff_span){NULL, 0};
	}
	return ff_version_order_public(v, &bound) < 0;
}

static bool is_post_release_of(const struct ff_version *v, const struct ff_version *spec)
{
	struct ff_version before = *v;
	before.has_post = before.has_dev = false;
	before.post_n = before.dev_n = (struct ff_span){NULL, 0};
	return v->has_post && ff_version_order_public(&before, spec) == 0;
}

static bool test_more(const struct ff_version *v, const struct ff_version *spec)
{
	return ff_version_order_public(v, spec) > 0 && !is_post_release_of(v, spec);
}

static bool test_compatible(const struct ff_version *v, const struct ff_version *spec)
{
	return test_at_least(v, spec) && begins_with(v, spec, spec->n_release - 1);
}

static bool test_prefix(const struct ff_version *v, const struct ff_version *spec)
{
	return begins_with(v, spec, spec->n_release);
}

static bool test_not_prefix(const struct ff_version *v, const struct ff_version *spec)
{
	return !test_prefix(v, spec);
}

struct operator_row {
	const char *text;
	test_fn test;
	test_fn test_wildcard; /**< for "==1.2.*"; NULL where no wildcard may stand */
	bool local;	       /**< a local part may stand */
	size_t min_release;
};

// The longer operator first where one begins another; "===" is no row, it compares texts.
static const struct operator_row operators[] = {
	{"==", test_equal, test_prefix, true, 1},
	{"!=", test_unequal, test_not_prefix, true, 1},
	{"~=", test_compatible, NULL, false, 2},
	{"<=", test_at_most, NULL, false, 1},
	{">=", test_at_least, NULL, false, 1},
	{"<", test_less, NULL, false, 1},
	{">", test_more, NULL, false, 1},
};

static bool is_plain_release(const struct ff_version *v)
{
	return !v->pre && !v->has_post && !v->has_dev && !v->local.n;
}

static enum ff_satisfies test_row(const struct operator_row *row, const struct ff_version *v, struct ff_span text)
{
	struct ff_version spec;
	bool wildcard = row->test_wildcard && ff_span_ends(text, ".*");
	if (wildcard)
		text.n -= strlen(".*");
	if (!ff_version_parse(text, &spec) || spec.n_release < row->min_release)
		return FF_SATISFIES_UNKNOWN;
	if ((spec.local.n && !row->local) || (wildcard && !is_plain_release(&spec)))
		return FF_SATISFIES_UNKNOWN;
	return (wildcard ? row->test_wildcard : row->test)(v, &spec) ? FF_SATISFIES_YES : FF_SATISFIES_NO;
}

// "===": the texts are the same but for case; the version's text is its normal form when it has one.
static enum ff_satisfies test_identical(struct ff_span version, const struct ff_version *v, struct ff_span text)
{
	_cleanup_buf_ struct ff_buf normal = {0};
	struct ff_span own = ff_span_trim(version);
	if (v) {
		ff_version_format(v, &normal);
		if (normal.failed)
			return FF_SATISFIES_UNKNOWN;
		own = (struct ff_span){normal.p, normal.n};
	}
	bool same = own.n == text.n && (!own.n || strncasecmp(own.p, text.p, own.n) == 0);
	return same ? FF_SATISFIES_YES : FF_SATISFIES_NO;
}

static bool holds_any(struct ff_span s, const char *characters)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] && strchr(characters, s.p[i]))
			return true;
	return false;
}

static enum ff_satisfies test_one(struct ff_span version, const struct ff_version *v, struct ff_span specifier)
{
	if (ff_span_starts(specifier, "===")) {
		struct ff_span text = ff_span_trim((struct ff_span){specifier.p + 3, specifier.n - 3});
		return holds_any(text, " \t\r\n\f\v;)") ? FF_SATISFIES_UNKNOWN : test_identical(version, v, text);
	}
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t n = strlen(operators[i].text);
		if (!ff_span_starts(specifier, operators[i].text))
			continue;
		struct ff_span text = {specifier.p + n, specifier.n - n};
		return v ? test_row(&operators[i], v, ff_span_trim(text)) : FF_SATISFIES_UNKNOWN;
	}
	return FF_SATISFIES_UNKNOWN;
}

enum ff_satisfies ff_version_satisfies_spans(struct ff_span version, struct ff_span specifiers)
{
	struct ff_version parsed;
	const struct ff_version *v = ff_version_parse(version, &parsed) ? &parsed : NULL;
	enum ff_satisfies all = FF_SATISFIES_YES;
	struct ff_span piece;
	while (ff_span_next(&specifiers, ',', &piece)) {
		piece = ff_span_trim(piece);
		if (!piece.n)
			continue;
		enum ff_satisfies one = test_one(version, v, piece);
		if (one == FF_SATISFIES_UNKNOWN)
			return FF_SATISFIES_UNKNOWN;
		if (one == FF_SATISFIES_NO)
			all = FF_SATISFIES_NO;
	}
	return all;
}

enum ff_satisfies ff_version_satisfies(const char *version, const char *specifiers)
{
	return ff_version_satisfies_spans(ff_span_of(version), ff_span_of(specifiers));
}
