// Text: spans into bytes that somebody else owns, and a buffer that grows.
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <string.h>

/** Bytes [p, p+n) owned by someone else; not terminated. p may be NULL when n is 0. */
struct ff_span {
	const char *p;
	size_t n;
};

#define FF_SPAN(literal) ((struct ff_span){(literal), sizeof(literal) - 1})

static inline struct ff_span ff_span_of(const char *s)
{
	return (struct ff_span){s, s ? strlen(s) : 0};
}

bool ff_span_eq(struct ff_span a, const char *b);
bool ff_span_same(struct ff_span a, struct ff_span b);
bool ff_span_starts(struct ff_span a, const char *prefix);
bool ff_span_ends(struct ff_span a, const char *suffix);

/** Without leading and trailing white space. */
struct ff_span ff_span_trim(struct ff_span s);

/** Cut the next piece off *rest, up to (not with) the separator; false when *rest is used up. Empty pieces count. */
bool ff_span_next(struct ff_span *rest, char separator, struct ff_span *ret);

/** The last line that is not blank, trimmed; empty where there is none. */
struct ff_span ff_span_last_line(struct ff_span text);

/** Decimal digits only; false on anything else, on an empty span and on overflow. */
bool ff_span_u64(struct ff_span s, uint64_t *ret);

/** A terminated copy, NULL when out of memory. */
char *ff_span_dup(struct ff_span s);

bool ff_starts(const char *s, const char *prefix);
bool ff_ends(const char *s, const char *suffix);

/** Does the word stand in the text, with no letter, digit or underscore around it? */
bool ff_has_word(const char *text, const char *word);

/** A byte string that grows; zero-initialised is empty. A failed allocation makes it `failed`, appends do nothing
    from then on and ff_buf_finish() reports it once: check at the end, not at every append. */
struct ff_buf {
	char *p; /**< terminated when not NULL */
	size_t n, cap;
	bool failed;
};

void ff_buf_add(struct ff_buf *b, const void *bytes, size_t n);
void ff_buf_str(struct ff_buf *b, const char *s);
void ff_buf_char(struct ff_buf *b, char c);
void ff_buf_span(struct ff_buf *b, struct ff_span s);
void ff_buf_printf(struct ff_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Take the text out (never NULL on success, "" when empty; caller frees) and leave the buffer empty. */
struct ff_error *ff_buf_finish(struct ff_buf *b, char **ret);
void ff_buf_deinit(struct ff_buf *b);

#define _cleanup_buf_ __attribute__((__cleanup__(ff_buf_deinit)))
