// Spans and the growing buffer.
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>

bool ff_span_same(struct ff_span a, struct ff_span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool ff_span_eq(struct ff_span a, const char *b)
{
	return ff_span_same(a, ff_span_of(b));
}

bool ff_span_starts(struct ff_span a, const char *prefix)
{
	size_t n = strlen(prefix);
	return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

bool ff_span_ends(struct ff_span a, const char *suffix)
{
	size_t n = strlen(suffix);
	return a.n >= n && (n == 0 || memcmp(a.p + a.n - n, suffix, n) == 0);
}

struct ff_span ff_span_trim(struct ff_span s)
{
	while (s.n && isspace((unsigned char)s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	return s;
}

bool ff_span_next(struct ff_span *rest, char separator, struct ff_span *ret)
{
	if (!rest->p)
		return false;
	const char *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
	if (!end) {
		*ret = *rest;
		*rest = (struct ff_span){NULL, 0};
		return true;
	}
	size_t n = (size_t)(end - rest->p);
	*ret = (struct ff_span){rest->p, n};
	*rest = (struct ff_span){end + 1, rest->n - n - 1};
	return true;
}

struct ff_span ff_span_last_line(struct ff_span text)
{
	struct ff_span line, last = {0};
	while (text.n && ff_span_next(&text, '\n', &line)) {
		if (ff_span_trim(line).n)
			last = ff_span_trim(line);
	}
	return last;
}

bool ff_span_u64(struct ff_span s, uint64_t *ret)
{
	uint64_t value = 0;
	if (!s.n)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
		if (digit > 9 || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
			__builtin_add_overflow(value, (uint64_t)digit, &value))
			return false;
	}
	*ret = value;
	return true;
}

char *ff_span_dup(struct ff_span s)
{
	char *copy = malloc(s.n + 1);
	if (!copy)
		return NULL;
	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = 0;
	return copy;
}

bool ff_starts(const char *s, const char *prefix)
{
	return ff_span_starts(ff_span_of(s), prefix);
}

bool ff_ends(const char *s, const char *suffix)
{
	return ff_span_ends(ff_span_of(s), suffix);
}

static bool is_of_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool ff_has_word(const char *text, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = strstr(text, word); n && at; at = strstr(at + 1, word)) {
		if ((at == text || !is_of_word(at[-1])) && !is_of_word(at[n]))
			return true;
	}
	return false;
}

static bool reserve(struct ff_buf *b, size_t more)
{
	size_t need;
	if (b->failed || __builtin_add_overflow(b->n, more, &need) || __builtin_add_overflow(need, (size_t)1, &need)) {
		b->failed = true;
		return false;
	}
	if (need <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < need && cap < SIZE_MAX / 2)
		cap *= 2;
	if (cap < need)
		cap = need;
	char *p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void ff_buf_add(struct ff_buf *b, const void *bytes, size_t n)
{
	if (!reserve(b, n))
		return;
	if (n)
		memcpy(b->p + b->n, bytes, n);
	b->n += n;
	b->p[b->n] = 0;
}

void ff_buf_str(struct ff_buf *b, const char *s)
{
	ff_buf_add(b, s, strlen(s));
}

void ff_buf_char(struct ff_buf *b, char c)
{
	ff_buf_add(b, &c, 1);
}

void ff_buf_span(struct ff_buf *b, struct ff_span s)
{
	ff_buf_add(b, s.p, s.n);
}

void ff_buf_printf(struct ff_buf *b, const char *format, ...)
{
	va_list ap, again;
	va_start(ap, format);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		b->failed = true;
	else if (reserve(b, (size_t)n)) {
		vsnprintf(b->p + b->n, (size_t)n + 1, format, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

struct ff_error *ff_buf_finish(struct ff_buf *b, char **ret)
{
	ff_buf_add(b, "", 0);
	if (b->failed) {
		ff_buf_deinit(b);
		return &ff_enomem;
	}
	*ret = b->p;
	*b = (struct ff_buf){0};
	return NULL;
}

void ff_buf_deinit(struct ff_buf *b)
{
	free(b->p);
	*b = (struct ff_buf){0};
}
