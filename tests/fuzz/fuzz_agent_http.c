// What a stranger can send to the agent's port: bytes as they are, to the real server with its limits, gate, router and
// handlers, once where a token is wanted and once where none is. Who shows no token must learn nothing, and no request
// may take the server down or leave it without an answer to the next one.
#include "agent/agent.h"
#include "agent/answers.h"
#include "agent/documents.h"
#include "agent/make.h"
#include "base/statedir.h"
#include "firstfix/event.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVERS = 2, REPLY_MAX = 1 << 20, QUIET_MS = 50, ANSWER_MS = 30000 };

static struct ff_agent agents[SERVERS];
static char folder[] = "/tmp/fuzz-agent-XXXXXX";
static char reply[REPLY_MAX + 1];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static void clean_up(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void must(struct ff_error *err)
{
	if (!err)
		return;
	fprintf(stderr, "%s\n", err->message);
	abort();
}

static void start(struct ff_agent *a, const char *name, const char *token)
{
	_cleanup_free_ char *own = NULL;
	a->options = (struct ff_agent_options){.dir = folder, .listen = "127.0.0.1:0"};
	snprintf(a->dir, sizeof(a->dir), "%s", folder);
	snprintf(a->name, sizeof(a->name), "%s", name);
	pthread_mutex_init(&a->lock, NULL);
	must(ff_statedir_make(folder, "agent", &own));
	must(ff_tally_open_file(own, name, &a->tally));
	must(ff_events_open(&(struct ff_events_options){.dir = folder, .follow = true}, &a->events));
	must(ff_http_start(&(struct ff_http_options){.program = "firstfix agent",
				   .about = "How a GPU worker is.",
				   .listen = a->options.listen,
				   .routes = ff_routes,
				   .n_routes = ff_route_count,
				   .owner = a},
		token, &a->http));
}

static void start_both(void)
{
	setenv("FIRSTFIX_TOOL", "/nonexistent", 1); // reports are made by a program
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder))
		abort();
	must(ff_documents_start(ff_agent_documents, &agents[0]));
	start(&agents[0], "wants-a-token", "secret");
	start(&agents[1], "open", NULL);
	atexit(clean_up);
}

static int connect_to(const struct ff_agent *a)
{
	const char *colon = strrchr(ff_http_url(a->http), ':');
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(colon + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		abort(); // it listens no more
	return fd;
}

// All that is answered until the connection is closed or, of half a request or a stream, nothing more comes.
static size_t ask(const struct ff_agent *a, const uint8_t *data, size_t n, int first_ms)
{
	size_t got = 0;
	int fd = connect_to(a);
	for (size_t sent = 0; sent < n;) {
		ssize_t more = send(fd, data + sent, n - sent, MSG_NOSIGNAL);
		if (more <= 0)
			break; // it has heard enough
		sent += (size_t)more;
	}
	while (got < REPLY_MAX) {
		struct pollfd in = {.fd = fd, .events = POLLIN};
		ssize_t more =
			poll(&in, 1, got ? QUIET_MS : first_ms) > 0 ? recv(fd, reply + got, REPLY_MAX - got, 0) : 0;
		if (more <= 0)
			break;
		got += (size_t)more;
	}
	close(fd);
	reply[got] = '\0';
	return got;
}

static void check(size_t got, bool may_know)
{
	static const char *const told[] = {"# TYPE", "\"schema\"", "\"openapi\""};
	if (got && strncmp(reply, "HTTP/1.", 7) != 0)
		abort();
	if (got > 12 && reply[9] == '5' && !strstr(reply, " 503 ") && !strstr(reply, " 501 ") &&
		!strstr(reply, " 505 "))
		abort();
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]) && !may_know; i++)
		if (memmem(reply, got, told[i], strlen(told[i])))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char well[] = "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
	static bool started;
	if (!started)
		start_both();
	started = true;
	for (size_t i = 0; i < SERVERS; i++) {
		check(ask(&agents[i], data, n, QUIET_MS), i == 1 || memmem(data, n, "secret", 6));
		if (!ask(&agents[i], (const uint8_t *)well, sizeof(well) - 1, ANSWER_MS) ||
			strncmp(reply, "HTTP/1.1 ", 9) != 0)
			abort();
	}
	return 0;
}
