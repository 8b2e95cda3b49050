// What a worker printed, its streams joined in the order of time.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** Append stdout and stderr of the `tail` of a firstfix.incident/1 line by line as its `order` says; without one,
    stdout first. */
void ff_tail_in_order(const json_t *tail, struct ff_buf *ret);
