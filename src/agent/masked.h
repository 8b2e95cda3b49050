// A document as text for whoever asks: masked, in one line.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

/** Append it; a NULL document is one that there was no memory for. */
struct ff_error *ff_masked_text(const json_t *document, struct ff_buf *ret);
