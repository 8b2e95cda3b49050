// The AMD compute driver's properties of one GPU: /sys/class/kfd/kfd/topology/nodes/N/properties.
#pragma once

#include "base/str.h"

/** One number of the list ("simd_count 1216"); false when it is missing. */
bool ff_kfd_number(struct ff_span text, const char *name, uint64_t *ret);

enum { FF_GFX_LEN = 16 };

/** The compiler's name of a gfx_target_version: 90402 is "gfx942", 90010 "gfx90a", 110000 "gfx1100". False when it is
    none. */
bool ff_kfd_gfx(uint64_t version, char ret[FF_GFX_LEN]);
