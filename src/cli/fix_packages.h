// Changing the packages of an interpreter: what the resolver would do, doing it, and the way back.
#pragma once

#include "base/json.h"
#include "cli/fix_plan.h"

/** Ask the resolver itself what the plan would change ("pip install --dry-run --report", "uv pip install --dry-run"):
    {"numpy": {"from": "2.1.3", "to": "1.26.4"}, "scipy": {"from": null, "to": "1.14.1"}}. `packages` are those of the
    facts. FF_ETIMEOUT past the deadline; FF_EFORMAT with the resolver's own last words when it finds no answer;
    FF_EUNSUPPORTED where this pip cannot be asked (before 22.2). */
struct ff_error *ff_fix_resolve(
	const struct ff_fix_plan *plan, const json_t *packages, unsigned deadline_ms, json_t **ret);

/** Do the steps with `python` in place of the plan's interpreter (NULL: as planned). */
struct ff_error *ff_fix_packages_change(const struct ff_fix_plan *plan, const char *python, unsigned deadline_ms);

/** Put the versions of `changes` (as ff_fix_resolve() gives them) back to what they were, with uv or with the
    interpreter's pip. */
struct ff_error *ff_fix_packages_restore(const char *python, bool uv, const json_t *changes, unsigned deadline_ms);
