// One line of Requires-Dist (PEP 508), from METADATA of an installed package.
//
//	tokenizers<0.21,>=0.20
//	triton (==2.3.1) ; platform_system == "Linux" and platform_machine == "x86_64" and python_version < "3.12"
//	pip @ https://github.com/pypa/pip/archive/22.0.2.zip ; extra == "all"
//
// Old wheels put the specifiers in parentheses; URLs may hold ';' and end only at white space.
#include "parse/requirement.h"

#include "parse/chars.h"

static bool is_name_char(char c)
{
	return ff_is_alnum(c) || c == '.' || c == '-' || c == '_';
}

static void skip_blanks(struct ff_span *s)
{
	while (s->n && ff_is_blank(s->p[0]))
		*s = ff_span_skip(*s, 1);
}

static struct ff_span take_name(struct ff_span *rest)
{
	size_t n = 0;
	while (n < rest->n && is_name_char(rest->p[n]))
		n++;
	while (n && !ff_is_alnum(rest->p[n - 1]))
		n--;
	if (n && !ff_is_alnum(rest->p[0]))
		n = 0;
	struct ff_span name = ff_span_first(*rest, n);
	*rest = ff_span_skip(*rest, n);
	return name;
}

static bool extras_are_valid(struct ff_span extras)
{
	struct ff_span piece;
	if (!ff_span_trim(extras).n)
		return true;
	while (ff_span_next(&extras, ',', &piece)) {
		piece = ff_span_trim(piece);
		struct ff_span rest = piece;
		if (take_name(&rest).n != piece.n || !piece.n)
			return false;
	}
	return true;
}

// From an opening bracket to its partner; false when there is none.
static bool take_enclosed(struct ff_span *rest, char close, struct ff_span *ret)
{
	const char *end = memchr(rest->p, close, rest->n);
	if (!end)
		return false;
	size_t n = (size_t)(end - rest->p);
	*ret = ff_span_trim((struct ff_span){rest->p + 1, n - 1});
	*rest = ff_span_skip(*rest, n + 1);
	skip_blanks(rest);
	return true;
}

static struct ff_span take_url(struct ff_span *rest)
{
	*rest = ff_span_skip(*rest, 1);
	skip_blanks(rest);
	size_t n = 0;
	while (n < rest->n && !ff_is_blank(rest->p[n]))
		n++;
	struct ff_span url = ff_span_first(*rest, n);
	*rest = ff_span_skip(*rest, n);
	return url;
}

static struct ff_span take_specifiers(struct ff_span *rest)
{
	const char *end = rest->n ? memchr(rest->p, ';', rest->n) : NULL;
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	struct ff_span specifiers = ff_span_trim(ff_span_first(*rest, n));
	*rest = ff_span_skip(*rest, n);
	return specifiers;
}

static const char *parse_details(struct ff_span *rest, struct ff_requirement *r)
{
	if (rest->n && rest->p[0] == '[') {
		if (!take_enclosed(rest, ']', &r->extras) || !extras_are_valid(r->extras))
			return "malformed extras";
	}
	if (rest->n && rest->p[0] == '@') {
		r->url = take_url(rest);
		return r->url.n ? NULL : "no URL after @";
	}
	if (rest->n && rest->p[0] == '(')
		return take_enclosed(rest, ')', &r->specifiers) ? NULL : "parenthesis not closed";
	r->specifiers = take_specifiers(rest);
	return r->specifiers.n && !strchr("<>=!~", r->specifiers.p[0]) ? "no version specifier" : NULL;
}

struct ff_error *ff_requirement_parse(const char *source, struct ff_span text, struct ff_requirement *ret)
{
	struct ff_requirement r = {0};
	struct ff_span rest = ff_span_trim(text);
	r.name = take_name(&rest);
	skip_blanks(&rest);
	const char *flaw = r.name.n ? parse_details(&rest, &r) : "no package name";
	skip_blanks(&rest);
	if (!flaw && rest.n && rest.p[0] != ';')
		flaw = "';' or end expected";
	if (flaw)
		return ff_error_create(FF_EFORMAT, "%s: %s in requirement \"%.*s\"", source, flaw,
			(int)(text.n < 200 ? text.n : 200), text.p);
	if (rest.n)
		r.marker = ff_span_trim(ff_span_skip(rest, 1));
	*ret = r;
	return NULL;
}

static bool next_normal_char(struct ff_span *rest, char *ret)
{
	if (!rest->n)
		return false;
	char c = rest->p[0];
	if (c == '.' || c == '-' || c == '_') {
		while (rest->n && (rest->p[0] == '.' || rest->p[0] == '-' || rest->p[0] == '_'))
			*rest = ff_span_skip(*rest, 1);
		c = '-';
	} else {
		*rest = ff_span_skip(*rest, 1);
	}
	*ret = ff_lower(c);
	return true;
}

void ff_package_name_format(struct ff_span name, struct ff_buf *b)
{
	for (char c; next_normal_char(&name, &c);)
		ff_buf_char(b, c);
}

bool ff_package_name_equal(struct ff_span a, struct ff_span b)
{
	for (;;) {
		char ca, cb;
		bool more_a = next_normal_char(&a, &ca), more_b = next_normal_char(&b, &cb);
		if (!more_a || !more_b)
			return more_a == more_b;
		if (ca != cb)
			return false;
	}
}
