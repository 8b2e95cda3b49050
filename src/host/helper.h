// Work that may hang or crash (vendor libraries, dead network mounts) done in disposable processes.
//
// A helper is a forked child that runs a function and streams JSON lines back. All helpers run side by side; the parent
// never blocks on one: at the deadline it kills it, does not wait for it (a driver call in D state cannot be reaped)
// and keeps what had arrived. The child closes every inherited descriptor but its pipe, so that a stuck one holds
// nothing of ours.
#pragma once

#include "base/error.h"
#include "base/json.h"

struct ff_helper_out; /**< the child's end */

/** Send one JSON document to the parent (reference stolen). What the child was doing last is what arrived last. */
void ff_helper_send(struct ff_helper_out *out, json_t *document);

/** One helper: what it runs in the child, and what the parent does with each document. */
struct ff_helper {
	const char *name;
	void (*work)(struct ff_helper_out *out, void *arg); /**< in the child; returning ends it */
	void (*receive)(
		json_t *document, void *arg); /**< in the parent, once per ff_helper_send(), in order; borrowed */
	void *arg;
	int keep_fd; /**< one descriptor that the child keeps open (ff_host_root_fd()), 0 for none */

	// Filled in by ff_helpers_run():
	struct ff_error *err; /**< NULL when the child did its work, else FF_ETIMEOUT or FF_ECRASH; caller destroys */
	double took_ms;
};

/** Run all helpers until each has done its work or `deadline_ms` has passed. A child that is still in exit() then is
    left behind and reaped by the next run (it ends with us at the latest). A helper whose process cannot be started
    (the container's limit of processes is reached) is run here, after the others: slow or stuck is better than
    blind. */
void ff_helpers_run(struct ff_helper *helpers, size_t n, unsigned deadline_ms);
