// The table of routes, from routes.def.
#include "agent/answers.h"

const struct ff_route ff_routes[] = {
#define ROUTE(path, flags, name, types, help) {path, flags, ff_answer_##name, types, help},
#include "agent/routes.def"
#undef ROUTE
};

const size_t ff_route_count = sizeof(ff_routes) / sizeof(ff_routes[0]);
