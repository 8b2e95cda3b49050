// A folder that a model lies in: a clone, a download, a snapshot of the hub's cache.
#pragma once

#include "probe/probe.h"

/** What its config.json says; NULL when there is none or it cannot be read (`fact` gets the miss). */
json_t *ff_model_config(struct ff_probe_ctx *ctx, const char *folder, const char *fact);

/** How many bytes of weights lie there, all files of one format together. */
uint64_t ff_model_weights(struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names);

/** Files that are not what they should be: [{"file", "kind", "size", "wants"}]; kind is "lfs" (a git-lfs pointer),
    "web-page", "empty", "short" or "torn" (the beginning is not that of its format). An empty list when all are
    well. */
json_t *ff_model_damage(struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names);

/** Shards that the others' names promise and that are not there. */
json_t *ff_model_missing(const struct ff_names *names);

/** Does a model lie there? */
bool ff_is_model_folder(const struct ff_names *names);
