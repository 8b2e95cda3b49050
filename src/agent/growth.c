// A forecast is made of readings since the last model load, half an hour at most. It is said only when growth is
// certain (the interval of the slope lies above zero), is worth a word, and went on in the later two thirds of the
// time: an allocator that fills its cache grows, and stops.
#include "agent/growth.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEAST_POINTS = 12, WINDOW_S = 1800, FARTHEST_S = 14 * 86400 };
static const double least_growth = 16 << 20, least_share = 0.002;

void ff_growth_since(struct ff_growth *g, double epoch_s)
{
	unsigned first = 0;
	while (first < g->n && g->points[first].time_s < epoch_s)
		first++;
	memmove(g->points, g->points + first, (g->n - first) * sizeof(g->points[0]));
	g->n -= first;
}

bool ff_growth_add(struct ff_growth *g, double now, const struct ff_sample_row *row)
{
	if (g->n && now < g->points[g->n - 1].time_s) // an agent before us had another clock
		g->n = 0;
	if (g->n && now - g->points[g->n - 1].time_s < FF_GROWTH_EVERY_S * 0.9)
		return false;
	if (g->n == FF_GROWTH_POINTS || (g->n && now - g->points[0].time_s > WINDOW_S))
		ff_growth_since(g, g->n > 1 ? g->points[1].time_s : now);
	g->points[g->n].time_s = now;
	g->points[g->n].requests = (double)row->v[FF_COL_REQUESTS];
	for (unsigned i = 0; i < FF_HISTORY_GPUS; i++)
		g->points[g->n].used[i] = i < row->gpus ? (double)ff_sample_gpu(row, i, FF_GPU_USED) : -1;
	g->points[g->n].used[FF_RESOURCE_HOST] = (double)row->v[FF_COL_RSS];
	g->n++;
	return true;
}

// Readings of a resource from `from` on, over time or over requests; of several at one number of requests the last.
static unsigned points_of(
	const struct ff_growth *g, unsigned resource, unsigned from, bool by_request, struct ff_point *ret)
{
	unsigned n = 0;
	for (unsigned i = from; i < g->n; i++) {
		double x = by_request ? g->points[i].requests : g->points[i].time_s - g->points[0].time_s;
		if (g->points[i].used[resource] < 0)
			continue;
		if (by_request && n && x <= ret[n - 1].x)
			n--;
		ret[n++] = (struct ff_point){x, g->points[i].used[resource]};
	}
	return n;
}

static bool worth_a_word(const struct ff_growth *g, unsigned resource, double left)
{
	double first = g->points[0].used[resource], last = g->points[g->n - 1].used[resource];
	double least = (last + left) * least_share;
	return last - first >= (least > least_growth ? least : least_growth);
}

static void judge(const struct ff_growth *g, unsigned resource, double left, struct ff_forecast *f)
{
	struct ff_point points[FF_GROWTH_POINTS];
	struct ff_trend trend, later, by_request;
	*f = (struct ff_forecast){.left = left};
	if (g->n < LEAST_POINTS || left < 0 || !worth_a_word(g, resource, left))
		return;
	unsigned n = points_of(g, resource, 0, false, points);
	if (n < LEAST_POINTS || !ff_trend_of(points, n, &trend) ||
		!ff_trend_until(&trend, left, &f->seconds, &f->seconds_low, &f->seconds_high) ||
		f->seconds > FARTHEST_S)
		return;
	unsigned late = points_of(g, resource, g->n / 3, false, points);
	if (!ff_trend_of(points, late, &later) || later.slope < trend.slope / 4)
		return;
	f->is = true;
	f->bytes_per_s = trend.slope;
	n = points_of(g, resource, 0, true, points);
	f->by_request = ff_trend_of(points, n, &by_request) &&
		ff_trend_until(&by_request, left, &f->requests, &f->requests_low, &f->requests_high);
	f->bytes_per_request = f->by_request ? by_request.slope : 0;
}

void ff_growth_judge(const struct ff_growth *g, const double left[FF_RESOURCES], struct ff_forecast ret[FF_RESOURCES])
{
	for (unsigned i = 0; i < FF_RESOURCES; i++)
		judge(g, i, left[i], &ret[i]);
}

void ff_resource_name(unsigned resource, char ret[16])
{
	if (resource == FF_RESOURCE_HOST)
		snprintf(ret, 16, "host");
	else
		snprintf(ret, 16, "gpu %u", resource % 100);
}

static void duration(double seconds, char ret[24])
{
	static const struct {
		double from, unit;
		const char *name;
	} rows[] = {{2 * 86400, 86400, "days"}, {2 * 3600, 3600, "hours"}, {120, 60, "minutes"}, {0, 1, "seconds"}};
	size_t i = 0;
	while (seconds < rows[i].from)
		i++;
	snprintf(ret, 24, "%.0f %s", seconds / rows[i].unit, rows[i].name);
}

void ff_forecast_sentence(const struct ff_forecast *f, unsigned resource, char ret[200])
{
	char name[16], about[24], low[24], high[24];
	const double mb = 1 << 20;
	ff_resource_name(resource, name);
	if (f->by_request) {
		snprintf(ret, 200, "memory of %s: %+.1f MB a request, about %.0f requests left (%.0f to %.0f)", name,
			f->bytes_per_request / mb, f->requests, f->requests_low, f->requests_high);
		return;
	}
	duration(f->seconds, about);
	duration(f->seconds_low, low);
	duration(f->seconds_high, high);
	snprintf(ret, 200, "memory of %s: %+.1f MB a minute, about %s left (%s to %s)", name, f->bytes_per_s * 60 / mb,
		about, low, high);
}
