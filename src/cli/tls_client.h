// The client's side of TLS over a socket that does not block.
#pragma once

#include "cli/http_get.h"

#include "host/gnutls.h"

#include <stdint.h>

struct ff_tls_client {
	const struct ff_gnutls *lib; /**< NULL: nothing is open */
	ff_tls_credentials credentials;
	ff_tls_session session;
};

/** Shake hands over `fd` until the deadline, and hold the server's certificate against what `who` trusts. */
struct ff_error *ff_tls_client_open(
	int fd, const char *host, const struct ff_http_who *who, uint64_t deadline_ns, struct ff_tls_client *ret);
void ff_tls_client_close(struct ff_tls_client *client);

/** As send() and recv(): -1 with errno EAGAIN where the socket must be waited for. */
ssize_t ff_tls_client_send(struct ff_tls_client *client, const void *bytes, size_t n);
ssize_t ff_tls_client_recv(struct ff_tls_client *client, void *bytes, size_t n);
