// firstfix-fleet: serves the page of a fleet. `firstfix fleet serve` executes it, with its options as --name=VALUE.
//
//	firstfix-fleet --database=/var/lib/firstfix/fleet.db --listen=127.0.0.1:9465
//
// It only reads. Questions are answered by one thread, one after the other; the server's thread never waits for them.
#include "serve/serve.h"

#include "agent/token.h"
#include "base/complain.h"
#include "base/signals.h"
#include "base/str.h"

#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 1000 };

static const struct {
	const char *name;
	size_t offset;
	bool is_text;
} rows[] = {
#define TEXT true
#define FLAG false
#define OPTION(name, kind, member, preset, argument, help) {name, offsetof(struct ff_serve, options.member), kind},
#include "serve/options.def"
#undef OPTION
	{"database", offsetof(struct ff_serve, database), TEXT},
	{"clickhouse", offsetof(struct ff_serve, clickhouse), TEXT},
};

static bool take(struct ff_serve *serve, const char *word)
{
	size_t n = strcspn(word, "=");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strlen(rows[i].name) != n || strncmp(rows[i].name, word, n) != 0)
			continue;
		void *member = (char *)serve + rows[i].offset;
		if (rows[i].is_text)
			*(const char **)member = word[n] ? word + n + 1 : "";
		else
			*(int *)member = 1;
		return true;
	}
	ff_complain("firstfix fleet: no option --%.*s (see 'firstfix fleet --help')", (int)n, word);
	return false;
}

static bool take_all(struct ff_serve *serve, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--", 2) != 0 || !take(serve, argv[i] + 2))
			return false;
	if (!serve->database == !serve->clickhouse)
		ff_complain("firstfix fleet: either a database or ClickHouse is served");
	return !serve->database != !serve->clickhouse;
}

// A database that is not there, or no ClickHouse at all, is said now and not to who opens the page.
static struct ff_error *look(const struct ff_serve *serve)
{
	_cleanup_source_ struct ff_source *source = NULL;
	return ff_serve_open(serve, &source);
}

static struct ff_error *start(struct ff_serve *serve, struct ff_http **ret)
{
	static char token[FF_TOKEN_MAX];
	const struct ff_serve_options *o = &serve->options;
	const struct ff_http_options options = {.program = "firstfix fleet",
		.about = "Which workers of a fleet fail, since when, and what tells them from the others.",
		.listen = o->listen ? o->listen : "127.0.0.1:9465",
		.tls_cert = o->tls_cert,
		.tls_key = o->tls_key,
		.tls_client_ca = o->tls_client_ca,
		.insecure = o->insecure,
		.routes = ff_serve_routes,
		.n_routes = ff_serve_route_count,
		.owner = serve};
	struct ff_error *err = ff_token_read(o->token_file, token);
	if (!err)
		err = look(serve);
	if (!err)
		err = ff_documents_start(ff_serve_documents, serve);
	return err ? err : ff_http_start(&options, token[0] ? token : NULL, ret);
}

int main(int argc, char **argv)
{
	static struct ff_serve serve;
	struct ff_http *http = NULL;
	ff_complain_as_asked();
	if (!take_all(&serve, argc, argv))
		return 2;
	struct pollfd end = {.fd = ff_signals_of_end(), .events = POLLIN};
	struct ff_error *err = start(&serve, &http);
	if (err) {
		ff_complain("firstfix fleet: %s", err->message);
		ff_error_destroy(err);
		return 2;
	}
	ff_complain("firstfix fleet: %s", ff_http_url(http));
	while (poll(&end, 1, TICK_MS) <= 0)
		ff_http_tick(http);
	_exit(0); // who waits for an answer goes with us
}
