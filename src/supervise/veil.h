// Secrets out of what the supervisor says by itself. It has neither the patterns nor the memory of the incident step,
// so it hides more: whatever looks made by a generator, and whatever follows a name or an option that tells.
//
//	Authorization: Bearer 8fQz...	->  Authorization: Bearer [masked:24]
//	curl -u svc:hunter2 https://x	->  curl -u svc:[masked:7] https://x
#pragma once

#include "base/str.h"

/** Lines of output: append them masked and, but for newlines, safe for a terminal. */
void veil_text(struct ff_buf *out, struct ff_span text);

/** A command line: each word masked by itself, then quoted for a shell. */
void veil_command(struct ff_buf *out, char *const argv[]);
