// system.os, kernel, arch: /etc/os-release and uname.
//
//	{"system": {"os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"}, "kernel": "6.1.0"}}
#include "probe/probe.h"

#include <sys/utsname.h>

void ff_probe_os(struct ff_probe_ctx *ctx)
{
	struct utsname u;
	if (ff_host_is_captured(ctx->host) || uname(&u) < 0)
		return;
	ff_fact_text(ctx, "system.kernel", u.release);
	ff_fact_text(ctx, "system.arch", u.machine);
}
