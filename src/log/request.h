// Which request a line of an access log tells of.
#pragma once

#include "base/str.h"

#include <stdint.h>

enum {
	FF_REQUEST_NONE = 0, /**< a sign of work that is no answer to a request */
	FF_REQUEST_ANY = 1,  /**< whatever it was: the program came up, or to its good end */
};

/** A number for the method and path of the request that the line tells of, the same for paths that differ in their
    query, digits and identifiers only. FF_REQUEST_NONE when it tells of none. */
uint64_t ff_request_of(struct ff_span text);
