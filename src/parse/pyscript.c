// Python source, cut into the few words that tell what a worker will ask of its machine.
//
//	import torch                                              -> import torch
//	from peft import LoraConfig                               -> import peft; taken LoraConfig
//	m = AutoModel.from_pretrained("./m",                      -> given m; name AutoModel.from_pretrained; string ./m
//	    attn_implementation="sdpa")                           -> given attn_implementation; string sdpa
//
// How the source lies: an import below `try:` or in a function may fail without harm, so it is called guarded; a text
// of several lines is documentation; what is given may be computed. Nothing is evaluated.
#include "parse/pyscript.h"

#include "parse/chars.h"

enum { TEXT_MAX = 512 };

static bool is_word(char c)
{
	return ff_is_alnum(c) || c == '_';
}

static void skip(struct ff_py_script *s, size_t n)
{
	s->rest.p += n;
	s->rest.n -= n;
}

static char at(const struct ff_py_script *s, size_t i)
{
	return i < s->rest.n ? s->rest.p[i] : '\0';
}

static void blanks(struct ff_py_script *s)
{
	while (s->rest.n && (at(s, 0) == ' ' || at(s, 0) == '\t'))
		skip(s, 1);
}

// A dotted name; empty where none stands.
static struct ff_span take_name(struct ff_py_script *s)
{
	size_t n = 0;
	while (n < s->rest.n && (is_word(at(s, n)) || (at(s, n) == '.' && n && is_word(at(s, n + 1)))))
		n++;
	struct ff_span name = {s->rest.p, n};
	skip(s, n);
	return name;
}

// How long the prefix of a text is ("rb" of rb'x'), or a number larger than any where no text begins here.
static size_t prefix_of_text(const struct ff_py_script *s)
{
	size_t n = 0;
	while (n < 2 && at(s, n) && strchr("rRbBuUfF", at(s, n)))
		n++;
	return at(s, n) == '"' || at(s, n) == '\'' ? n : SIZE_MAX;
}

// Past a text that begins here; true when it is one of a single line that says what it is.
static bool take_text(struct ff_py_script *s, size_t prefix, struct ff_span *ret)
{
	bool formatted = false, plain = true;
	for (size_t i = 0; i < prefix; i++)
		formatted = formatted || at(s, i) == 'f' || at(s, i) == 'F';
	skip(s, prefix);
	char quote = at(s, 0);
	size_t quotes = at(s, 1) == quote && at(s, 2) == quote ? 3 : 1, n = 0;
	skip(s, quotes);
	for (; n < s->rest.n; n++) {
		char c = at(s, n);
		if (c == quote && (quotes == 1 || (at(s, n + 1) == quote && at(s, n + 2) == quote)))
			break;
		if (c == '\n' && quotes == 1)
			break;
		plain = plain && c != '\n' && c != '\\' && !(formatted && c == '{');
		n += c == '\\' && n + 1 < s->rest.n;
	}
	*ret = (struct ff_span){s->rest.p, n};
	bool closed = at(s, n) == quote;
	n += closed ? quotes : 0;
	skip(s, n < s->rest.n ? n : s->rest.n);
	return closed && plain && ret->n && ret->n <= TEXT_MAX;
}

static bool ends_line(struct ff_py_script *s)
{
	char c = at(s, 0);
	if (c != '\n')
		return false;
	skip(s, 1);
	if (!s->depth) {
		s->inside_line = s->listing = false;
		s->indented = at(s, 0) == ' ' || at(s, 0) == '\t';
		s->before = s->from = (struct ff_span){0};
	}
	return true;
}

// The name behind an `as`; empty where none stands.
static struct ff_span take_alias(struct ff_py_script *s)
{
	struct ff_py_script ahead = *s;
	blanks(&ahead);
	if (!ff_span_eq(take_name(&ahead), "as"))
		return (struct ff_span){0};
	blanks(&ahead);
	struct ff_span alias = take_name(&ahead);
	*s = ahead;
	return alias;
}

static bool take_import(struct ff_py_script *s, struct ff_py_token *ret)
{
	blanks(s);
	struct ff_span name = take_name(s);
	if (!name.n)
		return s->listing = false;
	*ret = (struct ff_py_token){.kind = FF_PY_IMPORT, .text = name, .value = take_alias(s), .guarded = s->indented};
	return true;
}

static bool take_taken(struct ff_py_script *s, struct ff_span name, struct ff_py_token *ret)
{
	take_alias(s);
	*ret = (struct ff_py_token){.kind = FF_PY_TAKEN, .text = name, .value = s->from, .guarded = s->indented};
	return !ff_span_eq(name, "import");
}

// What a word at the start of a line begins: `import a, b`, `from a import b`, anything else.
static bool is_import(struct ff_py_script *s, struct ff_span word, struct ff_py_token *ret)
{
	if (ff_span_eq(word, "import")) {
		s->listing = true;
		return take_import(s, ret);
	}
	if (!ff_span_eq(word, "from") || !take_import(s, ret))
		return false;
	s->from = ret->text;
	return true;
}

static bool is_given(struct ff_py_script *s, struct ff_span name, struct ff_py_token *ret)
{
	struct ff_py_script ahead = *s;
	blanks(&ahead);
	if (at(&ahead, 0) != '=' || at(&ahead, 1) == '=')
		return false;
	skip(&ahead, 1);
	blanks(&ahead);
	struct ff_py_script behind = ahead;
	struct ff_span value = prefix_of_text(&ahead) == SIZE_MAX ? take_name(&behind) : (struct ff_span){0};
	blanks(&behind);
	bool alone = !behind.rest.n || strchr(",)\r\n#", at(&behind, 0));
	*s = ahead;
	*ret = (struct ff_py_token){.kind = FF_PY_GIVEN, .text = name};
	if (alone)
		ret->value = value;
	return true;
}

static bool take_word(struct ff_py_script *s, struct ff_py_token *ret)
{
	bool first = !s->inside_line && !s->depth;
	struct ff_span name = take_name(s);
	s->inside_line = true;
	if (first && (ff_span_eq(name, "import") || ff_span_eq(name, "from")))
		return is_import(s, name, ret);
	if (s->from.n)
		return take_taken(s, name, ret);
	s->before = name;
	if (!is_given(s, name, ret))
		*ret = (struct ff_py_token){.kind = FF_PY_NAME, .text = name};
	return true;
}

bool ff_py_script_next(struct ff_py_script *s, struct ff_py_token *ret)
{
	while (s->rest.n) {
		char c = at(s, 0);
		size_t prefix = prefix_of_text(s);
		if (ends_line(s))
			continue;
		if (c == '#') {
			while (s->rest.n && at(s, 0) != '\n')
				skip(s, 1);
		} else if (prefix != SIZE_MAX) {
			struct ff_py_token text = {.kind = FF_PY_STRING, .before = s->before};
			s->inside_line = true;
			if (take_text(s, prefix, &text.text)) {
				*ret = text;
				return true;
			}
		} else if (is_word(c)) {
			if (take_word(s, ret))
				return true;
		} else {
			s->from = c == ';' ? (struct ff_span){0} : s->from;
			s->depth += c == '(' || c == '[' || c == '{';
			s->depth -= (c == ')' || c == ']' || c == '}') && s->depth;
			skip(s, c == '\\' && s->rest.n > 1 ? 2 : 1);
			if (s->listing && c == ',' && take_import(s, ret))
				return true;
		}
	}
	return false;
}
