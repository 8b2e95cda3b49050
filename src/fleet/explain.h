// Answers to people and programs: documents of what a fleet says.
#pragma once

#include "fleet/source.h"

/** firstfix.fleet-top/1: failures by workers hit. `fleet` NULL: the one that there is; of several FF_EUSAGE names them.
 */
struct ff_error *ff_fleet_top(struct ff_source *source, const char *fleet, json_t **ret);

/** firstfix.fleet-failure/1: one failure, by the beginning of its fingerprint. */
struct ff_error *ff_fleet_show(struct ff_source *source, const char *fleet, const char *fingerprint, json_t **ret);

/** firstfix.fleet-explain/1: what tells those that fail from the others. */
struct ff_error *ff_fleet_explain(struct ff_source *source, const char *fleet, const char *fingerprint, json_t **ret);

/** firstfix.fleets/1: the fleets of the database, with their workers. */
struct ff_error *ff_fleet_list(struct ff_source *source, json_t **ret);

/** firstfix.fleet-causes/1: how often in each hour of the last 30 days with failures, by cause. */
struct ff_error *ff_fleet_causes(struct ff_source *source, const char *fleet, json_t **ret);

/** firstfix.fleet-worker/1: one worker, its failures, and the facts in which it differs from those that do not have the
    failure. `fingerprint` NULL: its last failure; then also what differs of a worker that has none. */
struct ff_error *ff_fleet_worker(
	struct ff_source *source, const char *fleet, const char *worker, const char *fingerprint, json_t **ret);

/** Milliseconds at `key` as RFC 3339. */
void ff_fleet_put_time(json_t *row, const char *key);

/** What a question is about, found from what was typed. Texts in `ret` are of *ret_owner, which the caller releases. */
struct ff_error *ff_fleet_find(struct ff_source *source, const char *fleet, const char *fingerprint,
	struct ff_fleet_about *ret, json_t **ret_failure, json_t **ret_owner);
