// Literals in Python source.
//
//	__version__ = '2.3.1+cu121'
//	cuda: Optional[str] = '12.1'
//	hip: Optional[str] = None
//
// Only what stands alone on one line counts; an expression is "not known", never guessed.
#include "parse/pyliteral.h"

#include "parse/chars.h"

static struct ff_span skip_blanks(struct ff_span s)
{
	while (s.n && ff_is_blank(s.p[0]))
		s = ff_span_skip(s, 1);
	return s;
}

static bool take_text(struct ff_span *rest, struct ff_span *ret)
{
	char quote = rest->n ? rest->p[0] : '\0';
	if (quote != '"' && quote != '\'')
		return false;
	for (size_t i = 1; i < rest->n && rest->p[i] != '\n'; i++) {
		if (rest->p[i] != quote) {
			i += rest->p[i] == '\\';
			continue;
		}
		*ret = (struct ff_span){rest->p + 1, i - 1};
		*rest = ff_span_skip(*rest, i + 1);
		return true;
	}
	return false;
}

static bool read_value(struct ff_span s, struct ff_py_value *ret)
{
	static const struct {
		const char *word;
		enum ff_py_kind kind;
	} words[] = {{"None", FF_PY_NONE}, {"True", FF_PY_TRUE}, {"False", FF_PY_FALSE}};
	struct ff_py_value value = {.kind = FF_PY_TEXT};
	bool found = take_text(&s, &value.text);
	for (size_t i = 0; !found && i < sizeof(words) / sizeof(words[0]); i++) {
		if (!ff_span_starts(s, words[i].word))
			continue;
		value.kind = words[i].kind;
		s = ff_span_skip(s, strlen(words[i].word));
		found = true;
	}
	s = skip_blanks(s);
	if (!found || (s.n && s.p[0] != '#' && s.p[0] != ';'))
		return false;
	*ret = value;
	return true;
}

// "name", optional ": annotation", "=": what stands behind it.
static bool read_target(struct ff_span line, const char *name, struct ff_span *ret)
{
	if (!ff_span_starts(line, name))
		return false;
	struct ff_span s = skip_blanks(ff_span_skip(line, strlen(name)));
	if (s.n && s.p[0] == ':') {
		const char *equals = memchr(s.p, '=', s.n);
		s = equals ? ff_span_skip(s, (size_t)(equals - s.p)) : s;
	}
	if (s.n < 2 || s.p[0] != '=' || s.p[1] == '=')
		return false;
	*ret = skip_blanks(ff_span_skip(s, 1));
	return true;
}

bool ff_py_assigned(struct ff_span source, const char *name, struct ff_py_value *ret)
{
	struct ff_span line, value_text;
	struct ff_py_value value;
	bool found = false;
	while (ff_span_line(&source, &line)) {
		if (!read_target(line, name, &value_text))
			continue;
		found = read_value(value_text, &value);
	}
	if (found)
		*ret = value;
	return found;
}

static struct ff_span skip_to_text(struct ff_span s)
{
	while (s.n && s.p[0] != '"' && s.p[0] != '\'' && s.p[0] != '}') {
		const char *end = s.p[0] == '#' ? memchr(s.p, '\n', s.n) : NULL;
		s = s.p[0] == '#' ? ff_span_skip(s, end ? (size_t)(end - s.p) : s.n) : ff_span_skip(s, 1);
	}
	return s;
}

bool ff_py_dict_next(struct ff_span *rest, struct ff_span *ret_key, struct ff_span *ret_value)
{
	struct ff_span key, value, s = skip_to_text(*rest);
	if (!take_text(&s, &key))
		return false;
	s = skip_blanks(s);
	if (!s.n || s.p[0] != ':')
		return false;
	s = skip_blanks(ff_span_skip(s, 1));
	if (!take_text(&s, &value))
		return false;
	*ret_key = key;
	*ret_value = value;
	*rest = s;
	return true;
}
