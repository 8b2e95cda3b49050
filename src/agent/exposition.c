// The two text formats of metrics.
//
//	# HELP firstfix_requests_total Requests that ended, by outcome.		0.0.4
//	# TYPE firstfix_requests_total counter
//	firstfix_requests_total{outcome="ok"} 12
//
//	# TYPE firstfix_requests counter					OpenMetrics
//	firstfix_requests_total{outcome="ok"} 12
//	firstfix_request_duration_seconds_bucket{le="0.1"} 12 # {request_id="42"} 0.031 1764360000.123
//	# EOF
#include "agent/exposition.h"

#include "emit/redact.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum type { GAUGE, COUNTER, HISTOGRAM };

static const char *const type_names[] = {"gauge", "counter", "histogram"};

static const struct {
	const char *name, *unit, *help;
	enum type type;
} rows[] = {
#define METRIC(id, name, type, unit, help) {name, unit, help, type},
#include "agent/metrics.def"
#undef METRIC
};

struct ff_metric_row ff_metric_row(enum ff_metric metric)
{
	return (struct ff_metric_row){
		rows[metric].name, type_names[rows[metric].type], rows[metric].unit, rows[metric].help};
}

static const char *suffix(const struct ff_exposition *e)
{
	return rows[e->now].type == COUNTER ? "_total" : "";
}

static void write_head(struct ff_exposition *e)
{
	enum ff_metric metric = e->now;
	const char *name = rows[metric].name, *family = e->open ? "" : suffix(e);
	ff_buf_printf(&e->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, family, rows[metric].help, name, family,
		type_names[rows[metric].type]);
	if (e->open && rows[metric].unit[0])
		ff_buf_printf(&e->out, "# UNIT %s %s\n", name, rows[metric].unit);
}

static void write_value(struct ff_buf *out, double value)
{
	if (value == floor(value) && fabs(value) < 1e15)
		ff_buf_printf(out, "%.0f", value);
	else
		ff_buf_printf(out, "%.15g", value);
}

// Text of a worker in a label: masked, printable, with the three escapes that the formats know.
static void write_label(struct ff_buf *out, const char *name, const char *value)
{
	_cleanup_buf_ struct ff_buf masked = {0};
	ff_error_destroy(ff_share_text(ff_span_of(value), name, NULL, &masked));
	ff_buf_printf(out, "%s=\"", name);
	for (size_t i = 0; i < masked.n; i++) {
		unsigned char c = (unsigned char)masked.p[i];
		if (c == '\\' || c == '"')
			ff_buf_char(out, '\\');
		ff_buf_char(out, c < ' ' || c >= 0x7f ? '?' : (char)c);
	}
	ff_buf_char(out, '"');
}

static void write_labels(struct ff_buf *out, const char *const labels[][2])
{
	for (size_t i = 0; labels && labels[i][0]; i++) {
		ff_buf_char(out, i ? ',' : '{');
		write_label(out, labels[i][0], labels[i][1]);
	}
	if (labels && labels[0][0])
		ff_buf_char(out, '}');
}

static void write_sample(struct ff_exposition *e, double value, const char *const labels[][2])
{
	ff_buf_printf(&e->out, "%s%s", rows[e->now].name, suffix(e));
	write_labels(&e->out, labels);
	ff_buf_char(&e->out, ' ');
	write_value(&e->out, value);
	ff_buf_char(&e->out, '\n');
}

static void write_exemplar(struct ff_buf *out, const struct ff_exemplar *x)
{
	const char *const labels[][2] = {{x->id[0] ? "request_id" : NULL, x->id}, {NULL, NULL}};
	if (!x->at_ns)
		return;
	ff_buf_str(out, " # ");
	if (labels[0][0])
		write_labels(out, labels);
	else
		ff_buf_str(out, "{}");
	ff_buf_printf(out, " %.9g %.3f", x->value, (double)x->at_ns / 1e9);
}

static void write_histogram(struct ff_exposition *e, const struct ff_histogram *h, const struct ff_exemplar *exemplars)
{
	uint64_t below = 0;
	for (unsigned i = 0; i < FF_BUCKETS; i++) {
		char bound[32] = "+Inf";
		below += h->n[i];
		if (i < FF_BUCKETS - 1)
			snprintf(bound, sizeof(bound),
				ff_bucket_bounds[i] == floor(ff_bucket_bounds[i]) ? "%.1f" : "%.9g",
				ff_bucket_bounds[i]);
		ff_buf_printf(
			&e->out, "%s_bucket{le=\"%s\"} %llu", rows[e->now].name, bound, (unsigned long long)below);
		if (e->open && exemplars)
			write_exemplar(&e->out, &exemplars[i]);
		ff_buf_char(&e->out, '\n');
	}
	ff_buf_printf(&e->out, "%s_sum %.9g\n%s_count %llu\n", rows[e->now].name, h->sum, rows[e->now].name,
		(unsigned long long)below);
}

static const struct ff_exposition_form text_form = {write_head, write_sample, write_histogram};

static const struct ff_exposition_form *form_of(const struct ff_exposition *e)
{
	return e->form ? e->form : &text_form;
}

void ff_metric(struct ff_exposition *e, enum ff_metric metric)
{
	e->now = metric;
	form_of(e)->metric(e);
}

void ff_sample(struct ff_exposition *e, double value, const char *const labels[][2])
{
	form_of(e)->sample(e, value, labels);
}

void ff_sample2(struct ff_exposition *e, double value, const char *a, const char *va, const char *b, const char *vb)
{
	const char *const labels[][2] = {{a, va}, {b, vb}, {NULL, NULL}};
	ff_sample(e, value, labels);
}

void ff_sample_histogram(struct ff_exposition *e, const struct ff_histogram *h, const struct ff_exemplar *exemplars)
{
	form_of(e)->histogram(e, h, exemplars);
}

void ff_exposition_end(struct ff_exposition *e)
{
	if (e->open)
		ff_buf_str(&e->out, "# EOF\n");
}
