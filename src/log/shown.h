// Texts of several lines that a log only shows: a block of markdown, a turn of a chat, a commit's message, a quotation.
#pragma once

#include "base/error.h"
#include "log/line.h"

struct ff_shown;

struct ff_error *ff_shown_create(struct ff_shown **ret);
void ff_shown_destroy(struct ff_shown *shown);

enum ff_shown_step {
	FF_SHOWN_NOT,	 /**< the line is the log's own */
	FF_SHOWN_LINE,	 /**< it is shown, that is certain */
	FF_SHOWN_OPENED, /**< what begins here may be a text that is shown */
	FF_SHOWN_WITHIN, /**< it goes on */
	FF_SHOWN_CLOSED, /**< it ended: all since the opening was shown; the next one may begin with the same line */
};

/** Take the next line. */
enum ff_shown_step ff_shown_line(struct ff_shown *shown, const struct ff_line *line);

/** This line is a worker's own: a block behind it is no log that somebody sent in a block. */
void ff_shown_works(struct ff_shown *shown, const struct ff_line *line);

/** True while a block is open that may be shown: each line is wanted. */
bool ff_shown_open(const struct ff_shown *shown);
