// The bounds-checked cursor.
#include "base/cursor.h"

struct ff_cursor ff_cursor_of(const char *file, const void *bytes, uint64_t n)
{
	return (struct ff_cursor){.file = file, .start = bytes, .n = n};
}

struct ff_span ff_cursor_bytes(struct ff_cursor *c, uint64_t n)
{
	if (c->short_read || n > c->n - c->pos) {
		c->short_read = true;
		return (struct ff_span){NULL, 0};
	}
	struct ff_span s = {(const char *)c->start + c->pos, (size_t)n};
	c->pos += n;
	return s;
}

static uint64_t little_endian(struct ff_cursor *c, unsigned size)
{
	struct ff_span s = ff_cursor_bytes(c, size);
	uint64_t value = 0;
	for (size_t i = s.n; i > 0; i--)
		value = value << 8 | (uint8_t)s.p[i - 1];
	return value;
}

uint8_t ff_cursor_u8(struct ff_cursor *c)
{
	return (uint8_t)little_endian(c, 1);
}

uint16_t ff_cursor_u16(struct ff_cursor *c)
{
	return (uint16_t)little_endian(c, 2);
}

uint32_t ff_cursor_u32(struct ff_cursor *c)
{
	return (uint32_t)little_endian(c, 4);
}

uint64_t ff_cursor_u64(struct ff_cursor *c)
{
	return little_endian(c, 8);
}

void ff_cursor_skip(struct ff_cursor *c, uint64_t n)
{
	ff_cursor_bytes(c, n);
}

void ff_cursor_seek(struct ff_cursor *c, uint64_t pos)
{
	if (pos > c->n)
		c->short_read = true;
	else if (!c->short_read)
		c->pos = pos;
}

struct ff_error *ff_cursor_check(const struct ff_cursor *c, const char *what)
{
	if (!c->short_read)
		return NULL;
	return ff_error_format(c->file, c->base + c->pos, "%s is cut short", what);
}
