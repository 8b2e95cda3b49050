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

/** What is being read that was printed over many lines: an object of JSON, an entry of `journalctl -o verbose`, and in
    it a message of several lines. */
enum ff_pretty { FF_PRETTY_NONE, FF_PRETTY_OBJECT, FF_PRETTY_ENTRY, FF_PRETTY_MESSAGE };

/** False when the line is not wrapped; that it names its level is known then too. *pretty is remembered from line to
    line. */
bool ff_unwrap(struct ff_span line, enum ff_pretty *pretty, struct ff_unwrapped *ret);
