// /v1/events as a stream of server-sent events: what is recorded from now on, and each change of the worker's state.
#pragma once

#include "agent/http.h"

#include <firstfix/event.h>

/** Begin one; 503 when there are as many as there may be. */
void ff_stream_begin(struct ff_request *request, struct ff_answer *answer);

/** True when somebody listens: only then events are written out. */
bool ff_stream_wanted(void);

/** Tell an event, or a document under a name, to all who listen. */
void ff_stream_event(const struct ff_event *event);
void ff_stream_document(const char *name, const json_t *document);

/** Wake those for whom something is there. */
void ff_stream_flush(void);
