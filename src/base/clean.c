// Hostile bytes to one safe line. Allowed through are printable characters only; the tables below name the ranges of
// Unicode that are invisible or move other text: an unlisted character can be ugly but can neither hide nor forge a
// line. C1 controls matter as well as ESC: U+009B alone starts an escape sequence on many terminals.
#include "base/clean.h"

#include "base/utf8.h"

struct range {
	uint32_t first, last;
};

// Invisible, reordering or line-breaking characters (Unicode categories Cc, Cf, Zl, Zp, Cs, Co and non-characters).
static const struct range unsafe[] = {
	{0x0000, 0x001f},
	{0x007f, 0x009f},
	{0x00ad, 0x00ad},
	{0x034f, 0x034f},
	{0x0600, 0x0605},
	{0x061c, 0x061c},
	{0x06dd, 0x06dd},
	{0x070f, 0x070f},
	{0x0890, 0x0891},
	{0x08e2, 0x08e2},
	{0x115f, 0x1160},
	{0x17b4, 0x17b5},
	{0x180b, 0x180f},
	{0x200b, 0x200f},
	{0x2028, 0x202e},
	{0x2060, 0x206f},
	{0x3164, 0x3164},
	{0xe000, 0xf8ff},
	{0xfdd0, 0xfdef},
	{0xfeff, 0xfeff},
	{0xffa0, 0xffa0},
	{0xfff0, 0xfffb},
	{0xfffe, 0xffff},
	{0x110bd, 0x110bd},
	{0x110cd, 0x110cd},
	{0x13430, 0x1343f},
	{0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a},
	{0xe0000, 0x10ffff},
};

// No column of their own: combining marks and variation selectors (the common blocks).
static const struct range narrow[] = {
	{0x0300, 0x036f},
	{0x0483, 0x0489},
	{0x0591, 0x05bd},
	{0x064b, 0x065f},
	{0x0e31, 0x0e31},
	{0x0e34, 0x0e3a},
	{0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff},
	{0x20d0, 0x20ff},
	{0xfe00, 0xfe0f},
	{0xfe20, 0xfe2f},
};

// Two columns: East Asian wide and emoji.
static const struct range wide[] = {
	{0x1100, 0x115f},
	{0x231a, 0x231b},
	{0x23e9, 0x23f3},
	{0x26a1, 0x26a1},
	{0x2705, 0x2705},
	{0x274c, 0x274e},
	{0x2753, 0x2757},
	{0x2795, 0x2797},
	{0x2e80, 0x303e},
	{0x3041, 0xa4cf},
	{0xa960, 0xa97f},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe30, 0xfe6f},
	{0xff00, 0xff60},
	{0xffe0, 0xffe6},
	{0x1f300, 0x1f64f},
	{0x1f680, 0x1f6ff},
	{0x1f900, 0x1f9ff},
	{0x20000, 0x3fffd},
};

static bool in_ranges(const struct range *ranges, size_t n, uint32_t c)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (c > ranges[mid].last)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && c >= ranges[low].first;
}

#define IN(ranges, c) in_ranges(ranges, sizeof(ranges) / sizeof((ranges)[0]), c)

static const struct {
	uint32_t c;
	const char *ascii;
} nearest[] = {
	{0x00a0, " "},
	{0x00b0, "deg"},
	{0x00b5, "u"},
	{0x00b7, "."},
	{0x00d7, "x"},
	{0x2010, "-"},
	{0x2011, "-"},
	{0x2013, "-"},
	{0x2014, "--"},
	{0x2018, "'"},
	{0x2019, "'"},
	{0x201c, "\""},
	{0x201d, "\""},
	{0x2022, "*"},
	{0x2026, "..."},
	{0x2190, "<-"},
	{0x2192, "->"},
	{0x2260, "!="},
	{0x2264, "<="},
	{0x2265, ">="},
	{0x2502, "|"},
	{0x26a0, "[warn]"},
	{0x2705, "[ok]"},
	{0x274c, "[fail]"},
};

static void put_ascii(struct ff_buf *out, uint32_t c)
{
	for (size_t i = 0; i < sizeof(nearest) / sizeof(nearest[0]); i++) {
		if (nearest[i].c == c) {
			ff_buf_str(out, nearest[i].ascii);
			return;
		}
	}
	ff_buf_printf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
}

static void put_unsafe(struct ff_buf *out, uint32_t c)
{
	static const char *const named[] = {['\t'] = "\\t", ['\n'] = "\\n", ['\r'] = "\\r"};
	if (c <= '\r' && named[c])
		ff_buf_str(out, named[c]);
	else if (c < 0x80)
		ff_buf_printf(out, "\\x%02x", (unsigned)c);
	else
		ff_buf_printf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
}

void ff_clean(struct ff_buf *out, struct ff_span text, bool utf8)
{
	for (size_t i = 0; i < text.n;) {
		size_t plain = i;
		while (plain < text.n && text.p[plain] >= 0x20 && text.p[plain] < 0x7f)
			plain++;
		ff_buf_add(out, text.p + i, plain - i);
		i = plain;
		if (i == text.n)
			return;
		uint32_t c;
		size_t len = ff_utf8_decode(text.p + i, text.n - i, &c);
		if (!len)
			ff_buf_printf(out, "\\x%02x", (unsigned char)text.p[i]);
		else if (IN(unsafe, c))
			put_unsafe(out, c);
		else if (utf8)
			ff_buf_add(out, text.p + i, len);
		else
			put_ascii(out, c);
		i += len ? len : 1;
	}
}

static size_t columns_of(uint32_t c)
{
	return IN(narrow, c) ? 0 : IN(wide, c) ? 2 : 1;
}

size_t ff_clean_fit(struct ff_span text, size_t columns)
{
	size_t i = 0, used = 0;
	while (i < text.n) {
		uint32_t c = 0;
		size_t len = ff_utf8_decode(text.p + i, text.n - i, &c);
		size_t width = len ? columns_of(c) : 1;
		if (i && used + width > columns)
			break;
		used += width;
		i += len ? len : 1;
	}
	return i;
}

size_t ff_clean_width(struct ff_span text)
{
	size_t used = 0;
	for (size_t i = 0; i < text.n;) {
		uint32_t c = 0;
		size_t len = ff_utf8_decode(text.p + i, text.n - i, &c);
		used += len ? columns_of(c) : 1;
		i += len ? len : 1;
	}
	return used;
}
