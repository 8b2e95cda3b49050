// What waits to be sent: requests of OTLP as JSON, a file each, in a folder of the state folder; bounded, oldest first
// out. Where the disk refuses them they wait in memory, also bounded, and whoever put them there is told.
//
//	otlp/NAME/00000000000000000017.logs		0600
#pragma once

#include "otlp/message.h"

struct ff_otlp_queue;

/** Open the folder (it is there, of ours alone) and find what waits in it. `max_bytes` bounds the files. */
struct ff_error *ff_otlp_queue_open(const char *folder, uint64_t max_bytes, struct ff_otlp_queue **ret);
void ff_otlp_queue_close(struct ff_otlp_queue *queue);

/** Add a request that holds so many records. False when neither the disk nor the memory has room: keep it and try again
    later. */
bool ff_otlp_queue_put(
	struct ff_otlp_queue *queue, enum ff_signal signal, const char *text, size_t n, uint64_t records);

/** Take over a folder's files, as those of a process that is gone. */
void ff_otlp_queue_adopt(struct ff_otlp_queue *queue, const char *folder);

/** The oldest of a signal: its number (to be passed to _done()) and its text. False when there is none. One that cannot
    be read is dropped and counted as lost. */
bool ff_otlp_queue_next(struct ff_otlp_queue *queue, enum ff_signal signal, uint64_t *ret_number, struct ff_buf *ret);

/** It was sent, or will never be: forget it. */
void ff_otlp_queue_done(struct ff_otlp_queue *queue, uint64_t number, bool sent);

/** Write what is only in memory; true when nothing is any more. */
bool ff_otlp_queue_is_safe(struct ff_otlp_queue *queue);

struct ff_otlp_counts {
	uint64_t waiting[FF_SIGNALS], bytes;	     /**< requests; bytes of all */
	uint64_t sent[FF_SIGNALS], lost[FF_SIGNALS]; /**< records, as far as is known */
};
struct ff_otlp_counts ff_otlp_queue_counts(struct ff_otlp_queue *queue);

/** Note records that a collector refused while it took the rest. */
void ff_otlp_queue_note_lost(struct ff_otlp_queue *queue, enum ff_signal signal, uint64_t records);
