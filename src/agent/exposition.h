// Writing metrics in Prometheus' text format 0.0.4 and in OpenMetrics 1.0: the two differ in the name of a counter's
// family, in units, exemplars and the end.
#pragma once

#include "agent/tally.h"
#include "base/str.h"

enum ff_metric {
#define METRIC(id, name, type, unit, help) FF_METRIC_##id,
#include "agent/metrics.def"
#undef METRIC
	FF_METRICS
};

struct ff_exposition;

/** One way to write metrics; the text formats are the preset. */
struct ff_exposition_form {
	void (*metric)(struct ff_exposition *e);
	void (*sample)(struct ff_exposition *e, double value, const char *const labels[][2]);
	void (*histogram)(struct ff_exposition *e, const struct ff_histogram *h, const struct ff_exemplar *exemplars);
};

struct ff_exposition {
	struct ff_buf out;
	bool open;			       /**< OpenMetrics */
	const struct ff_exposition_form *form; /**< NULL: text */
	enum ff_metric now;
};

/** Begin a metric: its head. Each metric once, its samples behind it. */
void ff_metric(struct ff_exposition *e, enum ff_metric metric);

/** A sample of it. Labels are pairs of name and value, a NULL name ends them; values may be any text. */
void ff_sample(struct ff_exposition *e, double value, const char *const labels[][2]);

/** A sample with at most two labels, NULL for none. */
void ff_sample2(struct ff_exposition *e, double value, const char *a, const char *va, const char *b, const char *vb);

/** All of a histogram; `exemplars` may be NULL. */
void ff_sample_histogram(struct ff_exposition *e, const struct ff_histogram *h, const struct ff_exemplar *exemplars);

/** The end. */
void ff_exposition_end(struct ff_exposition *e);

/** Name, type, unit and help of a metric, for the description. */
struct ff_metric_row {
	const char *name, *type, *unit, *help;
};
struct ff_metric_row ff_metric_row(enum ff_metric metric);
