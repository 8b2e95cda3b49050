// Makes text safe for a terminal and for one line: whatever bytes a fact or a log line holds, what comes out has no
// control character, no escape sequence, nothing that reorders or hides text, and no newline. What was taken out stays
// visible:
//
//	"a\nb"  a\nb      ESC [31m  \x1b[31m      U+202E  \u202e      a lone 0xff  \xff
#pragma once

#include "base/str.h"

/** Append `text` made safe. With `utf8` false only ASCII comes out: dashes, quotes and marks become their nearest, the
    rest \uXXXX. */
void ff_clean(struct ff_buf *out, struct ff_span text, bool utf8);

/** Columns that safe UTF-8 text takes on a terminal. */
size_t ff_clean_width(struct ff_span text);

/** Bytes of the longest prefix of safe text that fits in `columns`; at least one character when there is any. */
size_t ff_clean_fit(struct ff_span text, size_t columns);
