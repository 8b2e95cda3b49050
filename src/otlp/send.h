// Sending one request to a collector, with libcurl, which is opened when it is first needed: who exports nothing
// does not have it in memory, and a machine without it has everything else.
#pragma once

#include "otlp/settings.h"

/** A connection of one signal; used by one thread. */
struct ff_otlp_sender;

struct ff_error *ff_otlp_sender_open(
	const struct ff_otlp_target *target, enum ff_signal signal, struct ff_otlp_sender **ret);
void ff_otlp_sender_close(struct ff_otlp_sender *sender);

enum ff_otlp_outcome {
	FF_OTLP_SENT,
	FF_OTLP_LATER,	/**< the collector is not there, or asks to wait */
	FF_OTLP_REFUSED /**< it will not take this one, or it is no request at all */
};

struct ff_otlp_sent {
	enum ff_otlp_outcome outcome;
	double wait_s;	   /**< what Retry-After asked for, 0 for nothing */
	uint64_t rejected; /**< records of a request that was taken */
	char why[300];	   /**< what went wrong; "" for nothing */
};

/** Send a request that is OTLP/JSON. Takes the target's timeout at most; follows no redirect, reads 64 KiB of an
    answer. */
void ff_otlp_send(struct ff_otlp_sender *sender, const char *text, size_t n, struct ff_otlp_sent *ret);
