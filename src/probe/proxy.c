// system.proxy: a proxy (or a hub of one's own) on this machine that a variable names and where nothing listens.
//
//	https_proxy=http://127.0.0.1:3128, and no line of /proc/net/tcp with port 0C38 in state 0A (listening)
//	{"system": {"proxy": {"variable": "https_proxy", "port": 3128, "listening": false,
//	                      "variables": ["https_proxy", "HTTP_PROXY"]}}}  (all that lead to where nothing listens)
//
// How the source lies: another machine's proxy cannot be asked without a packet, so nothing is said of it; in another
// network namespace the same address is another place, which is why the worker's own /proc/PID/net is read.
#include "parse/chars.h"
#include "parse/proc_fields.h"
#include "probe/probe.h"

enum { TABLE_MAX = 8 << 20 };

// The port of an address of this machine: "http://user:pw@127.0.0.1:3128/", "localhost:3128"; 0 for every other.
static uint64_t local_port(const char *address)
{
	static const char *const hosts[] = {"127.", "localhost:", "[::1]:"};
	const char *scheme = strstr(address, "://"), *host = scheme ? scheme + 3 : address;
	size_t n = strcspn(host, "/");
	const char *at = memrchr(host, '@', n);
	struct ff_span rest = {at ? at + 1 : host, at ? (size_t)(host + n - at) - 1 : n}, port;
	bool local = false;
	uint64_t number = 0;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		local |= ff_span_starts(rest, hosts[i]);
	const char *colon = local ? memrchr(rest.p, ':', rest.n) : NULL;
	if (!colon)
		return 0;
	port = (struct ff_span){colon + 1, (size_t)(rest.p + rest.n - colon) - 1};
	return ff_span_u64(port, &number) && number < 65536 ? number : 0;
}

// False when it is not known.
static bool is_dead(struct ff_probe_ctx *ctx, uint64_t port)
{
	static const char *const tables[] = {"net/tcp", "net/tcp6"};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		_cleanup_free_ char *text = NULL;
		size_t n;
		_cleanup_error_ struct ff_error *err =
			ff_host_read_process(ctx->host, 0, tables[i], TABLE_MAX, &text, &n);
		if (err && i == 0)
			return false;
		if (!err && ff_tcp_listens((struct ff_span){text, n}, port, NULL))
			return false;
	}
	return true;
}

static uint64_t dead_port(struct ff_probe_ctx *ctx, const char *name)
{
	const char *value = ff_host_getenv(ctx->host, name);
	uint64_t port = value ? local_port(value) : 0;
	return port && is_dead(ctx, port) ? port : 0;
}

// One that is left would be taken in the others' place, so all that lead nowhere are told. What is fetched is fetched
// by https: of http_proxy alone nothing is said.
void ff_probe_proxy(struct ff_probe_ctx *ctx)
{
	static const char *const names[] = {
		"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "HF_ENDPOINT", "http_proxy", "HTTP_PROXY"};
	enum { N = sizeof(names) / sizeof(names[0]), HTTPS = 5 };
	bool known = false;
	for (size_t i = 0; i < (known ? N : HTTPS); i++) {
		uint64_t port = dead_port(ctx, names[i]);
		if (port)
			ff_fact_append(ctx, "system.proxy.variables", json_string(names[i]));
		if (!port || known)
			continue;
		known = true;
		ff_fact_text(ctx, "system.proxy.variable", names[i]);
		ff_fact_int(ctx, "system.proxy.port", (int64_t)port);
		ff_fact_bool(ctx, "system.proxy.listening", false);
	}
}
