// A pattern as the text it looks for, for people: the first of several alternatives, "..." for what may be anything. A
// named choice of plain words that begins it (the names of a code) is shown by its first word.
//
//	[[driver on your system is too old \(found version (?<found>\d+)\)]] -> driver on your system is too old (found version <found>)
#include "diagnose/pattern_text.h"

#include "parse/chars.h"

enum { DEPTH_MAX = 16, TEXT_MAX = 160 };

struct plain {
	const char *p, *end;
	struct ff_buf *out;
};

static void add(struct plain *s, const char *text)
{
	size_t n = strlen(text);
	if (s->out->n + n > TEXT_MAX || (ff_starts(text, "...") && s->out->n >= 3 && ff_ends(s->out->p, "...")))
		return;
	ff_buf_str(s->out, text);
}

static bool escape(struct plain *s)
{
	static const struct {
		char c;
		const char *text;
	} classes[] = {{'d', "N"}, {'w', "..."}, {'S', "..."}, {'D', "..."}, {'W', " "}, {'s', " "}, {'n', " "},
		{'t', " "}, {'b', ""}, {'B', ""}, {'A', ""}, {'Z', ""}, {'z', ""}, {'K', ""}, {'R', " "}};
	if (++s->p >= s->end)
		return false;
	char c = *s->p++;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (classes[i].c == c) {
			add(s, classes[i].text);
			return true;
		}
	}
	add(s, (char[]){c, 0});
	return true;
}

// [...]: its only member, or its first when it is a choice of a few signs, "..." for anything wider.
static void class(struct plain *s)
{
	const char *from = ++s->p;
	bool negated = from < s->end && *from == '^';
	while (s->p < s->end && (*s->p != ']' || s->p == from + negated))
		s->p += *s->p == '\\' ? 2 : 1;
	if (s->p < s->end)
		s->p++;
	else
		s->p = s->end;
	size_t n = (size_t)(s->p - from) - 1;
	if (negated || n > 6 || !n || *from == '\\' || memchr(from, '-', n))
		add(s, "...");
	else
		add(s, (char[]){*from, 0});
}

// *, +, ?, {n,m}: what was written stands for once; where it may be many signs it already reads "...".
static void quantifier(struct plain *s)
{
	if (s->p < s->end && *s->p == '{') {
		while (s->p < s->end && *s->p++ != '}')
			;
	} else if (s->p < s->end && strchr("*+?", *s->p)) {
		s->p++;
	}
	while (s->p < s->end && strchr("?+", *s->p))
		s->p++;
}

static void skip_group(struct plain *s, int depth);

static void sequence(struct plain *s, int depth)
{
	while (s->p < s->end && *s->p != ')' && *s->p != '|') {
		char c = *s->p;
		if (c == '(' && depth < DEPTH_MAX)
			skip_group(s, depth);
		else if (c == '\\')
			(void)(escape(s) || s->p++);
		else if (c == '[')
			class(s);
		else if (c == '^' || c == '$')
			s->p++;
		else
			add(s, c == '.' ? "..." : (char[]){c, 0}), s->p++;
		quantifier(s);
	}
}

// The rest of the alternatives says nothing.
static void to_close(struct plain *s, int depth)
{
	struct ff_buf nothing = {0};
	struct ff_buf *out = s->out;
	s->out = &nothing;
	while (s->p < s->end && *s->p == '|') {
		s->p++;
		sequence(s, depth + 1);
	}
	ff_buf_deinit(&nothing);
	s->out = out;
	if (s->p < s->end)
		s->p++; // ')'
}

// The first of several words without anything else in them.
static bool add_word(struct plain *s, const char *p)
{
	size_t n = 0;
	while (p + n < s->end && (ff_is_alnum(p[n]) || p[n] == '_'))
		n++;
	bool word = n && n < TEXT_MAX && p + n < s->end && (p[n] == '|' || p[n] == ')');
	if (word)
		ff_buf_add(s->out, p, n);
	return word;
}

static void skip_group(struct plain *s, int depth)
{
	struct ff_buf nothing = {0}, *out = s->out;
	bool silent = false;
	s->p++;
	if (s->end - s->p > 2 && s->p[0] == '?') {
		const char *name = s->p + 2;
		silent = s->p[1] == '=' || s->p[1] == '!' || (s->p[1] == '<' && (*name == '=' || *name == '!'));
		bool named = s->p[1] == '<' && !silent;
		const char *close = memchr(s->p, named ? '>' : ':', (size_t)(s->end - s->p));
		silent |= named && close;
		if (named && close && (s->out->n || !add_word(s, close + 1))) {
			add(s, "<");
			for (; name < close; name++)
				add(s, (char[]){*name, 0});
			add(s, ">");
		}
		s->p = silent && !named ? s->p + 2 : close ? close + 1 : s->end;
	}
	if (silent)
		s->out = &nothing;
	sequence(s, depth + 1);
	to_close(s, depth);
	s->out = out;
	ff_buf_deinit(&nothing);
}

void ff_pattern_text(const char *pattern, struct ff_buf *out)
{
	struct plain s = {.p = pattern, .end = pattern + strlen(pattern), .out = out};
	while (s.p < s.end && *s.p != '|') {
		sequence(&s, 0);
		if (s.p < s.end && *s.p == ')')
			s.p++;
	}
}
