// What changed between two firstfix.facts/1 documents, most telling first.
#pragma once

#include "base/json.h"

/** Compare `before` with `after`. `matters` is a list of dotted paths that the diagnosis at hand rests on (may be
    NULL): a change at or below one of them ranks first. *ret is an array of {"path": "torch.version", "before": ...,
    "after": ..., "weight": 0..100}; an absent side has no key. What differs between any two reports of one healthy
    machine (times, free memory, temperatures) is left out. A branch that one side does not know at all (a partial
    document) is no change. */
struct ff_error *ff_facts_diff(const json_t *before, const json_t *after, const json_t *matters, json_t **ret);

/** How much a change at this dotted path tells, 0 to 100; 0: it changes by itself. */
int ff_facts_weight(const char *path);
