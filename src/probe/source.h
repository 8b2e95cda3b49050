// How probes read text: what cannot be read becomes a miss or, where absence means nothing, silence.
#pragma once

#include "base/str.h"
#include "probe/probe.h"

#include <inttypes.h>

/** A whole file, terminated, freed by the caller; NULL when it cannot be read. Absence is silent; any other reason is a
    miss for the fact `fact` (NULL: none). */
char *ff_source_text(struct ff_probe_ctx *ctx, const char *path, size_t max, const char *fact);

/** The same of the worker's /proc/PID, where absence is a miss too: it says that there is no /proc. */
char *ff_source_process(struct ff_probe_ctx *ctx, const char *name, size_t max, const char *fact);

/** Put a number that may be larger than JSON's: beyond 2^63 it is left out. */
static inline void ff_fact_u64(struct ff_probe_ctx *ctx, const char *path, uint64_t value)
{
	if (value <= INT64_MAX)
		ff_fact_int(ctx, path, (int64_t)value);
}
