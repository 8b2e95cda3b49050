// Command lines as a POSIX shell writes and reads them.
//
//	python handler.py --say 'it'\''s on'
#pragma once

#include "base/str.h"

/** Append a word so that a shell reads it back as it is; plain words stay without quotes. */
void ff_shell_quote(struct ff_buf *out, struct ff_span word);

/** Read the next word of *rest into `word` (emptied first), without its quotes. False at the end. An open quote ends
    with the text. */
bool ff_shell_next(struct ff_span *rest, struct ff_buf *word);
