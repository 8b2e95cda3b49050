// A moment in the past, as people write one on a command line.
//
//	$ firstfix events --since 10m
#include "base/since.h"

#include "base/clock.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// "90s", "10m", "2h", "1d" before now; "@SECONDS" since the epoch; "2026-11-23T03:14:03[.5][Z]" in UTC.
bool ff_since_parse(const char *text, uint64_t *ret)
{
	static const struct {
		char letter;
		double seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	double number = strtod(*text == '@' ? text + 1 : text, &end);
	if (*text == '@' && end > text + 1 && !*end && number >= 0 && number < 1e10) {
		*ret = (uint64_t)(number * 1e9);
		return true;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (end > text && end[0] == units[i].letter && !end[1] && number >= 0) {
			double at = (double)ff_clock_epoch_ns() / 1e9 - number * units[i].seconds;
			*ret = at > 0 ? (uint64_t)(at * 1e9) : 0;
			return true;
		}
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return false;
	double fraction = *rest == '.' ? strtod(rest, &end) : 0;
	if (*rest == '.')
		rest = end;
	time_t seconds = timegm(&tm);
	if ((*rest && strcmp(rest, "Z") != 0) || seconds < 0)
		return false;
	*ret = (uint64_t)seconds * 1000000000u + (uint64_t)(fraction * 1e9);
	return true;
}
