// A session of TLS by GnuTLS, and whether the server is the one that is meant: by the SHA-256 of its certificate where
// that is known from the state folder, else by an authority and the name in the address.
#include "cli/tls_client.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>

// What waiting for the socket may mend: both directions, because a handshake writes and reads.
static bool may_go_on(int fd, ssize_t code, uint64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = ff_clock_ns();
	return (code == FF_TLS_AGAIN || code == FF_TLS_INTERRUPTED) && now < deadline_ns &&
		poll(&p, 1, (int)((deadline_ns - now) / 1000000) + 1) >= 0;
}

static struct ff_error *make_credentials(const struct ff_http_who *who, struct ff_tls_client *client)
{
	_cleanup_buf_ struct ff_buf certificate = {0}, key = {0}, ca = {0};
	struct ff_error *err = NULL;
	bool shows = who->certificate || who->key;
	if (shows && !(who->certificate && who->key))
		return ff_error_create(FF_EUSAGE, "a client certificate and its key go together");
	if (shows)
		err = ff_tls_read(who->certificate, &certificate);
	if (!err && shows)
		err = ff_tls_read(who->key, &key);
	if (!err && who->ca)
		err = ff_tls_read(who->ca, &ca);
	if (!err && shows)
		err = ff_tls_credentials_make(
			&certificate, &key, who->ca ? &ca : NULL, who->certificate, &client->credentials);
	else if (!err)
		err = ff_tls_credentials_make(
			NULL, NULL, who->ca ? &ca : NULL, who->ca ? who->ca : "", &client->credentials);
	if (key.p)
		explicit_bzero(key.p, key.n);
	if (!err && !who->ca)
		client->lib->certificate_set_x509_system_trust(client->credentials);
	return err;
}

static struct ff_error *judge(const struct ff_tls_client *client, const char *host, const struct ff_http_who *who)
{
	unsigned n = 0;
	char pin[FF_TLS_PIN_LEN] = "";
	const struct ff_tls_datum *shown = client->lib->certificate_get_peers(client->session, &n);
	if (who->pin && shown && n && ff_tls_pin(shown, pin) && strcmp(pin, who->pin) == 0)
		return NULL;
	if (!who->pin && ff_tls_is_vouched_for(client->session, FF_TLS_FOR_SERVERS, host))
		return NULL;
	return ff_error_create(FF_EDENIED, "%s: its certificate is not %s", host,
		who->pin ? "the one that the agent of the state folder has"
			 : "one for this name of an authority that is trusted here (--tls-ca FILE)");
}

struct ff_error *ff_tls_client_open(
	int fd, const char *host, const struct ff_http_who *who, uint64_t deadline_ns, struct ff_tls_client *ret)
{
	struct ff_tls_client c = {0};
	unsigned char address[16];
	int code = 0;
	struct ff_error *err = ff_gnutls_open(&c.lib);
	if (err)
		return err;
	err = make_credentials(who, &c);
	if (!err &&
		(c.lib->init(&c.session, FF_TLS_CLIENT | FF_TLS_NONBLOCK) < 0 ||
			c.lib->set_default_priority(c.session) < 0 ||
			c.lib->credentials_set(c.session, FF_TLS_CERTIFICATE, c.credentials) < 0))
		err = &ff_enomem;
	if (!err) {
		if (inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1)
			c.lib->server_name_set(c.session, FF_TLS_NAME_DNS, host, strlen(host));
		c.lib->transport_set_int2(c.session, fd, fd);
		do
			code = c.lib->handshake(c.session);
		while (code < 0 && may_go_on(fd, code, deadline_ns));
		if (code == FF_TLS_AGAIN || code == FF_TLS_INTERRUPTED)
			err = ff_error_create(FF_ETIMEOUT, "%s: no answer in time", host);
		else if (code < 0)
			err = ff_error_create(FF_EDENIED, "%s: no TLS: %s", host, c.lib->strerror(code));
		else
			err = judge(&c, host, who);
	}
	if (err)
		ff_tls_client_close(&c);
	else
		*ret = c;
	return err;
}

void ff_tls_client_close(struct ff_tls_client *client)
{
	if (client->session)
		client->lib->deinit(client->session);
	if (client->credentials)
		client->lib->certificate_free_credentials(client->credentials);
	*client = (struct ff_tls_client){0};
}

static ssize_t as_errno(ssize_t code)
{
	if (code >= 0)
		return code;
	if (code == FF_TLS_CUT_OFF) // many servers close without a word; the length of the answer says whether all came
		return 0;
	errno = code == FF_TLS_AGAIN || code == FF_TLS_INTERRUPTED ? EAGAIN : EPROTO;
	return -1;
}

ssize_t ff_tls_client_send(struct ff_tls_client *client, const void *bytes, size_t n)
{
	return as_errno(client->lib->record_send(client->session, bytes, n));
}

ssize_t ff_tls_client_recv(struct ff_tls_client *client, void *bytes, size_t n)
{
	return as_errno(client->lib->record_recv(client->session, bytes, n));
}
