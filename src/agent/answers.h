// The handlers, one function a path, and documents that more than one of them shows.
#pragma once

#include "agent/http.h"

#define ROUTE(path, flags, name, help) ff_handler ff_answer_##name;
#include "agent/routes.def"
#undef ROUTE

/** firstfix.health/1; the lock is held. */
json_t *ff_health_document(const struct ff_agent *agent);
