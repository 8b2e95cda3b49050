// A bounds-checked reader over hostile bytes. The error is sticky: read a whole header in a run, then check once.
//
//	struct ff_cursor c = ff_cursor_of(path, bytes, n);
//	uint32_t magic = ff_cursor_u32(&c);
//	uint16_t size = ff_cursor_u16(&c);
//	err = ff_cursor_check(&c, "fatbin header");
//	if (err)
//		return err;
#pragma once

#include "base/error.h"
#include "base/str.h"

/** Position in bytes owned by someone else. All integers are read little-endian, as every format we read is. */
struct ff_cursor {
	const char *file; /**< for messages */
	const uint8_t *start;
	uint64_t n, pos;
	bool short_read; /**< a read went past the end; every later read gives 0 */
	uint64_t base;	 /**< added to positions in messages: where `start` lies in the file */
};

struct ff_cursor ff_cursor_of(const char *file, const void *bytes, uint64_t n);

uint8_t ff_cursor_u8(struct ff_cursor *c);
uint16_t ff_cursor_u16(struct ff_cursor *c);
uint32_t ff_cursor_u32(struct ff_cursor *c);
uint64_t ff_cursor_u64(struct ff_cursor *c);

/** The next n bytes in place, or an empty span (and the sticky error) when there are fewer. */
struct ff_span ff_cursor_bytes(struct ff_cursor *c, uint64_t n);

void ff_cursor_skip(struct ff_cursor *c, uint64_t n);
void ff_cursor_seek(struct ff_cursor *c, uint64_t pos);
static inline uint64_t ff_cursor_left(const struct ff_cursor *c)
{
	return c->short_read ? 0 : c->n - c->pos;
}

/** NULL while every read so far was inside; else "<file>: at 0x..: <what> is cut short". */
struct ff_error *ff_cursor_check(const struct ff_cursor *c, const char *what);
