// The file in which a supervisor keeps the last output of a stream: a ring, described in src/supervise/tail.h. Its head
// is here for whoever else reads it.
#pragma once

#include <stdint.h>

#define TAIL_MAGIC "FFTAIL1\n"

enum { TAIL_TURNS = 200 };

/** Reading came to this stream from another one. */
struct tail_turn {
	uint64_t at, monotonic_ns;
};

/** The head of the file; little-endian, as both our architectures are. */
struct tail_head {
	char magic[8];
	uint32_t version, data; /**< 1; offset of the ring in the file */
	uint64_t capacity;
	uint64_t total;	   /**< bytes of the stream that were read */
	uint64_t reserved; /**< a read was begun that may overwrite up to reserved - capacity */
	uint64_t started;  /**< nanoseconds since the epoch */
	int32_t pid;	   /**< of the supervisor */
	char stream[12];   /**< "stdout", "stderr", or "output" when both are one file */
	uint64_t started_monotonic;
	uint64_t n_turns; /**< the newest of them are kept */
	struct tail_turn turns[TAIL_TURNS];
};
