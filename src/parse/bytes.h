// A file that a parser looks into here and there: bytes come through a function, so that a library of 1.5 GB is neither
// mapped nor read whole, and a file that shrinks under us is a short read and no SIGBUS.
//
//	ff_bytes_init(&b, path, memory, n);             // in memory (tests, fuzzing, small files)
//	err = ff_host_bytes_open(host, path, &file);     // on the machine (host/bytes.h)
#pragma once

#include "base/error.h"
#include "base/str.h"

enum { FF_BYTES_BLOCK = 4096, FF_BYTES_BLOCKS = 4 };

/** Random access to bytes. Reads are little and go back and forth between a few tables, so the blocks read last are
    kept. */
struct ff_bytes {
	const char *name; /**< for messages; borrowed */
	uint64_t size;
	/** Copy n bytes at offset (inside size) to `to`; false when they cannot be had. */
	bool (*read)(const void *from, uint64_t offset, void *to, size_t n);
	const void *from;

	// What was asked of `read` so far: how much of the file is touched.
	uint64_t reads, bytes_read;

	struct {
		uint64_t at; /**< meaningless when n is 0 */
		size_t n;
		uint8_t bytes[FF_BYTES_BLOCK];
	} blocks[FF_BYTES_BLOCKS];
	unsigned next_block; /**< the one to be replaced */
};

/** Bytes in memory, owned by the caller. */
void ff_bytes_init(struct ff_bytes *b, const char *name, const void *memory, uint64_t n);

/** Copy n bytes at offset; FF_EFORMAT "<file>: at 0x..: <what> is cut short" when they lie outside. */
struct ff_error *ff_bytes_read(struct ff_bytes *b, uint64_t offset, void *to, size_t n, const char *what);

/** The same past the kept blocks: for places far from each other, where reading a block each would be waste. */
struct ff_error *ff_bytes_read_far(struct ff_bytes *b, uint64_t offset, void *to, size_t n, const char *what);

/** The terminated text at offset, which must end before `end`, as a copy the caller frees. */
struct ff_error *ff_bytes_text(struct ff_bytes *b, uint64_t offset, uint64_t end, const char *what, char **ret);
