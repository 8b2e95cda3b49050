// The server around the handlers: listening, limits, checks, headers, answers.
//
//	GET /metrics HTTP/1.1
//	Host: 127.0.0.1:9464
//	Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5
//
// How the world lies: a client may send a byte a minute, a header that never ends, a body nobody asked for, or close
// its half and wait. A connection has 16 KiB for what it says and 10 s to say it, none where it can say no more; a
// stream that nobody reads stays in its own buffer.
#include "agent/http.h"

#include "agent/gate.h"
#include "agent/masked.h"
#include "agent/tls.h"
#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 128, PER_ADDRESS_MAX = 96, HEADERS_MAX = 16384, IDLE_S = 15, BACKLOG = 64 };
enum { TOO_LARGE = 413 }; // its name in microhttpd.h is another one from release to release
static const uint64_t say_within_ns = UINT64_C(10000000000), settled_ns = UINT64_C(300000000);

// One connection; `waits_ns` is since when we wait for a request, 0 while one is answered.
struct slot {
	int fd;
	uint64_t waits_ns;
};

struct ff_http {
	struct ff_http_options options;
	struct MHD_Daemon *daemon;
	struct ff_gate gate;
	struct ff_tls tls;
	char *token;
	char url[300];
	pthread_mutex_t lock; // of the slots
	struct slot slots[CONNECTIONS_MAX];
};

const char *ff_request_query(const struct ff_request *r, const char *name)
{
	const char *value = NULL;
	size_t n = 0;
	if (MHD_lookup_connection_value_n(r->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &n) !=
		MHD_YES)
		return NULL;
	return value ? value : ""; // "?verbose"
}

const char *ff_request_header(const struct ff_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

// The q of a media type in Accept, in thousandths; 0 where it is not named.
static int quality(const char *accept, const char *type)
{
	struct ff_span rest = ff_span_of(accept), entry, part;
	while (ff_span_next(&rest, ',', &entry)) {
		int q = 1000;
		if (!ff_span_next(&entry, ';', &part) || !ff_span_eq(ff_span_trim(part), type))
			continue;
		while (ff_span_next(&entry, ';', &part)) {
			char text[16];
			double value;
			part = ff_span_trim(part);
			snprintf(text, sizeof(text), "%.*s", part.n < 15 ? (int)part.n : 15, part.p ? part.p : "");
			if (sscanf(text, "q=%lf", &value) == 1)
				q = value >= 0 && value <= 1 ? (int)(value * 1000) : 0;
		}
		return q;
	}
	return 0;
}

bool ff_request_accepts(const struct ff_request *r, const char *type)
{
	static const char *const ours[] = {
		"text/plain", "text/html", "application/json", "application/openmetrics-text", "text/event-stream"};
	const char *accept = ff_request_header(r, MHD_HTTP_HEADER_ACCEPT);
	int wanted = accept ? quality(accept, type) : 0;
	for (size_t i = 0; wanted && i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(ours[i], type) != 0 && quality(accept, ours[i]) > wanted)
			return false;
	return wanted > 0;
}

void ff_answer_json(struct ff_answer *answer, const json_t *document)
{
	struct ff_error *err = ff_masked_text(document, &answer->body);
	answer->type = "application/json";
	if (err)
		answer->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	ff_error_destroy(err);
}

void ff_answer_error(struct ff_answer *answer, unsigned status, const char *format, ...)
{
	va_list ap;
	char text[512];
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	_cleanup_json_ json_t *document = json_pack("{s:o}", "error", ff_json_string(text, strlen(text)));
	ff_answer_json(answer, document);
	answer->status = status;
}

static const struct ff_route *route_of(const struct ff_http_options *options, const char *path)
{
	for (size_t i = 0; i < options->n_routes; i++) {
		const char *own = options->routes[i].path;
		size_t n = strlen(own);
		bool below = n > 1 && own[n - 1] == '/';
		if (below ? strncmp(own, path, n) == 0 && path[n] : strcmp(own, path) == 0)
			return &options->routes[i];
	}
	return NULL;
}

void ff_answer_headers(struct MHD_Response *response, const struct ff_answer *answer)
{
	const char *const headers[][2] = {
		{"Content-Type", answer->type ? answer->type : "text/plain; charset=utf-8"},
		{"Content-Security-Policy",
			answer->policy ? answer->policy : "default-src 'none'; frame-ancestors 'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cache-Control", "no-store"},
		{answer->header, answer->value},
	};
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (headers[i][0])
			MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct ff_answer *answer)
{
	struct MHD_Response *response = answer->made;
	if (answer->queued)
		return MHD_YES;
	if (answer->shared)
		return MHD_queue_response(connection, MHD_HTTP_OK, answer->shared);
	if (!response) {
		bool failed = answer->body.failed;
		size_t n = failed ? 0 : answer->body.n;
		response = MHD_create_response_from_buffer(
			n, n ? answer->body.p : (void *)"", n ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
		if (!response)
			return MHD_NO;
		if (n)
			answer->body = (struct ff_buf){0};
		if (failed)
			answer->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
		ff_answer_headers(response, answer);
	}
	enum MHD_Result result =
		MHD_queue_response(connection, answer->status ? answer->status : MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

static bool has_body(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
	return (length && strcmp(length, "0") != 0) ||
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding");
}

static bool takes(const struct ff_route *route, const char *method)
{
	if (route->flags & FF_CHANGES)
		return strcmp(method, "POST") == 0;
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

// By whether there is a token and an authority of clients.
static const char *const unknown_client[2][2] = {
	{"", "a client certificate of an authority that is trusted here is wanted"},
	{"a bearer token is wanted", "a bearer token or a client certificate is wanted"},
};

// What is wrong with a request before its handler sees it; true when it may pass.
static bool passes(struct ff_http *http, struct ff_request *r, const char *method, const struct ff_route *route,
	struct ff_answer *answer)
{
	const struct ff_gate_request headers = {ff_request_header(r, "Host"), ff_request_header(r, "Origin"),
		ff_request_header(r, "Authorization"), ff_request_header(r, "Sec-Fetch-Site")};
	const char *refused = ff_gate_refuses(&http->gate, &headers);
	r->trusted = ff_gate_trusts(&http->gate, headers.authorization) || ff_tls_trusts(&http->tls, r->connection);
	if (refused) {
		ff_answer_error(answer, MHD_HTTP_FORBIDDEN, "%s", refused);
	} else if (!r->trusted && !(route && route->flags & FF_FOR_ALL)) {
		ff_answer_error(answer, MHD_HTTP_UNAUTHORIZED, "%s",
			unknown_client[http->gate.token ? 1 : 0][http->gate.mutual]);
		answer->header = http->gate.token ? MHD_HTTP_HEADER_WWW_AUTHENTICATE : NULL;
		answer->value = "Bearer";
	} else if (!route) {
		ff_answer_error(
			answer, MHD_HTTP_NOT_FOUND, "nothing is at this path; /openapi.json lists what there is");
	} else if (!takes(route, method)) {
		answer->value = route->flags & FF_CHANGES ? "POST" : "GET, HEAD";
		ff_answer_error(answer, MHD_HTTP_METHOD_NOT_ALLOWED, "this path takes %s", answer->value);
		answer->header = MHD_HTTP_HEADER_ALLOW;
	} else if (route->flags & FF_CHANGES && !http->gate.token && !http->gate.mutual) {
		ff_answer_error(answer, MHD_HTTP_FORBIDDEN,
			"who changes something must show who he is: start it with --token-file or "
			"--tls-client-ca");
	} else if (has_body(r->connection)) {
		ff_answer_error(answer, TOO_LARGE, "a request has no body here");
	} else {
		return true;
	}
	return false;
}

static void set_busy(struct ff_http *http, struct MHD_Connection *connection, bool is)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct slot *slot = info ? info->socket_context : NULL;
	if (!slot)
		return;
	pthread_mutex_lock(&http->lock);
	slot->waits_ns = is ? 0 : ff_clock_ns();
	pthread_mutex_unlock(&http->lock);
}

// Called when the headers are here, and again where there is no body: an answer to the first call closes the connection
// behind it.
static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_n, void **seen)
{
	struct ff_http *http = cls;
	static int once;
	(void)version, (void)upload;
	if (!*seen) {
		*seen = &once;
		set_busy(http, connection, true);
		if (!has_body(connection))
			return MHD_YES;
	}
	*upload_n = 0;
	struct ff_answer answer = {0};
	struct ff_request request = {.owner = http->options.owner, .http = http, .connection = connection};
	const struct ff_route *route = route_of(&http->options, url);
	if (passes(http, &request, method, route, &answer)) {
		request.rest = url + strlen(route->path);
		route->handler(&request, &answer);
	}
	enum MHD_Result result = answer.later ? MHD_YES : send_answer(connection, &answer);
	ff_buf_deinit(&answer.body);
	return result;
}

static void completed(void *cls, struct MHD_Connection *connection, void **seen, enum MHD_RequestTerminationCode code)
{
	(void)seen, (void)code;
	set_busy(cls, connection, false);
}

static void connected(
	void *cls, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	struct ff_http *http = cls;
	pthread_mutex_lock(&http->lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		for (size_t i = 0; info && !*context && i < CONNECTIONS_MAX; i++) {
			if (http->slots[i].fd >= 0)
				continue;
			http->slots[i] = (struct slot){info->connect_fd, ff_clock_ns()};
			*context = &http->slots[i];
		}
	} else if (*context) {
		((struct slot *)*context)->fd = -1;
	}
	pthread_mutex_unlock(&http->lock);
}

// The client has closed its half: microhttpd is told of that once, along with the last bytes, and waits on.
static bool says_no_more(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void ff_http_tick(struct ff_http *http)
{
	uint64_t now = ff_clock_ns();
	pthread_mutex_lock(&http->lock);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct slot *s = &http->slots[i];
		uint64_t waited = s->fd >= 0 && s->waits_ns ? now - s->waits_ns : 0;
		if (waited > say_within_ns || (waited > settled_ns && says_no_more(s->fd)))
			shutdown(s->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&http->lock);
}

static struct ff_error *listen_on(const char *address, const char *host, const char *port, int *ret)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
	int code = getaddrinfo(host, port, &hints, &found), one = 1;
	if (code)
		return ff_error_create(FF_EUSAGE, "cannot listen on %s: %s", address, gai_strerror(code));
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	bool ok = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
	int error = errno;
	freeaddrinfo(found);
	if (ok) {
		*ret = fd;
		return NULL;
	}
	if (fd >= 0)
		close(fd);
	return error == EADDRINUSE ? ff_error_os(error, "cannot listen on %s, choose another with --listen", address)
				   : ff_error_os(error, "cannot listen on %s", address);
}

static void name_url(struct ff_http *http, int fd)
{
	struct sockaddr_storage at;
	socklen_t n = sizeof(at);
	char host[200] = "", port[16] = "";
	if (getsockname(fd, (struct sockaddr *)&at, &n) == 0)
		getnameinfo((struct sockaddr *)&at, n, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV);
	bool six = strchr(host, ':') != NULL;
	snprintf(http->url, sizeof(http->url), "http%s://%s%s%s:%s", http->tls.on ? "s" : "", six ? "[" : "", host,
		six ? "]" : "", port);
}

static struct ff_error *start_daemon(struct ff_http *http, int fd)
{
	struct MHD_OptionItem secure[FF_TLS_OPTIONS];
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (http->tls.on ? MHD_USE_TLS : 0);
	ff_tls_options(&http->tls, secure);
	http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, http, MHD_OPTION_ARRAY, secure,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, PER_ADDRESS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)HEADERS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, completed,
		http, MHD_OPTION_NOTIFY_CONNECTION, connected, http, MHD_OPTION_THREAD_STACK_SIZE, (size_t)256 << 10,
		MHD_OPTION_END);
	return http->daemon ? NULL : ff_error_create(FF_EOS, "the HTTP server does not start");
}

struct ff_error *ff_http_start(const struct ff_http_options *options, const char *token, struct ff_http **ret)
{
	const char *address = options->listen;
	char host[256], port[8];
	struct ff_tls tls = {0};
	int fd = -1;
	if (!ff_gate_address(address, host, port))
		return ff_error_create(FF_EUSAGE, "--listen wants ADDRESS:PORT, not '%s'", address);
	if (!ff_gate_is_loopback(host) && !token && !options->tls_client_ca && !options->insecure)
		return ff_error_create(FF_EDENIED,
			"%s can be reached by others: give a token (--token-file FILE or FIRSTFIX_TOKEN), an "
			"authority of clients (--tls-client-ca), or --insecure",
			address);
	struct ff_error *err = ff_tls_load(options, &tls);
	if (!err)
		err = listen_on(address, host, port, &fd);
	if (err) {
		ff_tls_deinit(&tls);
		return err;
	}
	struct ff_http *http = calloc(1, sizeof(*http));
	if (!http) {
		close(fd);
		ff_tls_deinit(&tls);
		return &ff_enomem;
	}
	http->tls = tls;
	http->gate.mutual = tls.mutual;
	http->options = *options;
	http->token = token ? strdup(token) : NULL;
	http->gate.token = http->token;
	gethostname(http->gate.machine, sizeof(http->gate.machine) - 1);
	pthread_mutex_init(&http->lock, NULL);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		http->slots[i].fd = -1;
	name_url(http, fd);
	err = start_daemon(http, fd);
	if (err) {
		close(fd);
		ff_http_stop(http);
		return err;
	}
	*ret = http;
	return NULL;
}

const struct ff_http_options *ff_http_options(const struct ff_http *http)
{
	return &http->options;
}

const char *ff_http_url(const struct ff_http *http)
{
	return http->url;
}

const char *ff_http_pin(const struct ff_http *http)
{
	return http->tls.pin;
}

void ff_http_stop(struct ff_http *http)
{
	if (!http)
		return;
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	pthread_mutex_destroy(&http->lock);
	free(http->token);
	ff_tls_deinit(&http->tls);
	free(http);
}
