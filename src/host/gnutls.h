// TLS by GnuTLS, which is opened when somebody first wants it: who serves and asks plainly does not have it in memory,
// and a machine without it has everything else. Our own declarations of its ABI, which is that of libgnutls.so.30.
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <sys/types.h>

typedef struct gnutls_session_int *ff_tls_session;
typedef struct gnutls_certificate_credentials_st *ff_tls_credentials;

/** A gnutls_datum_t. */
struct ff_tls_datum {
	unsigned char *data;
	unsigned size;
};

/** A gnutls_typed_vdata_st: what a certificate of the other side must be for. */
struct ff_tls_wanted {
	unsigned type;
	unsigned char *data;
	unsigned size;
};

enum {
	FF_TLS_CLIENT = 2,	  /**< GNUTLS_CLIENT */
	FF_TLS_NONBLOCK = 8,	  /**< GNUTLS_NONBLOCK */
	FF_TLS_CERTIFICATE = 1,	  /**< GNUTLS_CRD_CERTIFICATE */
	FF_TLS_PEM = 1,		  /**< GNUTLS_X509_FMT_PEM */
	FF_TLS_NAME_DNS = 1,	  /**< GNUTLS_NAME_DNS */
	FF_TLS_WANT_NAME = 1,	  /**< GNUTLS_DT_DNS_HOSTNAME */
	FF_TLS_WANT_PURPOSE = 2,  /**< GNUTLS_DT_KEY_PURPOSE_OID */
	FF_TLS_SHA256 = 6,	  /**< GNUTLS_DIG_SHA256 */
	FF_TLS_AGAIN = -28,	  /**< GNUTLS_E_AGAIN */
	FF_TLS_INTERRUPTED = -52, /**< GNUTLS_E_INTERRUPTED */
	FF_TLS_CUT_OFF = -110,	  /**< GNUTLS_E_PREMATURE_TERMINATION */
	FF_TLS_PIN_LEN = 65	  /**< a SHA-256 in hexadecimal digits, with its end */
};

/** Its functions that we call, by their names without gnutls_. */
struct ff_gnutls {
	int (*init)(ff_tls_session *session, unsigned flags);
	void (*deinit)(ff_tls_session session);
	int (*set_default_priority)(ff_tls_session session);
	int (*certificate_allocate_credentials)(ff_tls_credentials *ret);
	void (*certificate_free_credentials)(ff_tls_credentials credentials);
	int (*certificate_set_x509_system_trust)(ff_tls_credentials credentials);
	int (*certificate_set_x509_trust_mem)(
		ff_tls_credentials credentials, const struct ff_tls_datum *ca, unsigned format);
	int (*certificate_set_x509_key_mem)(ff_tls_credentials credentials, const struct ff_tls_datum *certificate,
		const struct ff_tls_datum *key, unsigned format);
	int (*credentials_set)(ff_tls_session session, unsigned type, void *credentials);
	int (*server_name_set)(ff_tls_session session, unsigned type, const void *name, size_t n);
	void (*transport_set_int2)(ff_tls_session session, int from, int to);
	int (*handshake)(ff_tls_session session);
	ssize_t (*record_send)(ff_tls_session session, const void *bytes, size_t n);
	ssize_t (*record_recv)(ff_tls_session session, void *bytes, size_t n);
	int (*certificate_verify_peers)(
		ff_tls_session session, struct ff_tls_wanted *wanted, unsigned n, unsigned *ret_status);
	const struct ff_tls_datum *(*certificate_get_peers)(ff_tls_session session, unsigned *ret_n);
	int (*fingerprint)(int algorithm, const struct ff_tls_datum *certificate, void *ret, size_t *n);
	int (*pem_base64_decode)(const char *header, const struct ff_tls_datum *text, unsigned char *ret, size_t *n);
	const char *(*strerror)(int code);
};

/** GnuTLS, opened once for all threads. FF_EABSENT where it is missing or too old. `FIRSTFIX_GNUTLS` names another
    library; empty: there is none. */
struct ff_error *ff_gnutls_open(const struct ff_gnutls **ret);

/** The whole of a PEM file, bounded. */
struct ff_error *ff_tls_read(const char *path, struct ff_buf *ret);

/** Credentials of a key and its certificate (both or neither), and of those who may vouch for the other side (NULL:
    nobody is added). `names` are the files', for the error. */
struct ff_error *ff_tls_credentials_make(const struct ff_buf *certificate, const struct ff_buf *key,
	const struct ff_buf *authorities, const char *names, ff_tls_credentials *ret);

/** The SHA-256 of a certificate, in hexadecimal digits. */
bool ff_tls_pin(const struct ff_tls_datum *certificate, char ret[FF_TLS_PIN_LEN]);

/** The same of the first certificate of a PEM text. */
bool ff_tls_pin_of_text(const struct ff_buf *text, char ret[FF_TLS_PIN_LEN]);

/** True when the other side showed a certificate that our authorities vouch for, and that is for `purpose` (the OID of
    an extended key usage) and, unless NULL, `host`. */
bool ff_tls_is_vouched_for(ff_tls_session session, const char *purpose, const char *host);

#define FF_TLS_FOR_CLIENTS "1.3.6.1.5.5.7.3.2"
#define FF_TLS_FOR_SERVERS "1.3.6.1.5.5.7.3.1"
