// Finds secrets in text by the patterns of rules/data/secrets.tsv.
#pragma once

#include "base/error.h"
#include "base/str.h"

/** Called for every place that was masked. `kind` is valid for ever; the value itself is never handed out. */
typedef void ff_secret_fn(void *arg, struct ff_span kind, size_t length);

/** True when `text` may hold a secret: the cheap look that most text ends with. Never false where ff_secret_mask()
    would find one. */
bool ff_secret_suspect(struct ff_span text);

/** Append `text` to `out` with each secret as [masked:kind:length]. Text on which a pattern gives up (made to take for
    ever) is masked whole. `found` may be NULL. Threads may call it side by side. */
struct ff_error *ff_secret_mask(struct ff_span text, ff_secret_fn *found, void *arg, struct ff_buf *out);

/** Read and compile every pattern now; NULL when all are sound. For tests: otherwise each is compiled at its first
    use. */
struct ff_error *ff_secret_check(void);
