// Parts of the screen of `firstfix top`: figures over time and lists.
#pragma once

#include "cli/top_feed.h"
#include "cli/top_page.h"

#include <stdint.h>

/** Memory of every GPU and of the host, a line each: the last quarter of an hour as a curve, and what is now. */
void ff_top_memory(const struct ff_top_told *told, struct ff_page *page);

/** Rate, latency and failures of the last minute; the requests that are in work for long, and the slowest ones. */
void ff_top_requests(const struct ff_top_told *told, struct ff_page *page);

/** Failures that are stored, newest first. */
void ff_top_incidents(const struct ff_top_told *told, struct ff_page *page);

/** Seconds of the epoch of an RFC 3339 time in UTC; 0 where it is none. */
int64_t ff_top_seconds(const char *rfc3339);

/** "14:03:20" of here, "-" where it is not known. */
void ff_top_clock(int64_t seconds, char ret[16]);

/** "12 min 3 s" */
void ff_top_duration(double seconds, char ret[32]);
