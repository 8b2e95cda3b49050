// What the files of the export share: export.c (collecting), export_send.c (sending), export_adopt.c (what others
// left).
#pragma once

#include "agent/export.h"
#include "agent/export_fleet.h"
#include "agent/export_records.h"

#include <stdatomic.h>

struct ff_export {
	struct ff_agent *agent;
	struct ff_otlp_settings settings;
	bool started, said;
	_Atomic bool ending, collected;
	_Atomic unsigned sending; /**< senders that have something to do */
	struct ff_otlp_queue *_Atomic queue;

	// The collector's thread alone.
	char folder[PATH_MAX];
	struct ff_twin *twin;
	struct ff_export_state *state; /**< being changed, NULL: nothing is */
	struct ff_events *events;
	const struct ff_event *held;
	uint64_t held_ns, batch_ns, metrics_ns, adopt_ns, again_ns, store_files;
	json_t *resource;
	pid_t root;		/**< that the resource is of, */
	char program[PATH_MAX]; /**< and what it ran then */
	struct ff_export_batch batch;
	struct ff_export_fleet fleet;
};

/** Records to requests to the queue; false when it has no room. */
bool ff_export_flush(struct ff_export *x, const json_t *attributes);

struct ff_error *ff_export_state_open(const char *folder, bool make, struct ff_twin **ret);
/** And the folder, where it is empty. */
void ff_export_state_remove(const char *folder);

/** Finish what agents that are gone left: read their lanes to the end, take over what waits. Nothing
    of our own may be in the batch. */
void ff_export_adopt(struct ff_export *x);

struct ff_error *ff_export_senders_start(struct ff_export *x);
struct ff_error *ff_export_thread(void *(*run)(void *), void *arg);
