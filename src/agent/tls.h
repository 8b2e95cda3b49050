// The server's certificate, and what a client's is worth.
#pragma once

#include "agent/http.h"
#include "host/gnutls.h"

#include <microhttpd.h>

struct ff_tls {
	bool on;     /**< serve TLS */
	bool mutual; /**< a client that shows a certificate of ours needs no token */
	struct ff_buf certificate, key, client_ca;
	char pin[FF_TLS_PIN_LEN]; /**< of our certificate, for who finds us in the state folder */
};

/** Read and try what the options name. Nothing is on where they name nothing. */
struct ff_error *ff_tls_load(const struct ff_http_options *options, struct ff_tls *ret);
void ff_tls_deinit(struct ff_tls *tls);

/** Make libmicrohttpd able to speak TLS: by tls_late.c or tls_linked.c. */
struct ff_error *ff_tls_bind(void);

/** Write the options of libmicrohttpd, MHD_OPTION_END behind them, into `ret` (room for FF_TLS_OPTIONS). */
enum { FF_TLS_OPTIONS = 5 };
void ff_tls_options(const struct ff_tls *tls, struct MHD_OptionItem ret[FF_TLS_OPTIONS]);

/** True when this connection's client showed a certificate that our client authorities vouch for. */
bool ff_tls_trusts(const struct ff_tls *tls, struct MHD_Connection *connection);
