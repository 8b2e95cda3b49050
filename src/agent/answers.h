// The handlers, one function a path, and documents that more than one of them shows.
#pragma once

#include "agent/http.h"

#define ROUTE(path, flags, name, types, help) ff_handler ff_answer_##name;
#include "agent/routes.def"
#undef ROUTE

extern const struct ff_route ff_routes[];
extern const size_t ff_route_count;

/** firstfix.health/1; the lock is held. */
json_t *ff_health_document(const struct ff_agent *agent);
/** The same for who has no lock; `agent` is a struct ff_agent. */
json_t *ff_told_of_health(void *agent);

/** The forecasts that hold now; the lock is held. */
json_t *ff_forecasts_document(const struct ff_agent *agent);

/** The query `since` as nanoseconds of the epoch; `otherwise_ns` without one. False when it is no time. */
bool ff_answer_since(const struct ff_request *request, uint64_t otherwise_ns, uint64_t *ret);
