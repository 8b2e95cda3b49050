// torch's allocator settings against what the installed torch knows (rules/data/allocator_keys.tsv).
#pragma once

#include "base/json.h"

/** What torch makes of PYTORCH_CUDA_ALLOC_CONF and PYTORCH_ALLOC_CONF: {"name": the variable that counts, "value",
    "keys": {"expandable_segments": "True"}, "errors": [{"key", "value", "text"}], "ignored": "the other variable"};
    NULL in *ret when neither is set. `torch` is its version, or NULL when not known. */
struct ff_error *ff_allocator_settings(const json_t *env, const char *torch, json_t **ret);
