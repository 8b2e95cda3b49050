// What a fleet learns of a start: its facts, and that it went well (doc/FLEET.md).
#pragma once

#include "agent/export_records.h"

/** Of one run, what was told of it. */
struct ff_export_fleet {
	bool facts_told, start_told;
	char hash[17];	/**< of its facts, once they are there */
	char taken[32]; /**< and when they were */
	uint64_t look_ns;
};

/** Look for the start-up report of the run and for the good start that it became; each is told once. `dir` is the state
    folder. */
struct ff_error *ff_export_fleet_look(struct ff_export_fleet *fleet, const struct ff_export_state *st, const char *dir,
	const char *run, struct ff_export_batch *batch);

/** 16 digits of firstfix.facts/1 as they are sent, "" where there are none. */
void ff_export_facts_hash(const json_t *facts, char ret[17]);

/** Where FIRSTFIX_FLEET_KEY is set: names of this host and paths as hashes, in all texts of a request. */
struct ff_error *ff_export_hash_names(json_t *request);
