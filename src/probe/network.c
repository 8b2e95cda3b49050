// system.network.interfaces: the network interfaces of the worker's own network namespace.
//
//	/proc/self/net/dev   "    lo: 1296 12 ..."     {"system": {"network": {"interfaces": ["lo", "eth0"]}}}
//	                     "  eth0: 90210 77 ..."
//
// How the source lies: /sys/class/net shows the namespace of whoever mounted /sys, which need not be this one; an
// interface that is there need not lead anywhere, but where only the loopback is, nothing comes from elsewhere.
#include "parse/proc_fields.h"
#include "probe/probe.h"

enum { TABLE_MAX = 1 << 20, INTERFACES_MAX = 4096 };

void ff_probe_network(struct ff_probe_ctx *ctx)
{
	_cleanup_free_ char *text = NULL;
	size_t n, found = 0;
	_cleanup_error_ struct ff_error *err = ff_host_read_process(ctx->host, 0, "net/dev", TABLE_MAX, &text, &n);
	if (err)
		return; // no /proc, or a namespace that may not be read: nothing is known
	struct ff_span table = {text, n}, name;
	while (found++ < INTERFACES_MAX && ff_net_dev_next(&table, &name))
		ff_fact_append(ctx, "system.network.interfaces", ff_json_string(name.p, name.n));
}
