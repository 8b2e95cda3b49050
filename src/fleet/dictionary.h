// Numbers for keys and for (key, value) pairs, with those of late kept in memory.
#pragma once

#include "fleet/database.h"

struct ff_dictionary;

struct ff_error *ff_dictionary_create(struct ff_dictionary **ret);
void ff_dictionary_destroy(struct ff_dictionary *d);

/** ff_fleet_pairs_begin() */
void ff_dictionary_begin(struct ff_dictionary *d);

/** ff_fleet_pair() over this cache. */
struct ff_error *ff_dictionary_pair(struct ff_dictionary *d, struct ff_fleet *fleet, const char *key, const char *value,
	struct ff_fleet_counts *counts, uint32_t *ret);
