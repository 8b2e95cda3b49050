// GnuTLS where libmicrohttpd is a library of the system: that brings its own (tls_late.c is for all others).
#include "agent/tls.h"

struct ff_error *ff_tls_bind(void)
{
	return MHD_is_feature_supported(MHD_FEATURE_TLS) == MHD_YES
		? NULL
		: ff_error_create(FF_EABSENT, "this system's libmicrohttpd was built without TLS");
}
