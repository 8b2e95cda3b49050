// Takes the lines of a container out of the objects that docker's json-file driver writes, before anything is looked
// for in them: then they cost what any other log costs.
//
//	{"log":"step 1: \"ok\"\n","stream":"stderr","time":"2026-11-23T04:00:00.1Z"}   ->   step 1: "ok"
//
// How the source lies: a line of more than 16 KiB comes in parts, all but the last without "\n" at their end, and one
// write can hold several lines. These, and objects with labels in "attrs", are left to unwrap.c.
#include "log/docker.h"

#include "base/utf8.h"

enum { HEX_DIGITS = 4 };

static const char first_key[] = "{\"log\":";

bool ff_docker_may(struct ff_span lines)
{
	return ff_span_starts(lines, first_key);
}

// Past a token of JSON.
static bool skip(struct ff_span *rest, const char *token)
{
	while (rest->n && *rest->p == ' ')
		*rest = (struct ff_span){rest->p + 1, rest->n - 1};
	size_t n = strlen(token);
	bool there = ff_span_starts(*rest, token);
	if (there)
		*rest = (struct ff_span){rest->p + n, rest->n - n};
	return there;
}

// Four hexadecimal digits behind "\u"; false where they do not stand there.
static bool read_unit(struct ff_span *rest, unsigned *ret)
{
	unsigned unit = 0;
	for (size_t i = 0; i < HEX_DIGITS; i++) {
		static const char digits[] = "0123456789abcdefABCDEF";
		const char *at = i < rest->n && rest->p[i] ? strchr(digits, rest->p[i]) : NULL;
		unsigned digit = at ? (unsigned)(at - digits) : 0;
		if (!at)
			return false;
		unit = unit << 4 | (digit < 16 ? digit : digit - 6);
	}
	*rest = (struct ff_span){rest->p + HEX_DIGITS, rest->n - HEX_DIGITS};
	*ret = unit;
	return true;
}

// The character behind "\u"; 0 bytes for half a pair.
static size_t read_character(struct ff_span *rest, char *to)
{
	unsigned unit, low;
	if (!read_unit(rest, &unit))
		return 0;
	bool pair = unit >= 0xd800 && unit < 0xdc00 && skip(rest, "\\u") && read_unit(rest, &low) && low >= 0xdc00 &&
		low < 0xe000;
	return ff_utf8_encode(pair ? 0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff)) : unit, to);
}

// What a backslash before *rest stands for; 0 bytes for nothing.
static size_t read_escape(struct ff_span *rest, char *to)
{
	static const char from[] = "ntrbf\"\\/", means[] = "\n\t\r\b\f\"\\/";
	char c = rest->n ? *rest->p : 0;
	const char *at = c ? strchr(from, c) : NULL;
	if (c)
		*rest = (struct ff_span){rest->p + 1, rest->n - 1};
	if (c == 'u')
		return read_character(rest, to);
	if (at)
		*to = means[at - from];
	return at != NULL;
}

// The rest of a string, past its closing quote. Returns the bytes written, 0 when it is none.
static size_t read_string(struct ff_span *rest, char *to)
{
	size_t n = 0;
	for (const char *quote; (quote = memchr(rest->p, '"', rest->n));) {
		size_t plain = (size_t)(quote - rest->p);
		const char *escape = memchr(rest->p, '\\', plain);
		if (escape)
			plain = (size_t)(escape - rest->p);
		memcpy(to + n, rest->p, plain);
		n += plain;
		*rest = (struct ff_span){rest->p + plain + 1, rest->n - plain - 1};
		if (!escape)
			return n;
		size_t more = read_escape(rest, to + n);
		if (!more)
			return 0;
		n += more;
	}
	return 0;
}

static bool skip_time(struct ff_span *rest)
{
	const char *quote =
		skip(rest, "\"time\"") && skip(rest, ":") && skip(rest, "\"") ? memchr(rest->p, '"', rest->n) : NULL;
	if (!quote)
		return false;
	*rest = (struct ff_span){quote + 1, rest->n - (size_t)(quote + 1 - rest->p)};
	return skip(rest, "}") && !rest->n;
}

// What the container wrote, without its newline; false when the line is something else.
static bool read_object(struct ff_span line, char *to, size_t *ret)
{
	if (!skip(&line, first_key) || !skip(&line, "\""))
		return false;
	size_t n = read_string(&line, to);
	if (!n || memchr(to, '\n', n) != to + n - 1)
		return false;
	*ret = n - 1;
	return skip(&line, ",") && skip(&line, "\"stream\"") && skip(&line, ":") &&
		(skip(&line, "\"stderr\"") || skip(&line, "\"stdout\"")) && skip(&line, ",") && skip_time(&line);
}

size_t ff_docker_read(struct ff_span lines, char *to)
{
	size_t n = 0;
	bool whole = lines.n && lines.p[lines.n - 1] == '\n';
	for (struct ff_span line; lines.n && ff_span_next(&lines, '\n', &line);) {
		size_t text = line.n;
		if (!read_object(line, to + n, &text)) {
			text = line.n;
			memcpy(to + n, line.p, text);
		}
		n += text;
		if (lines.n || whole)
			to[n++] = '\n';
	}
	return n;
}
