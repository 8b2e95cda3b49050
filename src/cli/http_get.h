// One GET over HTTP or HTTPS, for asking an agent: small, bounded in size and time.
#pragma once

#include "base/error.h"
#include "base/str.h"

/** Who asks and whom it trusts; each NULL without. */
struct ff_http_who {
	const char *token;	       /**< FIRSTFIX_TOKEN */
	const char *ca;		       /**< FIRSTFIX_TLS_CA: file of authorities, instead of the system's */
	const char *certificate, *key; /**< FIRSTFIX_CLIENT_CERT, FIRSTFIX_CLIENT_KEY: files */
	const char *pin;	       /**< FIRSTFIX_TLS_PIN: the server's certificate is this one, whoever made it */
};

/** As the environment says. */
struct ff_http_who ff_http_who(void);

/** Ask http[s]://HOST[:PORT]/PATH. *ret_status is the code of HTTP, the body is appended to `ret` (at most 4 MiB). */
struct ff_error *ff_http_get(
	const char *url, const struct ff_http_who *who, unsigned deadline_ms, unsigned *ret_status, struct ff_buf *ret);
