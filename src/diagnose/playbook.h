// What the rules know of a cause, without any failure at hand.
#pragma once

#include "diagnose/rule.h"

/** {"cause", "title", "counts_as", "looks": [...], "signatures": ["text it looks for", ...], "check": [...], "facts":
    [...], "fixes": [{"kind", "say", "command"}], "rules": ["id", ...]}; NULL in *ret when neither the rules nor
    causes.tsv know it. */
struct ff_error *ff_playbook(struct ff_rules *rules, const char *cause, json_t **ret);

/** The ids of all causes: those of causes.tsv in its order, then those that only rules know. */
json_t *ff_causes(const struct ff_rules *rules);

/** [{"id", "cause", "file", "line", "role", "severity", "signatures": 3, "check": true, "built_in": true}] */
json_t *ff_rules_listed(struct ff_rules *rules);
