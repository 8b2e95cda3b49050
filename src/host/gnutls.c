// Opens GnuTLS and does with it what both sides of a connection need: files of keys and certificates, and the judgement
// on a certificate that was shown.
//
//	-----BEGIN CERTIFICATE-----
//	MIIBszCCAVmgAwIBAgIUY3J0MAoGCCqGSM49BAMCMBgxFjAUBgNVBAMMDWZpcnN0
//
// How the source lies: a file holds the key of another certificate, a chain without its head, or is a folder of a
// secret that was not mounted; a server's certificate of the same authority is shown as a client's.
#include "host/gnutls.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "host/dl.h"

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { PEM_MAX = 256 << 10, DER_MAX = 32 << 10, DIGEST = 32 };

#define SLOT(name)                                                \
	{                                                         \
		"gnutls_" #name, offsetof(struct ff_gnutls, name) \
	}
static const struct ff_dl_symbol symbols[] = {
	SLOT(init),
	SLOT(deinit),
	SLOT(set_default_priority),
	SLOT(certificate_allocate_credentials),
	SLOT(certificate_free_credentials),
	SLOT(certificate_set_x509_system_trust),
	SLOT(certificate_set_x509_trust_mem),
	SLOT(certificate_set_x509_key_mem),
	SLOT(credentials_set),
	SLOT(server_name_set),
	SLOT(transport_set_int2),
	SLOT(handshake),
	SLOT(record_send),
	SLOT(record_recv),
	SLOT(certificate_verify_peers),
	SLOT(certificate_get_peers),
	SLOT(fingerprint),
	SLOT(pem_base64_decode),
	SLOT(strerror),
};
#undef SLOT

enum { N_SYMBOLS = sizeof(symbols) / sizeof(symbols[0]) };

static const struct ff_dl_spec spec = {"libgnutls.so.30", "FIRSTFIX_GNUTLS", symbols, N_SYMBOLS};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct ff_gnutls lib;
static char missing[256];

static void open_library(void)
{
	struct ff_dl dl = {0};
	_cleanup_error_ struct ff_error *err = ff_dl_open_whole(&spec, &lib, &dl);
	if (err)
		snprintf(missing, sizeof(missing), "TLS needs libgnutls.so.30 (apt-get install libgnutls30): %.160s",
			err->message);
	ff_dl_deinit(&dl);
}

struct ff_error *ff_gnutls_open(const struct ff_gnutls **ret)
{
	pthread_once(&once, open_library);
	*ret = &lib;
	return missing[0] ? ff_error_create(FF_EABSENT, "%s", missing) : NULL;
}

struct ff_error *ff_tls_read(const char *path, struct ff_buf *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? ff_error_os(errno, "%s", path) : ff_read_all(fd, path, PEM_MAX, ret);
}

static struct ff_tls_datum datum(const struct ff_buf *text)
{
	return (struct ff_tls_datum){(unsigned char *)text->p, (unsigned)text->n};
}

struct ff_error *ff_tls_credentials_make(const struct ff_buf *certificate, const struct ff_buf *key,
	const struct ff_buf *authorities, const char *names, ff_tls_credentials *ret)
{
	ff_tls_credentials made = NULL;
	int code = lib.certificate_allocate_credentials(&made);
	if (code < 0)
		return &ff_enomem;
	if (certificate && key) {
		struct ff_tls_datum first = datum(certificate), second = datum(key);
		code = lib.certificate_set_x509_key_mem(made, &first, &second, FF_TLS_PEM);
	}
	if (code >= 0 && authorities) {
		struct ff_tls_datum ca = datum(authorities);
		int found = lib.certificate_set_x509_trust_mem(made, &ca, FF_TLS_PEM);
		if (found <= 0) {
			lib.certificate_free_credentials(made);
			return ff_error_create(FF_EUSAGE, "%s: no certificate to trust: %s", names,
				found < 0 ? lib.strerror(found) : "it is empty");
		}
	}
	if (code < 0) {
		lib.certificate_free_credentials(made);
		return ff_error_create(FF_EUSAGE, "%s: %s", names, lib.strerror(code));
	}
	*ret = made;
	return NULL;
}

bool ff_tls_pin(const struct ff_tls_datum *certificate, char ret[FF_TLS_PIN_LEN])
{
	unsigned char digest[DIGEST];
	size_t n = sizeof(digest);
	if (lib.fingerprint(FF_TLS_SHA256, certificate, digest, &n) < 0 || n != sizeof(digest))
		return false;
	for (size_t i = 0; i < n; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
	return true;
}

bool ff_tls_pin_of_text(const struct ff_buf *text, char ret[FF_TLS_PIN_LEN])
{
	unsigned char der[DER_MAX];
	struct ff_tls_datum whole = datum(text);
	size_t n = sizeof(der);
	if (lib.pem_base64_decode("CERTIFICATE", &whole, der, &n) < 0)
		return false;
	return ff_tls_pin(&(struct ff_tls_datum){der, (unsigned)n}, ret);
}

bool ff_tls_is_vouched_for(ff_tls_session session, const char *purpose, const char *host)
{
	struct ff_tls_wanted wanted[] = {
		{FF_TLS_WANT_PURPOSE, (unsigned char *)purpose, 0}, {FF_TLS_WANT_NAME, (unsigned char *)host, 0}};
	unsigned status = ~0U;
	return lib.certificate_verify_peers(session, wanted, host ? 2 : 1, &status) == 0 && status == 0;
}
