// system.network.alone: no network interface but the loopback is here, so nothing can be fetched from elsewhere.
//
//	/sys/class/net holds "lo"          {"system": {"network": {"alone": true}}}
//	/sys/class/net holds "eth0", "lo"  nothing
//
// How the source lies: an interface that is there need not lead anywhere, so only the lack of one is told; a module's
// switch (bonding_masters) stands among the interfaces; a sandbox may show no /sys at all.
#include "probe/probe.h"

enum { ENTRIES_MAX = 256 };

void ff_probe_network(struct ff_probe_ctx *ctx)
{
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *err = ff_host_list(ctx->host, "/sys/class/net", ENTRIES_MAX, &names);
	size_t others = 0, loops = 0;
	for (size_t i = 0; !err && i < names.n; i++) {
		loops += strcmp(names.names[i], "lo") == 0;
		others += strcmp(names.names[i], "lo") != 0 && strcmp(names.names[i], "bonding_masters") != 0;
	}
	if (loops && !others)
		ff_fact_bool(ctx, "system.network.alone", true);
}
