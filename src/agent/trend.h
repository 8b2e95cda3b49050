// Growth of a quantity and when it meets its limit: pure functions over readings.
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** One reading: y at x. */
struct ff_point {
	double x, y;
};

/** A straight line by the median of all slopes (Theil-Sen), which a fifth of wild readings does not move. `low` and
    `high` bound the slope with about 95 % (by the ranks of the slopes, after Sen 1968). */
struct ff_trend {
	double slope, low, high;
	size_t n;
};

enum { FF_TREND_POINTS = 96 };

/** False with fewer than 8 readings. Of more than FF_TREND_POINTS an even choice is taken; `points` is in order of
    x. */
bool ff_trend_of(const struct ff_point *points, size_t n, struct ff_trend *ret);

/** When `left` is used up at this growth: the estimate, the earliest and the latest. False where it does not
    grow for certain. */
bool ff_trend_until(const struct ff_trend *trend, double left, double *ret, double *ret_low, double *ret_high);
