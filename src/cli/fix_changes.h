// What a plan would change, and what it did.
#pragma once

#include "cli/fix_request.h"

/** What differs between two lists of packages (python.packages of facts): {"numpy": {"from": "2.1.3", "to": "1.26.4"}};
    what is installed again in the same version is taken from `planned` (may be NULL). */
struct ff_error *ff_fix_compare(const json_t *before, const json_t *now, const json_t *planned, json_t **ret);
