// FIRSTFIX_LOG=json: what is for people becomes one firstfix.event/1 object a line, in the form of the Python package
// (python/firstfix/_say.py), so that a log collector reads all of a worker's output with one parser.
#pragma once

#include "base/str.h"

/** Whether FIRSTFIX_LOG asks for it. */
bool ff_logline_wanted(void);

/** Begin an object: schema, timestamp, event.name, process.pid. */
void ff_logline_begin(struct ff_buf *line, const char *event);

/** Add `"key": "text"`, only ASCII; bytes that are no UTF-8 become U+FFFD. NULL text: nothing. */
void ff_logline_text(struct ff_buf *line, const char *key, struct ff_span text);

/** Add `"key": document`, a JSON document however it is laid out. */
void ff_logline_document(struct ff_buf *line, const char *key, const char *json);

/** Close the object and the line. */
void ff_logline_end(struct ff_buf *line);
