// What structured lines wrap: JSON of loggers, collectors and journals, logfmt, and text whose newlines were escaped.
#pragma once

#include "base/str.h"
#include "log/line.h"

/** What was in a line. Zero-initialise; the buffer is reused from line to line. */
struct ff_unwrapped {
	struct ff_buf text;  /**< lines divided by '\n'; "" for a line of a pretty-printed object that says nothing */
	enum ff_level level; /**< FF_LEVEL_NONE when nothing said one */
	bool part;	     /**< docker's json-file: the next line carries on */
};

/** False when the line is not wrapped. *pretty remembers from line to line that a pretty-printed object is being
    read. */
bool ff_unwrap(struct ff_span line, bool *pretty, struct ff_unwrapped *ret);
