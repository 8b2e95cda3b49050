// firstfix-agent: watches a worker from beside it and tells how it is. `firstfix agent` and the supervisor execute it.
//
// Nobody waits for it and it may die at any time: what it counted lies in a file (tally.h), what happened in the lanes.
// One loop: a look at everything four times a second; between two looks it sleeps on the supervisor's pipe and its
// signals.
#include "agent/agent.h"
#include "agent/answers.h"
#include "agent/documents.h"
#include "agent/export.h"
#include "agent/make.h"
#include "agent/token.h"

#include "base/clock.h"
#include "base/complain.h"
#include "base/io.h"
#include "base/safedir.h"
#include "base/signals.h"
#include "base/statedir.h"
#include "emit/redact.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

enum { HELPER_FD = 3, LOOK_MS = 250, LINE_MAX_ = 256, AGAIN_MS = 2000, ONCE_MS = 400, END_MS = 2500, CATCH_UP_MS = 20 };

static struct ff_agent the;

static void say_error(struct ff_error *err)
{
	ff_complain("firstfix agent: %s", err->message);
	ff_error_destroy(err);
}

static void name_it(struct ff_agent *a)
{
	if (a->options.run)
		snprintf(a->name, sizeof(a->name), "%.48s", a->options.run);
	else if (a->root)
		snprintf(a->name, sizeof(a->name), "pid-%d-%llu", (int)a->root, (unsigned long long)a->root_ticks);
	else
		snprintf(a->name, sizeof(a->name), "all");
	for (char *c = a->name; *c; c++)
		if (*c == '/' || *c == '.')
			*c = '_';
}

static struct ff_error *open_files(struct ff_agent *a)
{
	_cleanup_free_ char *dir = NULL, *own = NULL;
	struct ff_error *err = ff_statedir_make(a->options.dir, NULL, &dir);
	if (!err)
		err = ff_statedir_make(a->options.dir, "agent", &own);
	if (err)
		return err;
	if (snprintf(a->dir, sizeof(a->dir), "%s", dir) >= (int)sizeof(a->dir))
		return ff_error_os(ENAMETOOLONG, "%s", dir);
	name_it(a);
	if (a->options.health_once)
		snprintf(a->name, sizeof(a->name), "once-%d", (int)getpid());
	err = ff_tally_open_file(own, a->name, &a->tally);
	if (err)
		return err;
	a->events_since_ns = a->root_began_epoch_ns > 2 * UINT64_C(1000000000)
		? a->root_began_epoch_ns - 2 * UINT64_C(1000000000)
		: 0;
	return ff_events_open(
		&(struct ff_events_options){.dir = a->dir, .follow = true, .since_ns = a->events_since_ns}, &a->events);
}

// Lines of the supervisor. False when it is gone.
static bool hear(struct ff_agent *a)
{
	static char text[LINE_MAX_];
	static size_t n;
	ssize_t got = read(STDIN_FILENO, text + n, sizeof(text) - 1 - n);
	if (got <= 0)
		return got < 0 && (errno == EAGAIN || errno == EINTR);
	n += (size_t)got;
	text[n] = '\0';
	for (char *end; (end = strchr(text, '\n'));) {
		*end = '\0';
		ff_agent_hear(a, text);
		n -= (size_t)(end + 1 - text);
		memmove(text, end + 1, n + 1);
	}
	if (n == sizeof(text) - 1)
		n = 0;
	return true;
}

// First of all what was recorded while no agent was there: a lane overwrites what nobody has come to read.
static void catch_up(struct ff_agent *a)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	if (a->options.run && poll(&in, 1, CATCH_UP_MS) > 0)
		hear(a);
	ff_agent_take_events(a);
}

struct ff_error *ff_agent_open(struct ff_agent *a)
{
	pthread_mutex_init(&a->lock, NULL);
	a->began_ns = a->progress_ns = ff_clock_ns();
	a->began_epoch_ns = ff_clock_epoch_ns();
	a->known = calloc(FF_KNOWN_LANES, sizeof(*a->known));
	if (!a->known)
		return &ff_enomem;
	if (a->options.pid) {
		if (!ff_proc_lives(a->options.pid, 0, NULL))
			return ff_error_create(FF_EUSAGE, "no process %d", a->options.pid);
		ff_agent_set_root(a, a->options.pid);
	}
	if (a->options.run)
		a->supervision = FF_SUP_STARTING;
	a->since_epoch_ns = a->since_epoch_ns ? a->since_epoch_ns : ff_clock_epoch_ns();
	struct ff_error *err = open_files(a);
	if (err)
		return err;
	catch_up(a);
	ff_gpu_start(&a->gpu, a->began_ns);
	if (a->options.health_once)
		return NULL;
	err = ff_memory_open(a);
	if (err) // no profile then; all else goes on
		say_error(err);
	return NULL;
}

// What is ours in the folder and does not outlive us.
static void leave_folder(struct ff_agent *a)
{
	char path[PATH_MAX + 128];
	snprintf(path, sizeof(path), "%s/agent/%s.url", a->dir, a->name);
	unlink(path);
	snprintf(path, sizeof(path), "%s/agent/%s.tally", a->dir, a->name);
	if (a->options.health_once)
		unlink(path);
	ff_gpu_stop(&a->gpu);
}

// Where `firstfix health` finds us.
static void leave_address(const struct ff_agent *a)
{
	char path[PATH_MAX + 128], text[500];
	_cleanup_new_file_ struct ff_new_file file = {.fd = -1};
	snprintf(path, sizeof(path), "%s/agent/%s.url", a->dir, a->name);
	int n = snprintf(text, sizeof(text), "%s %d %s\n", ff_http_url(a->http), (int)getpid(), ff_http_pin(a->http));
	struct ff_error *err = ff_new_file_open(path, &file);
	if (!err)
		err = ff_write_all(file.fd, path, text, (size_t)n);
	if (!err)
		err = ff_new_file_commit(&file, 0600);
	if (err)
		say_error(err);
}

static struct ff_error *serve(struct ff_agent *a)
{
	static bool said;
	static char token[FF_TOKEN_MAX];
	const struct ff_agent_options *o = &a->options;
	const struct ff_http_options options = {.program = "firstfix agent",
		.about = "How a GPU worker is.",
		.listen = o->listen ? o->listen : "127.0.0.1:9464",
		.tls_cert = o->tls_cert,
		.tls_key = o->tls_key,
		.tls_client_ca = o->tls_client_ca,
		.insecure = o->insecure,
		.routes = ff_routes,
		.n_routes = ff_route_count,
		.owner = a,
		.told = ff_told_of_health};
	struct ff_error *err = token[0] ? NULL : ff_token_read(o->token_file, token);
	if (!err)
		err = ff_http_start(&options, token[0] ? token : NULL, &a->http);
	if (err)
		return err;
	leave_address(a);
	if (!said && !getenv("FIRSTFIX_AGENT_AGAIN"))
		ff_complain("firstfix agent: %s", ff_http_url(a->http));
	said = true;
	return NULL;
}

// Until a signal or the end of the supervisor asks to stop.
static void watch(struct ff_agent *a, int signals)
{
	struct pollfd fds[2] = {
		{.fd = signals, .events = POLLIN}, {.fd = a->options.run ? STDIN_FILENO : -1, .events = POLLIN}};
	uint64_t next = 0, again = ff_clock_ns() + AGAIN_MS * UINT64_C(1000000);
	for (;;) {
		uint64_t now = ff_clock_ns();
		if (now >= next) {
			ff_agent_look(a);
			next = now + LOOK_MS * UINT64_C(1000000);
		}
		if (!a->http && now >= again) { // somebody else had the port
			ff_error_destroy(serve(a));
			again = now + AGAIN_MS * UINT64_C(1000000);
		}
		now = ff_clock_ns();
		poll(fds, 2, next > now ? (int)((next - now) / 1000000) + 1 : 0);
		if (fds[0].revents || (fds[1].revents && !hear(a)))
			return;
	}
}

// Two looks, a moment apart, and the verdict on standard output.
static int say_health(struct ff_agent *a)
{
	_cleanup_buf_ struct ff_buf line = {0};
	ff_agent_look(a);
	poll(NULL, 0, ONCE_MS);
	a->looked_ns = 0;
	ff_agent_look(a);
	ff_error_destroy(ff_share_text(ff_span_of(a->health.why), "health", NULL, &line));
	printf("%s: %s\n", ff_state_names[a->health.state], line.n ? line.p : "");
	return a->health.live ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct ff_agent *a = &the;
	ff_complain_as_asked();
	if (!ff_agent_options_parse(argc, argv, &a->options))
		return 2;
	if (a->options.gpu_helper)
		return ff_gpu_helper(HELPER_FD);
	int signals = ff_signals_of_end();
	struct ff_error *err = ff_agent_open(a);
	if (!err && a->options.health_once) {
		int code = say_health(a);
		leave_folder(a);
		return code;
	}
	if (!err)
		err = ff_documents_start(ff_agent_documents, a);
	if (!err)
		err = ff_incidents_start(a);
	if (!err)
		err = ff_export_start(a);
	if (!err) {
		ff_agent_look(a); // who asks at once is told of a worker that was looked at
		err = serve(a);
	}
	if (err && a->options.run && a->events && err->errnum == EADDRINUSE) { // the worker runs on, and so do we
		say_error(err);
		err = NULL;
	}
	if (err) {
		say_error(err);
		return 2;
	}
	watch(a, signals);
	ff_export_end(END_MS);
	leave_folder(a);
	_exit(0); // connections that wait for something go with us
}
