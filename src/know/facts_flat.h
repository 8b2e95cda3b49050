// Facts as flat keys and texts, as workers of a fleet are compared by them.
#pragma once

#include "base/json.h"
#include "parse/flat_object.h"

enum { FF_FLAT_FACTS = 2000, FF_FLAT_KEY = 200, FF_FLAT_VALUE = 200, FF_FLAT_HASH = 17 };

/** firstfix.facts/1 as one object: {"torch.version": "2.6.0+cu124", "gpus.count": "8", "gpus.*.name": "NVIDIA H100"}.
    Without what differs between any two reports of one machine, and without what only follows from other facts. What is
    longer than FF_FLAT_VALUE is cut and keeps the hash of the whole; at most FF_FLAT_FACTS keys. */
struct ff_error *ff_facts_flat(const json_t *facts, json_t **ret);

/** 16 digits that two objects of the same keys and texts have in common, in whatever order. */
void ff_facts_flat_hash(const json_t *flat, char ret[FF_FLAT_HASH]);

/** The same of members. */
void ff_facts_flat_hash_of(const struct ff_flat_member *rows, size_t n, char ret[FF_FLAT_HASH]);
