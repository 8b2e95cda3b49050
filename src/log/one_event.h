// One event by itself: made for a line, and given back.
#pragma once

#include "log/event.h"

/** An event of this kind that begins at this line, without type, message or frames; NULL when memory is out. */
struct ff_event *ff_event_create(enum ff_event_kind kind, const struct ff_line *line);

/** Behind the others; of very many one from the middle is forgotten. False when memory is out. */
bool ff_event_add_frame(struct ff_event *event, struct ff_span file, struct ff_span func, uint32_t line);

/** NULL is allowed. */
void ff_event_destroy(struct ff_event *event);
