// Theil-Sen: the median of the slopes of all pairs. Their ranks give the interval: with S of Kendall having the
// variance n (n-1) (2n+5) / 18, the slopes of rank (N - 1.96 sqrt(var)) / 2 and (N + 1.96 sqrt(var)) / 2 of N bound it.
#include "agent/trend.h"

#include <math.h>
#include <stdlib.h>

enum { LEAST = 8 };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double at_rank(const double *sorted, size_t n, double rank)
{
	double last = (double)(n - 1);
	return sorted[(size_t)(rank < 0 ? 0 : rank > last ? last : rank)];
}

bool ff_trend_of(const struct ff_point *points, size_t n, struct ff_trend *ret)
{
	size_t used = n < FF_TREND_POINTS ? n : FF_TREND_POINTS, pairs = 0;
	double slopes[FF_TREND_POINTS * (FF_TREND_POINTS - 1) / 2];
	if (n < LEAST)
		return false;
	for (size_t i = 0; i < used; i++)
		for (size_t k = i + 1; k < used; k++) {
			const struct ff_point *a = &points[i * n / used], *b = &points[k * n / used];
			if (b->x > a->x)
				slopes[pairs++] = (b->y - a->y) / (b->x - a->x);
		}
	if (pairs < LEAST)
		return false;
	qsort(slopes, pairs, sizeof(slopes[0]), by_value);
	double m = (double)used, width = 1.96 * sqrt(m * (m - 1) * (2 * m + 5) / 18);
	*ret = (struct ff_trend){.slope = at_rank(slopes, pairs, (double)(pairs - 1) / 2),
		.low = at_rank(slopes, pairs, ((double)pairs - width) / 2),
		.high = at_rank(slopes, pairs, ((double)pairs + width) / 2),
		.n = used};
	return true;
}

bool ff_trend_until(const struct ff_trend *trend, double left, double *ret, double *ret_low, double *ret_high)
{
	if (!(trend->low > 0) || !(left >= 0))
		return false;
	*ret = left / trend->slope;
	*ret_low = left / trend->high;
	*ret_high = left / trend->low;
	return true;
}
