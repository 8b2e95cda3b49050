// A log line as it was meant: without colours, timestamps, rank and pod prefixes, container and JSON wrappers.
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

enum ff_level { FF_LEVEL_NONE, FF_LEVEL_DEBUG, FF_LEVEL_INFO, FF_LEVEL_WARNING, FF_LEVEL_ERROR, FF_LEVEL_FATAL };

/** One meant line. Spans are valid during the callback only. One line of the file can hold several (progress bars
    divided by carriage returns, a traceback inside a JSON string); they share a number. */
struct ff_line {
	uint64_t number;	/**< in the file, from 1 */
	struct ff_span text;	/**< without prefixes; indentation that belongs to the text is kept */
	struct ff_span source;	/**< who said it ("rank0", "EngineCore_DP0 pid=164"), empty when nobody is named */
	struct ff_span service; /**< which of several services said it (compose, a pod), empty when the log is of one */
	bool drawn;		/**< a bar that was drawn over on its line */
	enum ff_level level;	/**< what a prefix said, FF_LEVEL_NONE when none did */
	uint64_t heads;		/**< what stood before it: one bit a kind of prefix, FF_HEAD_WRAPPED for a wrapper */
	unsigned quotes;	/**< marks of a quotation ("> ") that stood before it */
	uint32_t run;		/**< the run it belongs to, by who cuts the log into runs; 0 when nobody did */
};

#define FF_HEAD_WRAPPED (1ull << 63)

enum { FF_LINE_MAX = 16384 }; /**< a longer line is handed out in pieces of this size */

struct ff_liner;

struct ff_error *ff_liner_create(struct ff_liner **ret);
void ff_liner_destroy(struct ff_liner *liner);

typedef void ff_line_fn(const struct ff_line *line, void *context);

/** Take one line of the file (without its newline) apart and hand out what was meant. */
void ff_liner_read(struct ff_liner *liner, struct ff_span raw, uint64_t number, ff_line_fn *fn, void *context);

/** True when the line just read is a part of one that goes on: the next line is needed too. */
bool ff_liner_goes_on(const struct ff_liner *liner);

/** No more lines: hand out what waits for its end. FF_ENOMEM when anything was lost for want of memory. */
struct ff_error *ff_liner_end(struct ff_liner *liner, uint64_t number, ff_line_fn *fn, void *context);

/** The level a word names ("WARN", "e", "Critical"), FF_LEVEL_NONE for any other word. */
enum ff_level ff_level_of(struct ff_span word);

/** Length of the escape sequence at p (p[0] is ESC), at least 1 when n is; a newline is no part of it. */
size_t ff_escape_length(const char *p, size_t n);

/** Without colours and control characters, as they are and as rsyslog, cat -v and pastes spell them, and with the
    entities of HTML as what they mean. */
void ff_line_clean(struct ff_span raw, struct ff_buf *ret);
