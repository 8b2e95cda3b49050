// Environment markers of PEP 508: which requirements hold for this interpreter on this machine.
//
//	python_version < "3.12" and (platform_machine == "x86_64" or extra == 'cuda')
//
// Answers are yes, no or unknown (a value may not be known), joined by Kleene's rules. Only version-like names are
// compared as versions; for all others "<" and ">" are never true, as in Python's `packaging`.
#include "parse/requirement.h"

#include "parse/chars.h"

enum { DEPTH_MAX = 32, NO_NAME = -1 };

struct marker_reader {
	struct ff_span rest;
	const struct ff_marker_env *env;
	unsigned depth;
	const char *flaw; /**< the first thing that was wrong */
};

struct operand {
	int name; /**< enum ff_marker_name, or NO_NAME for a literal */
	struct ff_span text;
	bool known;
};

static const struct {
	const char *text;
	enum ff_marker_name name;
	bool is_version;
} names[] = {
	{"os_name", FF_MARKER_OS_NAME, false},
	{"os.name", FF_MARKER_OS_NAME, false},
	{"sys_platform", FF_MARKER_SYS_PLATFORM, false},
	{"sys.platform", FF_MARKER_SYS_PLATFORM, false},
	{"platform_machine", FF_MARKER_PLATFORM_MACHINE, false},
	{"platform.machine", FF_MARKER_PLATFORM_MACHINE, false},
	{"platform_python_implementation", FF_MARKER_PLATFORM_IMPLEMENTATION, false},
	{"platform.python_implementation", FF_MARKER_PLATFORM_IMPLEMENTATION, false},
	{"python_implementation", FF_MARKER_PLATFORM_IMPLEMENTATION, false},
	{"platform_release", FF_MARKER_PLATFORM_RELEASE, true},
	{"platform_system", FF_MARKER_PLATFORM_SYSTEM, false},
	{"platform_version", FF_MARKER_PLATFORM_VERSION, false},
	{"platform.version", FF_MARKER_PLATFORM_VERSION, false},
	{"python_version", FF_MARKER_PYTHON_VERSION, true},
	{"python_full_version", FF_MARKER_PYTHON_FULL_VERSION, true},
	{"implementation_name", FF_MARKER_IMPLEMENTATION_NAME, false},
	{"implementation_version", FF_MARKER_IMPLEMENTATION_VERSION, true},
	{"extra", FF_MARKER_EXTRA, false},
};

// The longer operator first where one begins another.
static const char *const operators[] = {"===", "==", "~=", "!=", "<=", ">=", "<", ">"};

static void skip_blanks(struct marker_reader *r)
{
	while (r->rest.n && ff_is_blank(r->rest.p[0]))
		r->rest = ff_span_skip(r->rest, 1);
}

static bool is_word_char(char c)
{
	return ff_is_alnum(c) || c == '_';
}

static bool take_word(struct marker_reader *r, const char *word)
{
	size_t n = strlen(word);
	if (!ff_span_starts(r->rest, word) || (r->rest.n > n && is_word_char(r->rest.p[n])))
		return false;
	r->rest = ff_span_skip(r->rest, n);
	return true;
}

static bool take_char(struct marker_reader *r, char c)
{
	skip_blanks(r);
	if (!r->rest.n || r->rest.p[0] != c)
		return false;
	r->rest = ff_span_skip(r->rest, 1);
	return true;
}

static void say_flaw(struct marker_reader *r, const char *flaw)
{
	if (!r->flaw)
		r->flaw = flaw;
}

static bool take_literal(struct marker_reader *r, struct operand *ret)
{
	char quote = r->rest.n ? r->rest.p[0] : '\0';
	if (quote != '"' && quote != '\'')
		return false;
	const char *end = memchr(r->rest.p + 1, quote, r->rest.n - 1);
	if (!end) {
		say_flaw(r, "quote not closed");
		return false;
	}
	size_t n = (size_t)(end - r->rest.p) - 1;
	*ret = (struct operand){NO_NAME, {r->rest.p + 1, n}, true};
	r->rest = ff_span_skip(r->rest, n + 2);
	return true;
}

static bool take_operand(struct marker_reader *r, struct operand *ret)
{
	skip_blanks(r);
	if (take_literal(r, ret))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!take_word(r, names[i].text))
			continue;
		const char *value = r->env->values[names[i].name];
		*ret = (struct operand){(int)names[i].name, ff_span_of(value), value != NULL};
		return true;
	}
	say_flaw(r, "a marker name or a quoted text expected");
	return false;
}

static const char *take_operator(struct marker_reader *r)
{
	skip_blanks(r);
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (!ff_span_starts(r->rest, operators[i]))
			continue;
		r->rest = ff_span_skip(r->rest, strlen(operators[i]));
		return operators[i];
	}
	if (take_word(r, "in"))
		return "in";
	if (take_word(r, "not")) {
		skip_blanks(r);
		if (take_word(r, "in"))
			return "not in";
	}
	say_flaw(r, "an operator expected");
	return NULL;
}

static bool name_is_version(int name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((int)names[i].name == name)
			return names[i].is_version;
	return false;
}

static enum ff_satisfies answer_of(bool yes)
{
	return yes ? FF_SATISFIES_YES : FF_SATISFIES_NO;
}

static enum ff_satisfies compare_texts(struct ff_span a, const char *operator, struct ff_span b)
{
	bool same = a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
	if (strcmp(operator, "in") == 0)
		return answer_of(!a.n || (b.n && memmem(b.p, b.n, a.p, a.n)));
	if (strcmp(operator, "not in") == 0)
		return answer_of(a.n && !(b.n && memmem(b.p, b.n, a.p, a.n)));
	if (strcmp(operator, "!=") == 0)
		return answer_of(!same);
	if (strcmp(operator, "==") == 0 || strcmp(operator, "<=") == 0 || strcmp(operator, ">=") == 0)
		return answer_of(same);
	return FF_SATISFIES_NO; // "<", ">" on what has no order
}

// A version-like name against a specifier; UNKNOWN when the other side makes none. What is no version satisfies none.
static enum ff_satisfies compare_versions(struct ff_span a, const char *operator, struct ff_span b)
{
	_cleanup_buf_ struct ff_buf specifier = {0};
	ff_buf_str(&specifier, operator);
	ff_buf_span(&specifier, b);
	struct ff_span text = {specifier.p, specifier.n};
	if (specifier.failed || memchr(specifier.p, ',', specifier.n) ||
		ff_version_satisfies_spans(FF_SPAN("0"), text) == FF_SATISFIES_UNKNOWN)
		return FF_SATISFIES_UNKNOWN;
	return answer_of(ff_version_satisfies_spans(a, text) == FF_SATISFIES_YES);
}

static enum ff_satisfies compare_extras(struct ff_span a, const char *operator, struct ff_span b)
{
	_cleanup_buf_ struct ff_buf normal_a = {0}, normal_b = {0};
	ff_package_name_format(a, &normal_a);
	ff_package_name_format(b, &normal_b);
	if (normal_a.failed || normal_b.failed)
		return FF_SATISFIES_UNKNOWN;
	return compare_texts(
		(struct ff_span){normal_a.p, normal_a.n}, operator,(struct ff_span){normal_b.p, normal_b.n});
}

static enum ff_satisfies compare(const struct operand *a, const char *operator, const struct operand * b)
{
	if (!a->known || !b->known)
		return FF_SATISFIES_UNKNOWN;
	int name = a->name != NO_NAME ? a->name : b->name;
	if (name == FF_MARKER_EXTRA)
		return compare_extras(a->text, operator, b->text);
	if (name_is_version(name)) {
		enum ff_satisfies answer = compare_versions(a->text, operator, b->text);
		if (answer != FF_SATISFIES_UNKNOWN)
			return answer;
	}
	return compare_texts(a->text, operator, b->text);
}

static enum ff_satisfies read_or(struct marker_reader *r);

static enum ff_satisfies read_atom(struct marker_reader *r)
{
	if (take_char(r, '(')) {
		if (++r->depth > DEPTH_MAX) {
			say_flaw(r, "nested too deep");
			return FF_SATISFIES_UNKNOWN;
		}
		enum ff_satisfies inner = read_or(r);
		r->depth--;
		if (!take_char(r, ')'))
			say_flaw(r, "parenthesis not closed");
		return inner;
	}
	struct operand a, b;
	const char *operator;
	if (!take_operand(r, &a) || !(operator= take_operator(r)) || !take_operand(r, &b))
		return FF_SATISFIES_UNKNOWN;
	return compare(&a, operator, & b);
}

static enum ff_satisfies read_and(struct marker_reader *r)
{
	enum ff_satisfies all = read_atom(r);
	for (skip_blanks(r); !r->flaw && take_word(r, "and"); skip_blanks(r)) {
		enum ff_satisfies one = read_atom(r);
		if (one == FF_SATISFIES_NO || (one == FF_SATISFIES_UNKNOWN && all == FF_SATISFIES_YES))
			all = one;
	}
	return all;
}

static enum ff_satisfies read_or(struct marker_reader *r)
{
	enum ff_satisfies any = read_and(r);
	for (skip_blanks(r); !r->flaw && take_word(r, "or"); skip_blanks(r)) {
		enum ff_satisfies one = read_and(r);
		if (one == FF_SATISFIES_YES || (one == FF_SATISFIES_UNKNOWN && any == FF_SATISFIES_NO))
			any = one;
	}
	return any;
}

struct ff_error *ff_marker_evaluate(
	const char *source, struct ff_span marker, const struct ff_marker_env *env, enum ff_satisfies *ret)
{
	struct marker_reader r = {.rest = ff_span_trim(marker), .env = env};
	enum ff_satisfies answer = r.rest.n ? read_or(&r) : FF_SATISFIES_YES;
	if (!r.flaw && r.rest.n)
		say_flaw(&r, "'and', 'or' or end expected");
	if (r.flaw)
		return ff_error_create(FF_EFORMAT, "%s: %s at column %zu of marker \"%.*s\"", source, r.flaw,
			(size_t)(r.rest.p - marker.p) + 1, (int)(marker.n < 200 ? marker.n : 200), marker.p);
	*ret = answer;
	return NULL;
}
