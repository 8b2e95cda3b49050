// Export to OpenTelemetry: what the agent knows of its worker, sent as OTLP where OTEL_EXPORTER_OTLP_ENDPOINT says.
//
// Threads of their own: one reads the lanes, the database and the metrics and makes requests of them, which wait in a
// queue on disk; one for each signal sends them. The agent's other threads never wait for any of them.
#pragma once

#include "agent/agent.h"
#include "otlp/queue.h"

/** Start as the environment asks. Nothing is done, and nothing costs, where no endpoint is set. */
struct ff_error *ff_export_start(struct ff_agent *agent);

/** Queue what is known by now and send as much of it as `ms` allow. What is left waits on disk for the next agent. */
void ff_export_end(unsigned ms);

/** What became of records; false when nothing is exported. */
bool ff_export_counts(struct ff_otlp_counts *ret);
