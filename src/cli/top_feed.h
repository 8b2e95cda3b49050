// What an agent tells, asked for again and again by threads of their own, so that the keys are heard while it hangs.
#pragma once

#include "cli/http_get.h"

#include "base/error.h"
#include "base/json.h"

/** The documents that are asked for (the contract names their schemas). */
enum ff_told {
	FF_TOLD_HEALTH,
	FF_TOLD_REQUESTS,
	FF_TOLD_MEMORY,
	FF_TOLD_INCIDENTS,
	FF_TOLD_INCIDENT, /**< the last one of this run, whole */
	FF_TOLD_REPORT,
	FF_TOLD_CHECK,
	FF_TOLD_N
};

/** The newest of each, NULL where none came yet. Nobody changes them. */
struct ff_top_told {
	json_t *of[FF_TOLD_N];
	char trouble[256]; /**< why the agent's last answer is none, "" when it answers */
};

void ff_top_told_deinit(struct ff_top_told *told);
#define _cleanup_told_ __attribute__((__cleanup__(ff_top_told_deinit)))

struct ff_feed;

/** `url` and the texts of `who` must outlive it. It is never freed: its threads live as long as the process. */
struct ff_error *ff_feed_new(const char *url, const struct ff_http_who *who, struct ff_feed **ret);

/** Ask for everything once, here and now. The error is that of the health: without it there is nothing to show. */
struct ff_error *ff_feed_ask_all(struct ff_feed *feed);

/** Ask from now on. */
struct ff_error *ff_feed_start(struct ff_feed *feed);

/** What is known now. */
void ff_feed_told(struct ff_feed *feed, struct ff_top_told *ret);
