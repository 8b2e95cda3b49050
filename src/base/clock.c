// Clocks.
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const uint64_t ns_per_s = 1000000000;

static uint64_t read_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * ns_per_s + (uint64_t)t.tv_nsec;
}

uint64_t ff_clock_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t ff_clock_epoch_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

double ff_clock_ms_since(uint64_t start_ns)
{
	return (double)(ff_clock_ns() - start_ns) / 1e6;
}

void ff_clock_format(uint64_t epoch_ns, char ret[FF_TIME_LEN])
{
	time_t seconds = (time_t)(epoch_ns / ns_per_s);
	struct tm tm;
	char text[sizeof("2026-11-23T03:14:03") + 16];
	if (!gmtime_r(&seconds, &tm) || tm.tm_year > 8099)
		seconds = 0, gmtime_r(&seconds, &tm); // a clock beyond year 9999 is a broken clock
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret, FF_TIME_LEN, "%.19s.%03uZ", text, (unsigned)(epoch_ns % ns_per_s / 1000000));
}

void ff_clock_rfc3339(char ret[FF_TIME_LEN])
{
	ff_clock_format(ff_clock_epoch_ns(), ret);
}

bool ff_clock_parse(const char *text, uint64_t *ret)
{
	struct tm tm = {0};
	uint64_t fraction = 0, unit = ns_per_s;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return false;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
			unit /= 10;
			fraction += (uint64_t)(*rest - '0') * unit;
		}
	time_t at = timegm(&tm);
	if (strcmp(rest, "Z") != 0 || at < 0)
		return false;
	*ret = (uint64_t)at * ns_per_s + fraction;
	return true;
}
