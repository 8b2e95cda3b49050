// Growth of memory over the last half hour, per second and per request, and the forecast that follows from it.
#pragma once

#include "agent/history.h"
#include "agent/trend.h"

enum { FF_GROWTH_POINTS = 360, FF_GROWTH_EVERY_S = 5, FF_RESOURCES = FF_HISTORY_GPUS + 1 };

/** What is watched: GPU 0 to 7, then the host. */
enum { FF_RESOURCE_HOST = FF_HISTORY_GPUS };

/** Growth of one resource that meets its limit. */
struct ff_forecast {
	bool is; /**< it grows for certain, and not for a moment only */
	double bytes_per_s, left;
	double seconds, seconds_low, seconds_high;
	bool by_request;
	double bytes_per_request, requests, requests_low, requests_high;
};

struct ff_growth {
	struct {
		double time_s, requests, used[FF_RESOURCES];
	} points[FF_GROWTH_POINTS];
	unsigned n; /**< in order of time */
};

/** Forget everything before this moment (the end of a load, the start of a worker). */
void ff_growth_since(struct ff_growth *g, double epoch_s);

/** Add a sample of the moment `now` (seconds), at most one every FF_GROWTH_EVERY_S; older than half an hour goes. False
    when it came too early. */
bool ff_growth_add(struct ff_growth *g, double now, const struct ff_sample_row *row);

/** Judge anew. `left` is what each resource has left, negative where that is not known. */
void ff_growth_judge(const struct ff_growth *g, const double left[FF_RESOURCES], struct ff_forecast ret[FF_RESOURCES]);

/** "gpu 0" or "host", and the sentence: "memory of gpu 0: +14.0 MB a request, about 37 requests left (33 to 41)". */
void ff_resource_name(unsigned resource, char ret[16]);
void ff_forecast_sentence(const struct ff_forecast *f, unsigned resource, char ret[200]);
