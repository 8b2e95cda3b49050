// What the sentences of `why` rest on: a sentence may only state what a line, a fact, a table or its rule holds.
#pragma once

#include "diagnose/finding.h"

/** Say of every sentence what it rests on: [{"sentence": "...", "on": [{"log": 12}, {"fact": "driver.version"},
    {"table": "driver_runs"}, {"rule": "id"}, {"computed": [..]}], "unsupported": ["15.47"]}]. `sources` is [{"on":
    {..}, "text": "what it holds"}]; one with "literal": true is a rule's own text. A number, version, path, name or
    quotation that stands in none of them is unsupported; the key is left out where there is none. `computed` is
    [{"value": 1024, "of": [4096, 3072]}], what the rule says that it computed: added to the sources where it is so. */
struct ff_error *ff_grounds(const char *why, json_t *sources, const json_t *computed, json_t **ret);

/** The same for a finding, from its rules' hits and what they read of the facts and tables. */
struct ff_error *ff_finding_grounds(const struct ff_rules *rules, const struct ff_scan *scan, const json_t *facts,
	const struct ff_finding *finding, json_t **ret);
