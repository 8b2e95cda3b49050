// TLS of the server, which libmicrohttpd speaks: files of the options are read and tried before it starts, because it
// says nothing of what is wrong with them.
//
//	--tls-cert worker.pem --tls-key worker.key --tls-client-ca clients.pem
//
// How the world lies: a kubelet shows no certificate, so one is asked for and never demanded by the handshake; what is
// shown may be out of date, of another authority, or a server's.
#include "agent/tls.h"

#include "base/str.h"

#include <stdio.h>

struct ff_error *ff_tls_load(const struct ff_http_options *o, struct ff_tls *ret)
{
	const struct ff_gnutls *lib = NULL;
	struct ff_tls tls = {.on = o->tls_cert || o->tls_key, .mutual = o->tls_client_ca};
	char names[512];
	ff_tls_credentials tried = NULL;
	if (!tls.on && !tls.mutual)
		return NULL;
	if (!o->tls_cert || !o->tls_key)
		return ff_error_create(FF_EUSAGE, "TLS wants both --tls-cert and --tls-key");
	struct ff_error *err = ff_gnutls_open(&lib);
	if (!err)
		err = ff_tls_bind();
	if (!err)
		err = ff_tls_read(o->tls_cert, &tls.certificate);
	if (!err)
		err = ff_tls_read(o->tls_key, &tls.key);
	if (!err && tls.mutual)
		err = ff_tls_read(o->tls_client_ca, &tls.client_ca);
	snprintf(names, sizeof(names), "%s, %s", o->tls_cert, o->tls_key);
	if (!err)
		err = ff_tls_credentials_make(&tls.certificate, &tls.key, NULL, names, &tried);
	if (!err) {
		lib->certificate_free_credentials(tried);
		tried = NULL;
	}
	if (!err && tls.mutual)
		err = ff_tls_credentials_make(NULL, NULL, &tls.client_ca, o->tls_client_ca, &tried);
	if (tried)
		lib->certificate_free_credentials(tried);
	if (!err && !ff_tls_pin_of_text(&tls.certificate, tls.pin))
		err = ff_error_create(FF_EUSAGE, "%s: begins with no certificate", o->tls_cert);
	if (err) {
		ff_tls_deinit(&tls);
		return err;
	}
	*ret = tls;
	return NULL;
}

void ff_tls_deinit(struct ff_tls *tls)
{
	if (tls->key.p)
		explicit_bzero(tls->key.p, tls->key.n);
	ff_buf_deinit(&tls->certificate);
	ff_buf_deinit(&tls->key);
	ff_buf_deinit(&tls->client_ca);
	*tls = (struct ff_tls){0};
}

void ff_tls_options(const struct ff_tls *tls, struct MHD_OptionItem ret[FF_TLS_OPTIONS])
{
	static const char priorities[] = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1:-VERS-DTLS-ALL";
	size_t n = 0;
	if (tls->on) {
		ret[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate.p};
		ret[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key.p};
		ret[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)priorities};
	}
	if (tls->mutual)
		ret[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, tls->client_ca.p};
	ret[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

bool ff_tls_trusts(const struct ff_tls *tls, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		tls->mutual ? MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION) : NULL;
	return info && info->tls_session && ff_tls_is_vouched_for(info->tls_session, FF_TLS_FOR_CLIENTS, NULL);
}
