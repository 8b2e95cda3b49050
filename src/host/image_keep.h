// What is kept of a file that comes by once, in a stream that cannot be gone back in: what probes look at.
#pragma once

#include "base/str.h"
#include "host/tree.h"

enum { FF_KEEP_SEGMENTS = 16 };

/** Of one file. Everything but `left_out` is the filter's own. */
struct ff_keep {
	enum { FF_KEEP_NOTHING, FF_KEEP_ALL, FF_KEEP_ENDS, FF_KEEP_HEAD, FF_KEEP_ELF } how;
	uint64_t size, head; /**< of FF_KEEP_HEAD: how much */
	struct {
		uint64_t from, to;
	} code[FF_KEEP_SEGMENTS]; /**< what is machine code of the processor, which nobody reads */
	size_t code_n;
	enum { FF_KEEP_PLAIN, FF_KEEP_CONTAINER, FF_KEEP_ENTRY, FF_KEEP_PAYLOAD } inside;
	uint64_t until, container_end;
	uint8_t gathered[64];
	size_t gathered_n;
};

/** Decide by name and size. FF_TREE_NOTHING: the bytes need not be read at all. */
enum ff_tree_held ff_keep_begin(struct ff_keep *keep, const char *path, uint64_t size);

/** The next bytes of the file, which stand at `at`; `put` is called for the pieces that are kept, in order, and stops
    it with an error. The first call may change its mind on how, when it sees what the file is. */
struct ff_error *ff_keep_feed(struct ff_keep *keep, uint64_t at, const uint8_t *bytes, size_t n,
	struct ff_error *(*put)(void *arg, uint64_t at, const uint8_t *bytes, size_t n), void *arg);

/** How much of the file the kept pieces stand for. */
enum ff_tree_held ff_keep_held(const struct ff_keep *keep);
