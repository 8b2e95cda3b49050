// Time: a monotonic clock for durations and deadlines, RFC 3339 UTC for documents.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** Nanoseconds on CLOCK_MONOTONIC. */
uint64_t ff_clock_ns(void);

/** Nanoseconds since the epoch. Somebody may set this clock at any time: dates alone, never a duration or an age. */
uint64_t ff_clock_epoch_ns(void);

/** Milliseconds with fraction since an ff_clock_ns() value. */
double ff_clock_ms_since(uint64_t start_ns);

enum { FF_TIME_LEN = sizeof("2026-11-23T03:14:03.123Z") };

/** Now as RFC 3339 UTC with milliseconds. */
void ff_clock_rfc3339(char ret[FF_TIME_LEN]);

/** The same for nanoseconds since the epoch. */
void ff_clock_format(uint64_t epoch_ns, char ret[FF_TIME_LEN]);

/** Read back what ff_clock_rfc3339() and _format() write, with any fraction of a second; UTC alone. */
bool ff_clock_parse(const char *text, uint64_t *ret_epoch_ns);
