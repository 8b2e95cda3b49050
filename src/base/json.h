// Small conveniences on jansson. A document is a json_t; a dotted path ("system.os.id") names a place in it.
// Package names may contain dots: reach python.packages with json_object_get(), never by a dotted path.
#pragma once

#include "base/error.h"

#include <jansson.h>

static inline void ff_cleanup_json(json_t **j)
{
	json_decref(*j);
}

#define _cleanup_json_ __attribute__((__cleanup__(ff_cleanup_json)))

/** The value at a dotted path (a number is an array index), borrowed; NULL when any step is missing. */
json_t *ff_json_at(const json_t *doc, const char *path);

/** The text at a path, borrowed; NULL when it is missing or no string. */
const char *ff_json_text(const json_t *doc, const char *path);

/** True and *ret set when an integer stands at the path. */
bool ff_json_int(const json_t *doc, const char *path, int64_t *ret);

/** Put a value at a dotted path, making the objects on the way (a number steps into an array that is there). Steals
    `value`, also on failure. `value` NULL (a failed json_*() constructor) or no memory gives &ff_enomem. */
struct ff_error *ff_json_put(json_t *doc, const char *path, json_t *value);

/** A JSON string from bytes of unknown encoding: invalid UTF-8 becomes U+FFFD, NUL is cut at. NULL only when out of
    memory. */
json_t *ff_json_string(const char *bytes, size_t n);

/** Merge `from` into `into`, objects recursively; other values are replaced. Arrays are appended where `into` has
    one. */
struct ff_error *ff_json_merge(json_t *into, json_t *from);

/** Parse text as JSON with bounded depth (jansson's 2048 lowered by the build) and no duplicate keys.
    `name` is for the message: "<name>: line 3, column 7: ...". */
struct ff_error *ff_json_parse(const char *name, const char *text, size_t n, json_t **ret);
