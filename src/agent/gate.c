// The checks of Host, Origin and Authorization.
//
//	Host: 127.0.0.1:9464	Origin: http://127.0.0.1:9464	Authorization: Bearer c2VjcmV0
//
// How the world lies: a page of evil.example can let its name resolve to 127.0.0.1 and then reads from us as its own
// origin; its requests carry its name in Host. A program (curl, Prometheus, kubelet) sends no Origin at all.
#include "agent/gate.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { TOKEN_MAX = 512 };

// The name in a Host header, without its port and brackets.
static bool host_name(const char *host, char ret[256])
{
	const char *end = host[0] == '[' ? strchr(host, ']') : host + strcspn(host, ":");
	const char *begin = host[0] == '[' ? host + 1 : host;
	if (!end || end < begin || end - begin >= 256 || end == begin)
		return false;
	const char *port = *end == ']' ? end + 1 : end;
	if (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")]))
		return false;
	memcpy(ret, begin, (size_t)(end - begin));
	ret[end - begin] = '\0';
	return true;
}

static bool is_address(const char *name)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool is_ours(const struct ff_gate *gate, const char *name)
{
	return is_address(name) || strcasecmp(name, "localhost") == 0 ||
		(gate->machine[0] && strcasecmp(name, gate->machine) == 0);
}

static bool same_origin(const char *origin, const char *host)
{
	const char *at = strstr(origin, "://");
	return at && strcasecmp(at + 3, host) == 0;
}

const char *ff_gate_refuses(const struct ff_gate *gate, const struct ff_gate_request *r)
{
	char name[256];
	if (!r->host || !host_name(r->host, name))
		return "no usable Host header";
	if (!gate->token && !gate->mutual && !is_ours(gate, name))
		return "Host is neither an address nor this machine's name";
	if (r->origin && !same_origin(r->origin, r->host))
		return "a page of another origin asks";
	if (r->fetch_site && strcmp(r->fetch_site, "cross-site") == 0 && !gate->token)
		return "a page of another site asks";
	return NULL;
}

bool ff_gate_trusts(const struct ff_gate *gate, const char *authorization)
{
	static const char scheme[] = "Bearer ";
	char given[TOKEN_MAX] = "", wanted[TOKEN_MAX] = "";
	if (!gate->token)
		return !gate->mutual;
	bool bearer = authorization && strncasecmp(authorization, scheme, strlen(scheme)) == 0;
	snprintf(given, sizeof(given), "%s", bearer ? authorization + strlen(scheme) : "");
	snprintf(wanted, sizeof(wanted), "%s", gate->token);
	volatile unsigned char differ = (unsigned char)!bearer;
	for (size_t i = 0; i < TOKEN_MAX; i++)
		differ |= (unsigned char)(given[i] ^ wanted[i]);
	return differ == 0;
}

bool ff_gate_address(const char *text, char ret_host[256], char ret_port[8])
{
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	size_t n = strlen(port), digits = strspn(port, "0123456789");
	if (!n || n != digits || n > 5 || atoi(port) > 65535)
		return false;
	memcpy(ret_port, port, n + 1); // at most 5 digits and the end
	struct ff_span host = {text, colon ? (size_t)(colon - text) : 0};
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = (struct ff_span){host.p + 1, host.n - 2};
	else if (host.n && memchr(host.p, ':', host.n))
		return false; // an address of version 6 wants its brackets
	if (host.n >= 256)
		return false;
	snprintf(ret_host, 256, "%.*s", host.n ? (int)host.n : 9, host.n ? host.p : "127.0.0.1");
	return true;
}

bool ff_gate_is_loopback(const char *host)
{
	struct in_addr four;
	struct in6_addr six;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcasecmp(host, "localhost") == 0;
}
