// A JSON writer of the size that the supervisor needs: fixed buffer, no allocation.
#include "supervise/json_out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_TEXT = 8 * 1024 };

static void flush(struct json_out *j)
{
	for (size_t at = 0; at < j->n && !j->error;) {
		ssize_t n = write(j->fd, j->buffer + at, j->n - at);
		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EINTR)
			j->error = n ? -errno : -EIO;
	}
	j->n = 0;
}

static void put(struct json_out *j, const char *bytes, size_t n)
{
	if (j->n + n > sizeof(j->buffer))
		flush(j);
	memcpy(j->buffer + j->n, bytes, n);
	j->n += n;
}

// Length of the UTF-8 sequence at p with n bytes left, 0 when it is none.
static size_t sequence(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char mask, lead;
		size_t length;
		uint32_t least;
	} forms[] = {{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};
	for (size_t i = 0; i < 4; i++) {
		if ((p[0] & forms[i].mask) != forms[i].lead)
			continue;
		uint32_t code = p[0] & (unsigned char)~forms[i].mask;
		if (forms[i].length > n)
			return 0;
		for (size_t k = 1; k < forms[i].length; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (p[k] & 0x3f);
		}
		bool surrogate = code >= 0xd800 && code < 0xe000;
		return code >= forms[i].least && code < 0x110000 && !surrogate ? forms[i].length : 0;
	}
	return 0;
}

static void put_string(struct json_out *j, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	n = n > LONGEST_TEXT ? LONGEST_TEXT : n;
	put(j, "\"", 1);
	for (size_t i = 0; i < n;) {
		size_t length = sequence(p + i, n - i);
		char escape[8];
		if (!length)
			put(j, "\xef\xbf\xbd", 3);
		else if (p[i] == '"' || p[i] == '\\')
			put(j, (char[]){'\\', (char)p[i]}, 2);
		else if (p[i] < 0x20 || p[i] == 0x7f)
			put(j, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", p[i]));
		else
			put(j, text + i, length);
		i += length ? length : 1;
	}
	put(j, "\"", 1);
}

static void begin(struct json_out *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
	if (!key)
		return;
	put_string(j, key, strlen(key));
	put(j, ":", 1);
}

void json_open(struct json_out *j, const char *key, char bracket)
{
	begin(j, key);
	put(j, &bracket, 1);
	j->comma = false;
}

void json_close(struct json_out *j, char bracket)
{
	put(j, &bracket, 1);
	j->comma = true;
}

void json_text_n(struct json_out *j, const char *key, const char *text, size_t n)
{
	begin(j, key);
	put_string(j, text, n);
}

void json_text(struct json_out *j, const char *key, const char *text)
{
	if (text)
		json_text_n(j, key, text, strlen(text));
}

void json_u64(struct json_out *j, const char *key, uint64_t value)
{
	char text[24];
	begin(j, key);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, value));
}

void json_bool(struct json_out *j, const char *key, bool value)
{
	begin(j, key);
	put(j, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json_out *j, const char *key)
{
	begin(j, key);
	put(j, "null", 4);
}

int json_finish(struct json_out *j)
{
	put(j, "\n", 1);
	flush(j);
	return j->error;
}
