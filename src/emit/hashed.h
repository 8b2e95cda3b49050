// Names of hosts and paths as keyed hashes, for what goes to a fleet that shall not know them: FIRSTFIX_FLEET_KEY.
//
//	"/home/ada/models/x.gguf is missing on gpu-17" -> "hashed:1f0c... is missing on hashed:77ab..."
//
// The same name has the same hash under the same key, so what a fleet has in common is still seen.
#pragma once

#include "base/json.h"
#include "base/str.h"

/** Append `text` with every path, and every word that is `host` (NULL: none), as a hash. */
void ff_hash_names(struct ff_span text, struct ff_span key, const char *host, struct ff_buf *out);

/** All texts of a document but those of routes of requests (http.route, url.path), in place. */
struct ff_error *ff_hash_names_of(json_t *document, struct ff_span key, const char *host);
