// CUDA_VISIBLE_DEVICES: which GPUs a process sees.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** {"devices": ["0", "GPU-8f2d"], "bad": "-1"}: entries up to the first one that CUDA does not understand, which it
    takes for the end of the list, and that one as "bad" (with "why"). An empty value or a bad first entry hides every
    GPU: no devices. */
struct ff_error *ff_visible_devices_parse(struct ff_span text, json_t **ret);
