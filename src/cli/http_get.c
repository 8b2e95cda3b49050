// A client for one request: connects, asks with "Connection: close", reads to the end under one deadline.
//
//	GET /livez HTTP/1.0
//	Host: 127.0.0.1:9464
#include "cli/http_get.h"

#include "cli/tls_client.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_MAX = 4 << 20 };

struct target {
	char host[256], port[8], path[1024];
	bool six, secure;
};

struct link {
	int fd;
	struct ff_tls_client tls;
};

static struct ff_error *take_apart(const char *url, struct target *ret)
{
	struct target t = {.secure = ff_starts(url, "https://")};
	if (!t.secure && !ff_starts(url, "http://"))
		return ff_error_create(FF_EUSAGE, "%s: wants http://HOST:PORT or https://HOST:PORT", url);
	const char *at = strstr(url, "://") + 3;
	snprintf(t.port, sizeof(t.port), "%s", t.secure ? "443" : "80");
	size_t n = strcspn(at, "/?#");
	struct ff_span place = {at, n};
	const char *bracket = place.n && place.p[0] == '[' ? memchr(place.p, ']', place.n) : NULL;
	const char *colon = bracket ? (bracket + 1 < at + n && bracket[1] == ':' ? bracket + 1 : NULL)
				    : memchr(place.p, ':', place.n);
	struct ff_span host = bracket ? (struct ff_span){place.p + 1, (size_t)(bracket - place.p - 1)}
				      : (struct ff_span){place.p, colon ? (size_t)(colon - place.p) : place.n};
	if (!host.n || host.n >= sizeof(t.host) || strlen(at + n) >= sizeof(t.path) || strpbrk(at, " \r\n\t@"))
		return ff_error_create(FF_EUSAGE, "%s: wants http://HOST:PORT", url);
	t.six = bracket != NULL;
	snprintf(t.host, sizeof(t.host), "%.*s", (int)host.n, host.p);
	if (colon &&
		snprintf(t.port, sizeof(t.port), "%.*s", (int)(at + n - colon - 1), colon + 1) >= (int)sizeof(t.port))
		return ff_error_create(FF_EUSAGE, "%s: no such port", url);
	snprintf(t.path, sizeof(t.path), "%s", at[n] ? at + n : "/");
	*ret = t;
	return NULL;
}

static bool wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = events};
	uint64_t now = ff_clock_ns();
	return now < deadline_ns && poll(&p, 1, (int)((deadline_ns - now) / 1000000) + 1) > 0;
}

static struct ff_error *connect_to(const struct target *t, uint64_t deadline_ns, int *ret)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	int code = getaddrinfo(t->host, t->port, &hints, &found), failed = ECONNREFUSED;
	if (code)
		return ff_error_create(FF_EABSENT, "%s: %s", t->host, gai_strerror(code));
	for (const struct addrinfo *a = found; a; a = a->ai_next) {
		_cleanup_close_ int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		socklen_t n = sizeof(failed);
		if (fd < 0 || (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)) {
			failed = errno;
			continue;
		}
		failed = ETIMEDOUT;
		if (wait_for(fd, POLLOUT, deadline_ns) && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n) == 0 &&
			failed == 0) {
			*ret = ff_take_fd(&fd);
			break;
		}
	}
	freeaddrinfo(found);
	return failed ? ff_error_os(failed, "%s:%s", t->host, t->port) : NULL;
}

static ssize_t receive(struct link *link, void *bytes, size_t n)
{
	return link->tls.session ? ff_tls_client_recv(&link->tls, bytes, n) : recv(link->fd, bytes, n, 0);
}

static ssize_t say(struct link *link, const struct ff_buf *text)
{
	return link->tls.session ? ff_tls_client_send(&link->tls, text->p, text->n)
				 : send(link->fd, text->p, text->n, MSG_NOSIGNAL);
}

static struct ff_error *read_all(struct link *link, const char *url, uint64_t deadline_ns, struct ff_buf *ret)
{
	char bytes[16384];
	while (ret->n < ANSWER_MAX) {
		ssize_t n = receive(link, bytes, sizeof(bytes));
		if (n < 0 && errno == EAGAIN && !wait_for(link->fd, POLLIN, deadline_ns))
			return ff_error_create(FF_ETIMEOUT, "%s: no answer in time", url);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return ff_error_os(errno, "%s", url);
		if (n == 0)
			break;
		ff_buf_add(ret, bytes, (size_t)n);
	}
	return ret->failed ? &ff_enomem : NULL;
}

static struct ff_error *ask(struct link *link, const struct target *t, const char *url, const struct ff_http_who *who,
	uint64_t deadline, struct ff_buf *answer)
{
	_cleanup_buf_ struct ff_buf question = {0};
	struct ff_error *err = t->secure ? ff_tls_client_open(link->fd, t->host, who, deadline, &link->tls) : NULL;
	if (err)
		return err;
	ff_buf_printf(&question, "GET %s HTTP/1.0\r\nHost: %s%s%s:%s\r\n", t->path, t->six ? "[" : "", t->host,
		t->six ? "]" : "", t->port);
	if (who->token && !strpbrk(who->token, "\r\n"))
		ff_buf_printf(&question, "Authorization: Bearer %s\r\n", who->token);
	ff_buf_str(&question, "\r\n");
	if (question.failed)
		return &ff_enomem;
	if (say(link, &question) != (ssize_t)question.n)
		return ff_error_os(errno, "%s", url);
	return read_all(link, url, deadline, answer);
}

struct ff_error *ff_http_get(
	const char *url, const struct ff_http_who *who, unsigned deadline_ms, unsigned *ret_status, struct ff_buf *ret)
{
	struct target t = {0};
	struct link link = {.fd = -1};
	_cleanup_buf_ struct ff_buf answer = {0};
	uint64_t deadline = ff_clock_ns() + deadline_ms * UINT64_C(1000000);
	unsigned status;
	struct ff_error *err = take_apart(url, &t);
	if (!err)
		err = connect_to(&t, deadline, &link.fd);
	if (err)
		return err;
	err = ask(&link, &t, url, who, deadline, &answer);
	ff_tls_client_close(&link.tls);
	close(link.fd);
	if (err)
		return err;
	const char *body = answer.p ? strstr(answer.p, "\r\n\r\n") : NULL;
	if (!body || sscanf(answer.p, "HTTP/1.%*1[01] %3u", &status) != 1)
		return ff_error_create(FF_EFORMAT, "%s: this is no HTTP server", url);
	ff_buf_add(ret, body + 4, answer.n - (size_t)(body + 4 - answer.p));
	*ret_status = status;
	return ret->failed ? &ff_enomem : NULL;
}

static const char *named(const char *variable)
{
	const char *value = getenv(variable);
	return value && *value ? value : NULL;
}

struct ff_http_who ff_http_who(void)
{
	return (struct ff_http_who){named("FIRSTFIX_TOKEN"), named("FIRSTFIX_TLS_CA"), named("FIRSTFIX_CLIENT_CERT"),
		named("FIRSTFIX_CLIENT_KEY"), named("FIRSTFIX_TLS_PIN")};
}
