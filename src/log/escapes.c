// Colours and other control sequences, and what became of them on the way: rsyslog writes ESC as #033, cat -v as ^[,
// loggers as \x1b, and a paste loses it. Pastes out of a web page bring entities.
//
//	^[[31mError^[[0m: [36m(EngineCore_0 pid=7)[0;0m &quot;x&quot;   ->   Error: (EngineCore_0 pid=7) "x"
#include "log/line.h"

static bool ends_string(char c)
{
	return c == '\a' || c == 0x1b || c == '\n';
}

size_t ff_escape_length(const char *p, size_t n)
{
	size_t i = 2;
	if (n < 2 || p[1] == '\n')
		return n > 0;
	if (p[1] == '[') { // CSI: parameters, then one final byte
		while (i < n && !(p[i] >= 0x40 && p[i] <= 0x7e) && p[i] != '\n')
			i++;
		return i < n && p[i] != '\n' ? i + 1 : i;
	}
	if (p[1] == ']' || p[1] == 'P' || p[1] == '_' || p[1] == '^') { // OSC and the like: up to BEL or ESC backslash
		while (i < n && !ends_string(p[i]))
			i++;
		bool closed = i + 1 < n && p[i] == 0x1b && p[i + 1] != '\n';
		return closed ? i + 2 : i < n && p[i] != '\n' ? i + 1 : i;
	}
	return 2;
}

// "[0;31m" at p, 0 when there is none.
static size_t colour_length(const char *p, size_t n)
{
	enum { COLOUR_MAX = 20 };
	size_t i = 1;
	if (!n || p[0] != '[')
		return 0;
	while (i < n && i < COLOUR_MAX && ((p[i] >= '0' && p[i] <= '9') || p[i] == ';'))
		i++;
	return i > 1 && i < n && (p[i] == 'm' || p[i] == 'K') && !(i + 1 < n && p[i + 1] == ']') ? i + 1 : 0;
}

// A colour whose escape character was spelled out or lost.
static size_t spelled_length(const char *p, size_t n)
{
	static const char *const escapes[] = {"", "^[", "#033", "\\033", "\\x1b", "\\u001b", "\\e"};
	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
		size_t before = strlen(escapes[i]);
		if (*p != (before ? *escapes[i] : '['))
			continue;
		size_t colour = before < n && strncasecmp(p, escapes[i], before) == 0
			? colour_length(p + before, n - before)
			: 0;
		if (colour)
			return before + colour;
	}
	return 0;
}

static size_t entity_length(const char *p, size_t n, char *ret)
{
	static const struct {
		const char *text;
		char c;
	} entities[] = {{"&quot;", '"'}, {"&#34;", '"'}, {"&#x27;", '\''}, {"&#39;", '\''}, {"&apos;", '\''},
		{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&nbsp;", ' '}, {"&#x2F;", '/'}, {"&#x60;", '`'}};
	for (size_t i = 0; i < sizeof(entities) / sizeof(*entities); i++) {
		size_t length = strlen(entities[i].text);
		if (length <= n && memcmp(p, entities[i].text, length) == 0) {
			*ret = entities[i].c;
			return length;
		}
	}
	return 0;
}

// What stands at p instead of something: its length, 0 for an ordinary character, and what it means (0 for nothing).
static size_t special_length(const char *p, size_t n, char *ret)
{
	unsigned char c = (unsigned char)*p;
	*ret = c == 0 ? ' ' : 0;
	if (c == 0x1b)
		return ff_escape_length(p, n);
	if (c == 0xc2)
		return n > 1 && ((unsigned char)p[1] & 0xe0) == 0x80 ? 2 : 0; // C1 in UTF-8
	if (c == '&')
		return entity_length(p, n, ret);
	return c < 0x20 || c == 0x7f ? 1 : spelled_length(p, n);
}

void ff_line_clean(struct ff_span raw, struct ff_buf *ret)
{
	static const bool special[256] = {[0 ... 8] = true,
		[10 ... 31] = true,
		[0x7f] = true,
		[0xc2] = true,
		['&'] = true,
		['['] = true,
		['^'] = true,
		['#'] = true,
		['\\'] = true};
	ret->n = 0;
	ret->failed = false;
	for (size_t i = 0, run; i < raw.n;) {
		char meant;
		for (run = i; run < raw.n && !special[(unsigned char)raw.p[run]];)
			run++;
		ff_buf_add(ret, raw.p + i, run - i);
		if (run == raw.n)
			break;
		size_t length = special_length(raw.p + run, raw.n - run, &meant);
		if (!length || meant)
			ff_buf_char(ret, length ? meant : raw.p[run]);
		i = run + (length ? length : 1);
	}
}
