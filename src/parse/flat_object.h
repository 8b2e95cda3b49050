// An object of plain texts, read where it lies.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct ff_flat_member {
	const char *key, *value;
};

/** Read {"key": "value", ...} out of `text`, which is changed: members point into it. False for whatever is not as
    plain as that (an escape, a byte that is no printable ASCII, a value that is no text, more than `max` members),
    which may be good JSON all the same. A key may come twice. */
bool ff_flat_object(char *text, size_t n, struct ff_flat_member *ret, size_t max, size_t *ret_n);
