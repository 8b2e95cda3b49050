// What becomes of a worker after its death: verdict, environment of the next attempt, proof that it helped.
#pragma once

#include "supervise/json_out.h"

#include <stdbool.h>
#include <stdint.h>

struct step;
struct supervisor;

enum { RECOVERED_VARIABLES = 16, RECOVERED_BYTES = 4096 };

struct recovery {
	struct {
		const char *name, *value; /**< value NULL: unset */
	} variables[RECOVERED_VARIABLES]; /**< of the attempt that runs or comes; they add up */
	unsigned n_variables;
	char text[RECOVERED_BYTES]; /**< what they point into */
	size_t n;
	char incident[64], what[256]; /**< of the verdict that asked for this attempt */
	uint64_t last_life_ns;	      /**< how long the attempt before lived */
	uint64_t proof_ns;	      /**< alive at this time: the attempt has passed; 0: nothing to prove */
};

/** The worker of an attempt was started; it reached the point where its start counts; it ended (before the
    incident). */
void recovery_started(struct supervisor *s);
uint64_t recovery_tick(struct supervisor *s, uint64_t now_ns);
void recovery_ended(struct supervisor *s);

/** The incident is done; `step` holds the verdict, NULL: there is none. Milliseconds until the next attempt, 0 for
    none. */
uint64_t recovery_died(struct supervisor *s, const struct step *step);

/** In the child: the variables of this attempt. */
void recovery_apply(const struct recovery *r);

/** `applied` and `incident` of firstfix.death/1. */
void recovery_write(const struct recovery *r, struct json_out *j);
