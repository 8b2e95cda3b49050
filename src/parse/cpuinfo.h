// /proc/cpuinfo: which processor, how many, which instructions.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** {"model": "...", "cores": 8, "flags": ["avx2", ...]}: only flags that inference code asks for (see cpuinfo.c), in
    the order of the kernel's list. On arm64 the model is made from implementer and part. What the file lacks is
    absent. */
struct ff_error *ff_cpuinfo_parse(struct ff_span text, json_t **ret);
