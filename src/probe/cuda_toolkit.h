// CUDA toolkits, for the probe `cuda`.
#pragma once

#include "probe/probe.h"

/** Put cuda.toolkits and cuda.toolkit (the one that torch's extension builder would use); returns the list, borrowed
    from the facts (NULL when there are none). */
const json_t *ff_cuda_find_toolkits(struct ff_probe_ctx *ctx);
