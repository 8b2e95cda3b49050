// The ends of two streams as one text, in the order in which they were read (the turns of tail.h).
//
//	step 3 done            stdout
//	CUDA error: ...        stderr
//	retrying               stdout
#pragma once

#include "base/str.h"
#include "supervise/tail.h"

/** Append up to `most` last bytes of each tail, whole lines in turn; `b` may be NULL. */
void tails_joined(struct ff_buf *out, const struct tail *a, const struct tail *b, size_t most);
