// Documents of an agent over HTTP. Two threads ask: one for what is answered at once, one for what takes seconds to
// make (a report, a check), so that a slow answer holds up nothing.
//
//	GET /v1/memory?since=1795918167  ->  the samples that are new, put behind those that are here
#include "cli/top_feed.h"

#include "cli/http_get.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SHOWN_S = 900, ROWS_MAX = 4096, STEP_MS = 200, URL_ROOM = 512 };

static const struct {
	const char *path;
	unsigned every_ms, deadline_ms;
	bool slow;
} questions[FF_TOLD_N] = {
	[FF_TOLD_HEALTH] = {"/v1/health", 1000, 2000, false},
	[FF_TOLD_REQUESTS] = {"/v1/requests", 1000, 2000, false},
	[FF_TOLD_MEMORY] = {"/v1/memory", 1000, 5000, false},
	[FF_TOLD_INCIDENTS] = {"/v1/incidents", 2000, 5000, false},
	[FF_TOLD_INCIDENT] = {"/v1/incidents/", 1000, 5000, false},
	[FF_TOLD_REPORT] = {"/v1/report", 300000, 20000, true},
	[FF_TOLD_CHECK] = {"/v1/check", 300000, 20000, true},
};

struct ff_feed {
	const char *url;
	struct ff_http_who who;
	pthread_mutex_t lock; // of `told`
	struct ff_top_told told;
	uint64_t next_ns[FF_TOLD_N];
};

void ff_top_told_deinit(struct ff_top_told *told)
{
	for (size_t i = 0; i < FF_TOLD_N; i++)
		json_decref(told->of[i]);
}

void ff_feed_told(struct ff_feed *feed, struct ff_top_told *ret)
{
	pthread_mutex_lock(&feed->lock);
	*ret = feed->told;
	for (size_t i = 0; i < FF_TOLD_N; i++)
		json_incref(ret->of[i]);
	pthread_mutex_unlock(&feed->lock);
}

static json_t *known(struct ff_feed *feed, enum ff_told which)
{
	pthread_mutex_lock(&feed->lock);
	json_t *document = json_incref(feed->told.of[which]);
	pthread_mutex_unlock(&feed->lock);
	return document;
}

static void keep(struct ff_feed *feed, enum ff_told which, json_t *document)
{
	pthread_mutex_lock(&feed->lock);
	json_t *old = feed->told.of[which];
	feed->told.of[which] = document;
	pthread_mutex_unlock(&feed->lock);
	json_decref(old);
}

static void keep_trouble(struct ff_feed *feed, const char *trouble)
{
	pthread_mutex_lock(&feed->lock);
	snprintf(feed->told.trouble, sizeof(feed->told.trouble), "%s", trouble);
	pthread_mutex_unlock(&feed->lock);
}

static double time_of(const json_t *row)
{
	return json_number_value(json_array_get(row, 0)) / 1e3;
}

// Samples that are here and not too old, and behind them those that are newer.
static json_t *join_memory(const json_t *old, const json_t *new)
{
	json_t *ret = json_copy((json_t *)new), *rows = json_array(), *row;
	const json_t *before = json_object_get(old, "rows"), *after = json_object_get(new, "rows");
	double last = time_of(json_array_get(before, json_array_size(before) - 1));
	double newest = time_of(json_array_get(after, json_array_size(after) - 1));
	size_t i;
	json_array_foreach (before, i, row)
		if (time_of(row) > newest - SHOWN_S && json_array_size(before) - i < ROWS_MAX)
			json_array_append(rows, row);
	json_array_foreach (after, i, row)
		if (time_of(row) > last)
			json_array_append(rows, row);
	json_object_set_new(ret, "rows", rows);
	return ret;
}

// What stands behind the path; false where there is nothing to ask for.
static bool rest_of(struct ff_feed *feed, enum ff_told which, char *ret, size_t n)
{
	_cleanup_json_ json_t *health = known(feed, FF_TOLD_HEALTH), *memory = known(feed, FF_TOLD_MEMORY),
			      *incident = known(feed, FF_TOLD_INCIDENT);
	const json_t *rows = json_object_get(memory, "rows");
	const char *id = ff_json_text(health, "incident.id"), *here = ff_json_text(incident, "id");
	double last = time_of(json_array_get(rows, json_array_size(rows) - 1));
	ret[0] = '\0';
	if (which == FF_TOLD_MEMORY && last > 0)
		snprintf(ret, n, "?since=%.0f", last);
	else if (which == FF_TOLD_MEMORY)
		snprintf(ret, n, "?since=%ds", SHOWN_S);
	if (which != FF_TOLD_INCIDENT)
		return true;
	if (!id || !id[0] || (here && strcmp(id, here) == 0) ||
		strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz-") != strlen(id))
		return false;
	snprintf(ret, n, "%s", id);
	return true;
}

static struct ff_error *ask(struct ff_feed *feed, enum ff_told which)
{
	char url[URL_ROOM], rest[128];
	_cleanup_buf_ struct ff_buf body = {0};
	_cleanup_json_ json_t *document = NULL;
	unsigned status = 0;
	if (!rest_of(feed, which, rest, sizeof(rest)))
		return NULL;
	snprintf(url, sizeof(url), "%s%s%s", feed->url, questions[which].path, rest);
	struct ff_error *err = ff_http_get(url, &feed->who, questions[which].deadline_ms, &status, &body);
	if (!err && status == 401)
		err = ff_error_create(FF_EDENIED, "%s: a token is wanted, or another one (FIRSTFIX_TOKEN)", feed->url);
	if (!err)
		err = ff_json_parse(url, body.p ? body.p : "", body.n, &document);
	if (!err && (status != 200 || !json_is_object(document)))
		err = ff_error_create(FF_EABSENT, "%s: HTTP %u", url, status);
	if (err)
		return err;
	if (which == FF_TOLD_MEMORY) {
		_cleanup_json_ json_t *old = known(feed, which);
		keep(feed, which, join_memory(old, document));
	} else {
		keep(feed, which, json_incref(document));
	}
	return NULL;
}

// Ask for what is due; whether the agent answers is said by the health alone.
static void ask_due(struct ff_feed *feed, bool slow)
{
	for (enum ff_told i = 0; i < FF_TOLD_N; i++) {
		if (questions[i].slow != slow || ff_clock_ns() < feed->next_ns[i])
			continue;
		struct ff_error *err = ask(feed, i);
		if (i == FF_TOLD_HEALTH)
			keep_trouble(feed, err ? err->message : "");
		feed->next_ns[i] = ff_clock_ns() + (err ? 1000 : questions[i].every_ms) * UINT64_C(1000000);
		ff_error_destroy(err);
	}
}

static void *ask_quick(void *arg)
{
	for (;;) {
		ask_due(arg, false);
		nanosleep(&(struct timespec){0, STEP_MS * 1000000L}, NULL);
	}
	return NULL;
}

static void *ask_slow(void *arg)
{
	for (;;) {
		ask_due(arg, true);
		nanosleep(&(struct timespec){1, 0}, NULL);
	}
	return NULL;
}

struct ff_error *ff_feed_ask_all(struct ff_feed *feed)
{
	struct ff_error *err = ask(feed, FF_TOLD_HEALTH);
	for (enum ff_told i = FF_TOLD_HEALTH + 1; !err && i < FF_TOLD_N; i++)
		ff_error_destroy(ask(feed, i));
	return err;
}

struct ff_error *ff_feed_start(struct ff_feed *feed)
{
	sigset_t all, before;
	pthread_t thread;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); // signals are the screen's
	int failed = pthread_create(&thread, NULL, ask_quick, feed);
	failed = failed ? failed : pthread_create(&thread, NULL, ask_slow, feed);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? ff_error_os(failed, "no thread can be started") : NULL;
}

struct ff_error *ff_feed_new(const char *url, const struct ff_http_who *who, struct ff_feed **ret)
{
	struct ff_feed *feed = calloc(1, sizeof(*feed));
	if (!feed)
		return &ff_enomem;
	feed->url = url;
	feed->who = *who;
	pthread_mutex_init(&feed->lock, NULL);
	*ret = feed;
	return NULL;
}
