// The agent's metrics as OTLP.
#pragma once

#include "agent/agent.h"
#include "base/json.h"

/** Write every metric that has samples (answer_metrics.c). */
struct ff_exposition;
void ff_metrics_write(struct ff_exposition *e, const struct ff_agent *agent);

/** The metrics of now: an array for a request. The lock is held by the caller. NULL: no memory. */
json_t *ff_export_metrics(const struct ff_agent *agent, uint64_t began_ns, uint64_t now_ns);
