// Lines for a terminal, of pieces of text that each have an ink: words of a worker as they are told, cut to the width.
#pragma once

#include "base/str.h"

/** How a piece looks. In the text an ink is one byte of its number; no other byte below 8 stands there. */
enum ff_ink { FF_INK_PLAIN = 1, FF_INK_DIM, FF_INK_TITLE, FF_INK_GOOD, FF_INK_WARN, FF_INK_BAD };

/** Lines that are `width` columns wide at most, each ended by a newline. */
struct ff_page {
	struct ff_buf text;
	unsigned width, at; /**< the column of what comes next */
	bool utf8;	    /**< the terminal shows more than ASCII */
};

/** Columns that text takes. What is no character, controls a terminal or changes the direction of writing is '?', what
    is no column wide is nothing; where the terminal has ASCII alone all else is '?' too. */
unsigned ff_page_columns(const struct ff_page *page, const char *text);

/** Append to the line; what does not fit is cut, and the cut is marked. */
void ff_page_put(struct ff_page *page, enum ff_ink ink, const char *text);
void ff_page_printf(struct ff_page *page, enum ff_ink ink, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Go on at a column, where the line is not beyond it. */
void ff_page_tab(struct ff_page *page, unsigned column);

void ff_page_end(struct ff_page *page);

/** Text in lines of its own, broken between words, `indent` columns from the left; at most `lines` of them. */
void ff_page_wrap(struct ff_page *page, enum ff_ink ink, unsigned indent, unsigned lines, const char *text);
