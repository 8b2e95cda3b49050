// Characters as the formats mean them (ASCII, whatever the locale), and steps over a span.
#pragma once

#include "base/str.h"

static inline bool ff_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char ff_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool ff_is_letter(char c)
{
	return ff_lower(c) >= 'a' && ff_lower(c) <= 'z';
}

static inline bool ff_is_alnum(char c)
{
	return ff_is_digit(c) || ff_is_letter(c);
}

static inline bool ff_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/** The span without its first n bytes; n must not be more than it has. NULL + 0 is undefined in C. */
static inline struct ff_span ff_span_skip(struct ff_span s, size_t n)
{
	return n ? (struct ff_span){s.p + n, s.n - n} : s;
}

static inline struct ff_span ff_span_first(struct ff_span s, size_t n)
{
	return (struct ff_span){s.p, n};
}

static inline bool ff_span_same_case(struct ff_span a, const char *b)
{
	size_t n = strlen(b);
	return a.n == n && strncasecmp(a.p, b, n) == 0;
}

/** Cut the next line off, without its "\n" or "\r\n"; false when nothing is left. */
static inline bool ff_span_line(struct ff_span *rest, struct ff_span *ret)
{
	if (!rest->n)
		return false;
	if (!ff_span_next(rest, '\n', ret))
		return false;
	if (ret->n && ret->p[ret->n - 1] == '\r')
		ret->n--;
	return true;
}
