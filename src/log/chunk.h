// Whole lines out of a log that arrives in pieces cut anywhere.
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

enum {
	FF_CHUNK_MAX = 256 << 10
}; /**< bytes; a longer line is cut, and what is behind the cut counts as a line of its own */

/** Takes the next whole lines (the log's last one may lack its newline), as UTF-8 and without escape sequences. An
    error ends the reading and is given to who feeds. */
typedef struct ff_error *ff_chunk_fn(struct ff_span lines, void *context);

struct ff_chunks;

struct ff_error *ff_chunks_create(ff_chunk_fn *fn, void *context, struct ff_chunks **ret);
void ff_chunks_destroy(struct ff_chunks *chunks);

struct ff_error *ff_chunks_feed(struct ff_chunks *chunks, const char *bytes, size_t n);

/** The same without a copy: where the next bytes may be put, one at least, and that so many were. */
char *ff_chunks_room(struct ff_chunks *chunks, size_t *ret_n);
struct ff_error *ff_chunks_filled(struct ff_chunks *chunks, size_t n);

/** No more bytes: hand out what waits for the end of its line. */
struct ff_error *ff_chunks_end(struct ff_chunks *chunks);

/** True while the chunk is handed out that ends the log; unless all of the log is shorter, it has several lines. */
bool ff_chunks_last(const struct ff_chunks *chunks);

/** True once lines arrived in objects as docker's json-file driver writes them. */
bool ff_chunks_docker(const struct ff_chunks *chunks);

/** Where the line ends that begins or goes on at `from`: at a newline, at a carriage return (progress bars are lines of
    their own), or where the chunk ends. */
size_t ff_chunk_line_end(struct ff_span chunk, size_t from);

/** Where the line behind one that ends at `end` begins; *newlines grows by those between them. */
size_t ff_chunk_line_next(struct ff_span chunk, size_t end, uint64_t *newlines);
