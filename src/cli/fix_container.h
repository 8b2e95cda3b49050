// `firstfix fix --container`: what a container's failure asks for, and how it is put in there by hand.
#pragma once

#include "cli/container.h"
#include "cli/fix_plan.h"

/** Explain the container's log (or `fd`, where it is not -1) by the facts read inside it. */
struct ff_error *ff_fix_container_read(
	const struct ff_container *c, int fd, const char *name, json_t **ret_diagnosis, json_t **ret_facts);

/** What to run for this fix, as sentences with commands: until the container's next start, and for good. */
struct ff_error *ff_fix_container_say(const struct ff_container *c, const struct ff_fix_plan *plan, char **ret);
