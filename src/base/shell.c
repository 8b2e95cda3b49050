// Quoting as sh(1) has it: nothing is special within '...'; within "..." a backslash still is.
#include "base/shell.h"

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%[]";

void ff_shell_quote(struct ff_buf *out, struct ff_span word)
{
	bool is_plain = word.n > 0;
	for (size_t i = 0; i < word.n && is_plain; i++)
		is_plain = word.p[i] && strchr(plain, word.p[i]);
	if (is_plain) {
		ff_buf_span(out, word);
		return;
	}
	ff_buf_char(out, '\'');
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] == '\'')
			ff_buf_str(out, "'\\''");
		else
			ff_buf_char(out, word.p[i]);
	}
	ff_buf_char(out, '\'');
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

bool ff_shell_next(struct ff_span *rest, struct ff_buf *word)
{
	const char *p = rest->p, *end = rest->p + rest->n;
	char quote = 0;
	word->n = 0;
	while (p < end && is_blank(*p))
		p++;
	bool any = p < end;
	for (; p < end && (quote || !is_blank(*p)); p++) {
		if (*p == '\\' && quote != '\'' && p + 1 < end)
			ff_buf_char(word, *++p);
		else if (quote ? *p == quote : *p == '\'' || *p == '"')
			quote = quote ? 0 : *p;
		else
			ff_buf_char(word, *p);
	}
	*rest = (struct ff_span){p, (size_t)(end - p)};
	return any;
}
