// Prose on a terminal: words of one paragraph, a new line where the next would pass the edge.
#pragma once

#include "base/str.h"

/** Zero `columns`: never a new line. */
struct ff_wrap {
	size_t columns;
	size_t indent;	  /**< spaces before each further line */
	size_t rows;	  /**< how many there may be; what is beyond is cut and marked. 0: any number */
	const char *more; /**< the mark of what was cut, "..." */
	bool lists;	  /**< also break a list of folders that is wider than a line; not where rows are counted */
};

/** Append `text`, which is safe (base/clean.h), going on at column `at`; gives the column behind it. A word that is
    wider than a line is left whole: it is a path or a command, to be copied. With `lists`, a list of folders ("/a:/b")
    goes on in further lines, each of which begins with a folder. */
size_t ff_wrap(const struct ff_wrap *how, struct ff_span text, size_t at, struct ff_buf *out);
