// firstfix.event/1: one event as one JSON object.
#pragma once

#include "base/json.h"

#include <firstfix/event.h>

/** {"schema": ..., "timestamp": ..., "event.name": ..., "process.pid": ..., "thread.id": ..., and the fields by their
    keys}. A key that comes twice keeps its last value. Not masked. NULL when out of memory. */
json_t *ff_event_to_json(const struct ff_event *event);

/** A field of an event by its key, NULL when it has none. */
const struct ff_field *ff_event_field(const struct ff_event *event, const char *key);
