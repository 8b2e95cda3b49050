// A page of text under construction: titles, sections, marked lines, boxes. What a line says is decided once
// (report_*.c, diagnosis.c); how it looks is decided here, for terminals (page_text.c) and for issues
// (page_markdown.c).
//
// Everything that comes in may hold hostile bytes: it is made safe here (base/clean.h), and in Markdown also inert, so
// that no caller can forget it.
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <firstfix/firstfix.h>

/** A mark is a judgement (OK, WARN, FAIL: only where facts decide) or says what kind of thing a line is about. */
enum ff_mark {
	FF_MARK_NONE,
	FF_MARK_OK,
	FF_MARK_WARN,
	FF_MARK_FAIL,
	FF_MARK_GPU,
	FF_MARK_MEMORY,
	FF_MARK_PACKAGE,
	FF_MARK_SETTING,
	FF_MARK_NUMBER,
	FF_MARK_COUNT,
	FF_MARK_PYTHON,
	FF_MARK_MACHINE,
	FF_MARK_LIST,
	FF_MARKS,
};

struct ff_page;

/** One way to look. Texts are safe already. */
struct ff_page_look {
	void (*title)(struct ff_page *page, struct ff_span title, struct ff_span beside);
	void (*section)(struct ff_page *page, struct ff_span title);
	void (*end_section)(struct ff_page *page);
	void (*line)(struct ff_page *page, enum ff_mark mark, struct ff_span label, struct ff_span value);
	void (*paragraph)(struct ff_page *page, struct ff_span text);
	void (*box)(struct ff_page *page, struct ff_span text); /**< several lines, to be copied: never wrapped */
};

extern const struct ff_page_look ff_look_text, ff_look_markdown;

/** Zero-initialise with look and style. */
struct ff_page {
	const struct ff_page_look *look;
	const struct ff_style *style;
	struct ff_buf out;
	const char *waiting; /**< a section whose first line has not come: an empty one never shows */
	bool in_section;
	size_t line_rows; /**< text: how many rows a line may take, what is beyond is cut and marked; 0: any number */
	size_t label_columns; /**< text: room that each label gets, so that values stand below each other; 0: its own */
	bool bare_boxes;      /**< text: without rules above and below what is to be copied */
	bool fold;	      /**< Markdown: sections fold away */
};

void ff_page_title(struct ff_page *page, const char *title, const char *beside);
/** Start a section; `title` must outlive the page. */
void ff_page_section(struct ff_page *page, const char *title);
/** What follows belongs to no section. */
void ff_page_end_section(struct ff_page *page);
void ff_page_line(struct ff_page *page, enum ff_mark mark, const char *label, struct ff_span value);
/** The same, put together by a printf format. */
void ff_page_say(struct ff_page *page, enum ff_mark mark, const char *label, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void ff_page_paragraph(struct ff_page *page, struct ff_span text);
/** A command or a file to copy; newlines part its lines. */
void ff_page_box(struct ff_page *page, struct ff_span text);
/** An empty line. */
void ff_page_gap(struct ff_page *page);
/** Close the page; the caller frees *ret. */
struct ff_error *ff_page_finish(struct ff_page *page, char **ret);

/** Rows that a page of text takes on a terminal of so many columns; an escape sequence of ours takes no room. */
size_t ff_page_rows(const char *text, size_t columns);

/** Columns of the page. */
size_t ff_page_columns(const struct ff_page *page);
