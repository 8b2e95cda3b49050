// A log, read once in constant memory: what was said (events) and where signatures matched (hits).
#pragma once

#include "diagnose/hits.h"
#include "diagnose/matcher.h"
#include "log/event.h"
#include "log/run.h"

struct ff_scan;

/** With a matcher made of the rules already, which stays the caller's, or NULL. One scan at a time uses the rules. */
struct ff_error *ff_scan_create(struct ff_rules *rules, struct ff_matcher *matcher, struct ff_scan **ret);
void ff_scan_destroy(struct ff_scan *scan);

static inline void ff_cleanup_scan(struct ff_scan **scan)
{
	ff_scan_destroy(*scan);
}

#define _cleanup_scan_ __attribute__((__cleanup__(ff_cleanup_scan)))

/** Take the next bytes of the log, cut anywhere. */
struct ff_error *ff_scan_feed(struct ff_scan *scan, const char *bytes, size_t n);

/** The same without a copy: where the next bytes may be put, one at least, and that so many were. */
char *ff_scan_room(struct ff_scan *scan, size_t *ret_n);
struct ff_error *ff_scan_filled(struct ff_scan *scan, size_t n);

/** No more bytes: finish what is open, and look for signatures in messages of several lines. */
struct ff_error *ff_scan_end(struct ff_scan *scan);

const struct ff_events *ff_scan_events(const struct ff_scan *scan);
const struct ff_runs *ff_scan_runs(const struct ff_scan *scan);

/** What the log says of the machine it was written on, after ff_scan_end(). */
struct ff_error *ff_scan_said(struct ff_scan *scan, json_t **ret);

/** Hits of one signature in order: their number, and how many there really were. */
const struct ff_hit *ff_scan_hits(const struct ff_scan *scan, size_t signature, size_t *ret_n, uint64_t *ret_total);

/** True when some rule has something to answer: a hit that is not context, or a run that was stopped. */
bool ff_scan_spoke(const struct ff_scan *scan);

/** Lines of the log so far. */
uint64_t ff_scan_lines(const struct ff_scan *scan);
