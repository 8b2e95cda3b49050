// What agents that are gone left in the state folder: lanes that they had not read to the end, requests that waited.
//
// How the source lies: a folder may be half removed, of another version (its state is then made anew, and only what
// waits is left), or of an agent that lives, which holds its state.
#include "agent/export_private.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static struct ff_error *read_lane(
	struct ff_export *x, struct ff_export_state *st, const char *name, struct ff_export_batch *batch)
{
	char path[PATH_MAX + 2 * FF_ID];
	struct ff_events *events;
	const struct ff_event *e = NULL;
	snprintf(path, sizeof(path), "%s/lanes/%s", x->agent->dir, name);
	struct ff_error *err = ff_events_open(&(struct ff_events_options){.lane = path}, &events);
	if (err)
		return err;
	while (!err && !(err = ff_events_next(events, &e)) && e) {
		const struct ff_export_lane *lane = ff_export_lane_of(st, name, true);
		if (e->position > lane->read)
			err = ff_export_event(st, e, batch);
	}
	ff_events_close(events);
	return err;
}

static bool has_open(const struct ff_export_state *st, uint32_t lane)
{
	for (unsigned i = 0; i < FF_TALLY_OPEN; i++)
		if (st->open[i].id && st->open[i].lane == lane)
			return true;
	return false;
}

// The lanes of its worker, as far as it knew them. Those whose process lives are somebody else's by now.
// False when one of them does.
static bool finish_lanes(struct ff_export *x, struct ff_export_state *st)
{
	bool all = true;
	for (uint32_t i = 0; i < FF_TALLY_LANES; i++) {
		char name[FF_ID];
		snprintf(name, sizeof(name), "%.*s", FF_ID - 1, st->lanes[i].name);
		if (!name[0] || strchr(name, '/'))
			continue;
		if (ff_agent_lane_lives(x->agent, name)) {
			all = false;
			continue;
		}
		ff_error_destroy(read_lane(x, st, name, &x->batch));
		if (has_open(st, i))
			ff_error_destroy(ff_export_lane_died(st, name, st->lanes[i].last_ns, &x->batch));
	}
	return all;
}

// What its worker left in the lanes, and from when on incidents were its own. True when nothing more will come.
static bool finish(struct ff_export *x, struct ff_twin *twin)
{
	_cleanup_json_ json_t *resource = NULL;
	struct ff_export_state *st = ff_twin_begin(twin), *own = ff_twin_begin(x->twin);
	st->resource[sizeof(st->resource) - 1] = '\0';
	ff_error_destroy(ff_json_parse("resource", st->resource, strlen(st->resource), &resource));
	bool done = !json_is_array(resource) || finish_lanes(x, st);
	if (!ff_export_flush(x, json_is_array(resource) ? resource : x->resource))
		return false;
	if (done && st->incidents_since_ns && st->incidents_since_ns < own->incidents_since_ns) {
		own->incidents_since_ns = st->incidents_since_ns;
		ff_twin_commit(x->twin);
		x->store_files = 0;
	}
	ff_twin_commit(twin);
	return done;
}

static void adopt(struct ff_export *x, const char *folder)
{
	struct ff_twin *twin = NULL;
	_cleanup_error_ struct ff_error *err = ff_export_state_open(folder, false, &twin);
	if (err && err->code != FF_EABSENT) // its agent lives
		return;
	bool finished = !twin || finish(x, twin);
	ff_otlp_queue_adopt(x->queue, folder);
	if (finished)
		ff_export_state_remove(folder);
	ff_twin_close(twin);
}

void ff_export_adopt(struct ff_export *x)
{
	char above[PATH_MAX + 8];
	snprintf(above, sizeof(above), "%s/otlp", x->agent->dir);
	_cleanup_closedir_ DIR *d = opendir(above);
	for (const struct dirent *e; d && (e = readdir(d));) {
		char folder[PATH_MAX + 280];
		snprintf(folder, sizeof(folder), "%s/%s", above, e->d_name);
		if (e->d_name[0] != '.' && strcmp(folder, x->folder) != 0)
			adopt(x, folder);
	}
}
