// A folder that a model lies in: a clone, a download, a snapshot of the hub's cache.
#pragma once

#include "parse/model_file.h"
#include "probe/probe.h"

/** What the headers of a folder's files of weights come to. */
struct ff_model_count {
	struct ff_model_tensors tensors;
	bool unknown; /**< a header could not be read, or a file is cut short */
};

/** What its config.json says; NULL when there is none or it cannot be read (`fact` gets the miss). */
json_t *ff_model_config(struct ff_probe_ctx *ctx, const char *folder, const char *fact);

/** How many bytes of weights lie there, all files of one format together. */
uint64_t ff_model_weights(struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names);

/** Files that are not what they should be: [{"file", "kind", "size", "wants"}]; kind is "lfs" (a git-lfs pointer),
    "web-page", "empty", "short" or "torn" (the beginning is not that of its format). An empty list when all are
    well. The tensors of safetensors files are counted in passing; `ret` starts empty. */
json_t *ff_model_damage(
	struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names, struct ff_model_count *ret);

/** The same of one file; NULL when it is well, or no model's. */
json_t *ff_model_file_damage(struct ff_probe_ctx *ctx, const char *folder, const char *name);

/** {"parameters", "matrix_parameters", "wide_parameters"}; NULL where they are not known. */
json_t *ff_model_tensors_json(const struct ff_model_count *count);

/** Shards that the others' names promise and that are not there. */
json_t *ff_model_missing(const struct ff_names *names);

/** Folders that modules.json (sentence-transformers) or model_index.json (diffusers) names and that are not there:
    [{"folder": "1_Pooling", "named_by": "modules.json"}]. */
json_t *ff_model_parts(struct ff_probe_ctx *ctx, const char *folder);

/** Add the shards to `missing` that the index names and that are not there: where they were renamed. */
void ff_model_indexed(struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names, json_t *missing);

/** What its settings hold that the installed release does not know: "adapter_unknown" (names in adapter_config.json),
    "rope_unknown" of `model`. */
void ff_model_asks(struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names, json_t *model);

/** {"path", "ir"}: the version of the representation that an ONNX file is in; NULL where its beginning is another. */
json_t *ff_model_onnx(struct ff_probe_ctx *ctx, const char *path);

/** Does a model lie there? */
bool ff_is_model_folder(const struct ff_names *names);
