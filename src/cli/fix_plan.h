// What a printed fix would do here, taken apart into what this program may do by itself: change the packages of one
// interpreter's environment, and variables of the next start. Everything else is for a person.
#pragma once

#include "base/json.h"

enum { FF_PLAN_STEPS_MAX = 4, FF_PLAN_WORDS_MAX = 64 };

struct ff_fix_plan {
	const json_t *fix; /**< borrowed */
	/** Argument lists, each ended by NULL; the interpreter's path stands in them */
	char **steps[FF_PLAN_STEPS_MAX];
	size_t n_steps;
	char *python;	     /**< the interpreter whose packages change; NULL when none do */
	const char *by_hand; /**< why it is not for this program to do (borrowed), NULL when it is */
	bool foreign;	     /**< that it is for a person because the log is not of this machine */
	/** Who does it here (borrowed), where the steps are the same change to the environment alone: for a copy. */
	const char *elsewhere;
};

/** Take a fix of firstfix.diagnosis/1 apart. `python` is the interpreter that a bare "pip" means. */
struct ff_error *ff_fix_plan_make(const json_t *fix, const char *python, struct ff_fix_plan *ret);
void ff_fix_plan_deinit(struct ff_fix_plan *plan);

#define _cleanup_plan_ __attribute__((__cleanup__(ff_fix_plan_deinit)))

/** True when it changes packages, variables or both. */
bool ff_fix_plan_does_something(const struct ff_fix_plan *plan);
