// A fix tried for real, in a copy: the packages changed there, the machine checked with its own interpreter, the
// failing command run.
#pragma once

#include "base/json.h"
#include "cli/fix_plan.h"

struct ff_try {
	char **command; /**< the failing command, NULL-terminated; NULL: only what `check --deep` shows */
	bool failed;	/**< that it fails without a fix is known from an earlier call */
	unsigned deadline_ms, command_ms;
	const char *cause;    /**< that the fix is for */
	const json_t *before; /**< what was wrong without it: of the log, or of ff_fix_try_before(); borrowed */
};

/** What `check --deep` says of the environment as it is. */
struct ff_error *ff_fix_try_before(const char *python, json_t **ret);

/** {"result": "passes|leaves-cause|brings|unknown", "text": "one sentence"}. Fails only for want of memory. */
struct ff_error *ff_fix_try(const struct ff_try *job, const struct ff_fix_plan *plan, json_t **ret);
