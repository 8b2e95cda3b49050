// One GET over plain HTTP, for asking an agent: small, bounded in size and time.
#pragma once

#include "base/error.h"
#include "base/str.h"

/** Ask http://HOST[:PORT]/PATH. `token` may be NULL. *ret_status is the code of HTTP, the body is appended to `ret` (at
    most 4 MiB). */
struct ff_error *ff_http_get(
	const char *url, const char *token, unsigned deadline_ms, unsigned *ret_status, struct ff_buf *ret);
