// Text from outside in columns of a terminal.
//
//	"CUDA out of memory\x1b[2J"  ->  "CUDA out of memory?[2J"
//
// How it lies: it may hold escape sequences, marks that turn the direction of writing, half of a character, characters
// of two columns or none, and be megabytes long. What a column is the C library knows (wcwidth), for the locale that is
// set.
#include "cli/top_page.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>

// One character of text as it is shown: its bytes, the columns that it takes, and how many bytes of the text it was.
struct shown {
	struct ff_span bytes;
	unsigned columns;
	size_t taken;
};

// Marks of direction (U+202A..E, U+2066..9, U+200E, U+200F, U+061C) are of no width; no reader is to be fooled by them.
static bool turns(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x61c;
}

static struct shown show(const struct ff_page *page, const char *p, size_t n)
{
	uint32_t c = 0;
	size_t taken = ff_utf8_decode(p, n, &c);
	struct shown strange = {FF_SPAN("?"), 1, taken ? taken : 1};
	if (taken == 1 && (c == '\t' || c == '\n' || c == '\r'))
		return (struct shown){FF_SPAN(" "), 1, 1};
	if (taken == 1 && c >= 0x20 && c < 0x7f)
		return (struct shown){{p, 1}, 1, 1};
	int columns = taken > 1 && page->utf8 && !turns(c) ? wcwidth((wchar_t)c) : -1;
	if (columns < 0)
		return strange;
	return (struct shown){{p, columns ? taken : 0}, (unsigned)columns, taken};
}

static unsigned columns_of(const struct ff_page *page, const char *text, size_t n)
{
	unsigned columns = 0;
	for (size_t i = 0; i < n;) {
		struct shown s = show(page, text + i, n - i);
		columns += s.columns;
		i += s.taken;
	}
	return columns;
}

unsigned ff_page_columns(const struct ff_page *page, const char *text)
{
	return columns_of(page, text, strlen(text));
}

static void put(struct ff_page *page, enum ff_ink ink, struct ff_span text)
{
	unsigned left = page->width > page->at ? page->width - page->at : 0, columns = 0;
	// Of a text that is too long only what fits is looked at.
	bool cut = text.n > (size_t)left * 4 || columns_of(page, text.p, text.n) > left;
	if (!left || !text.n)
		return;
	ff_buf_char(&page->text, (char)ink);
	for (size_t i = 0; i < text.n;) {
		struct shown s = show(page, text.p + i, text.n - i);
		if (columns + s.columns > left - cut)
			break;
		ff_buf_span(&page->text, s.bytes);
		columns += s.columns;
		i += s.taken;
	}
	if (cut)
		ff_buf_str(&page->text, page->utf8 ? "…" : "~");
	page->at += columns + cut;
}

void ff_page_put(struct ff_page *page, enum ff_ink ink, const char *text)
{
	put(page, ink, ff_span_of(text));
}

void ff_page_printf(struct ff_page *page, enum ff_ink ink, const char *format, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, format);
	int n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0) {
		page->text.failed = true;
		return;
	}
	put(page, ink, (struct ff_span){text, (size_t)n});
	free(text);
}

void ff_page_tab(struct ff_page *page, unsigned column)
{
	for (; page->at < column && page->at < page->width; page->at++)
		ff_buf_char(&page->text, ' ');
}

void ff_page_end(struct ff_page *page)
{
	ff_buf_char(&page->text, '\n');
	page->at = 0;
}

// How much of the text goes into one line of `room` columns: up to the last blank that fits, else up to the edge.
static size_t line_of(const struct ff_page *page, struct ff_span text, unsigned room)
{
	size_t i = 0, blank = 0;
	for (unsigned columns = 0; i < text.n;) {
		struct shown s = show(page, text.p + i, text.n - i);
		if (columns + s.columns > room)
			return blank ? blank : i ? i : s.taken;
		columns += s.columns;
		i += s.taken;
		if (s.bytes.n == 1 && s.bytes.p[0] == ' ')
			blank = i;
	}
	return i;
}

void ff_page_wrap(struct ff_page *page, enum ff_ink ink, unsigned indent, unsigned lines, const char *text)
{
	struct ff_span rest = ff_span_trim(ff_span_of(text));
	unsigned room = page->width > indent ? page->width - indent : 1;
	for (unsigned i = 0; i < lines && rest.n; i++) {
		size_t n = i + 1 == lines ? rest.n : line_of(page, rest, room);
		ff_page_tab(page, indent);
		put(page, ink, ff_span_trim((struct ff_span){rest.p, n}));
		ff_page_end(page);
		rest = ff_span_trim((struct ff_span){rest.p + n, rest.n - n});
	}
}
