// PYTORCH_CUDA_ALLOC_CONF and PYTORCH_ALLOC_CONF: settings of torch's GPU memory allocator.
#pragma once

#include "base/error.h"
#include "base/str.h"

/** One "key:value" of the list. */
struct ff_alloc_setting {
	struct ff_span key;
	struct ff_span value; /**< with its brackets, if any */
	const char *bad;      /**< why torch cannot read it ("no colon"), NULL when it has the right form */
};

/** Cut the next setting off *rest; false at the end. Blanks are dropped by torch wherever they stand: trimmed here. */
bool ff_alloc_next(struct ff_span *rest, struct ff_alloc_setting *ret);

/** Whether a value fits its kind of rules/data/allocator_keys.tsv (`limit` is that table's cell); NULL when it does,
    else one phrase that says what is wanted ("True or False, exactly"). */
const char *ff_alloc_value_bad(struct ff_span kind, struct ff_span limit, struct ff_span value);
