// Random access to the bytes of a file, bounded by its size, with the blocks read last kept. Every offset and count in
// an ELF file or a fat binary is a claim of that file: only here is one turned into an access.
#include "parse/bytes.h"

enum { MAX_TEXT = 65536 };

static bool read_memory(const void *from, uint64_t offset, void *to, size_t n)
{
	memcpy(to, (const uint8_t *)from + offset, n);
	return true;
}

void ff_bytes_init(struct ff_bytes *b, const char *name, const void *memory, uint64_t n)
{
	b->name = name;
	b->size = n;
	b->read = read_memory;
	b->from = memory;
	b->reads = b->bytes_read = 0;
	b->next_block = 0;
	for (size_t i = 0; i < FF_BYTES_BLOCKS; i++)
		b->blocks[i].n = 0;
}

static bool fetch(struct ff_bytes *b, uint64_t offset, void *to, size_t n)
{
	b->reads++;
	b->bytes_read += n;
	return b->read(b->from, offset, to, n);
}

static struct ff_error *check(const struct ff_bytes *b, uint64_t offset, size_t n, const char *what)
{
	if (offset > b->size || n > b->size - offset)
		return ff_error_format(b->name, offset, "%s is cut short", what);
	return NULL;
}

struct ff_error *ff_bytes_read_far(struct ff_bytes *b, uint64_t offset, void *to, size_t n, const char *what)
{
	struct ff_error *err = check(b, offset, n, what);
	if (!err && n && !fetch(b, offset, to, n))
		err = ff_error_format(b->name, offset, "%s cannot be read", what);
	return err;
}

/** Bytes of a kept block, or NULL. */
static const uint8_t *kept(const struct ff_bytes *b, uint64_t offset, size_t n)
{
	for (size_t i = 0; i < FF_BYTES_BLOCKS; i++) {
		uint64_t skip = offset - b->blocks[i].at;
		if (offset >= b->blocks[i].at && skip < b->blocks[i].n && n <= b->blocks[i].n - skip)
			return b->blocks[i].bytes + skip;
	}
	return NULL;
}

struct ff_error *ff_bytes_read(struct ff_bytes *b, uint64_t offset, void *to, size_t n, const char *what)
{
	const uint8_t *have = kept(b, offset, n);
	if (have) {
		memcpy(to, have, n);
		return NULL;
	}
	uint64_t at = offset / FF_BYTES_BLOCK * FF_BYTES_BLOCK;
	if (offset - at + n > FF_BYTES_BLOCK)
		return ff_bytes_read_far(b, offset, to, n, what);
	struct ff_error *err = check(b, offset, n, what);
	if (err || !n)
		return err;
	uint64_t left = b->size - at;
	size_t size = left < FF_BYTES_BLOCK ? (size_t)left : FF_BYTES_BLOCK;
	unsigned block = b->next_block;
	b->blocks[block].n = 0;
	if (!fetch(b, at, b->blocks[block].bytes, size))
		return ff_error_format(b->name, offset, "%s cannot be read", what);
	b->next_block = (block + 1) % FF_BYTES_BLOCKS;
	b->blocks[block].at = at;
	b->blocks[block].n = size;
	memcpy(to, b->blocks[block].bytes + (offset - at), n);
	return NULL;
}

struct ff_error *ff_bytes_text(struct ff_bytes *b, uint64_t offset, uint64_t end, const char *what, char **ret)
{
	if (end > b->size)
		end = b->size;
	_cleanup_buf_ struct ff_buf text = {0};
	for (uint64_t at = offset; at < end && text.n < MAX_TEXT;) {
		char piece[128];
		size_t n = end - at < sizeof(piece) ? (size_t)(end - at) : sizeof(piece);
		struct ff_error *err = ff_bytes_read(b, at, piece, n, what);
		if (err)
			return err;
		const char *stop = memchr(piece, '\0', n);
		ff_buf_add(&text, piece, stop ? (size_t)(stop - piece) : n);
		if (stop)
			return ff_buf_finish(&text, ret);
		at += n;
	}
	return ff_error_format(b->name, offset, "%s does not end", what);
}
