// The same metrics as /metrics, as OTLP's data points: names of OpenTelemetry's conventions where there is one that
// means the same, else ours with points; units as UCUM writes them.
//
//	firstfix_worker_resident_memory_bytes 9437184
//	-> {"name": "process.memory.usage", "unit": "By", "sum": {"dataPoints": [{"asDouble": 9437184, ...
#include "agent/export_metrics.h"

#include "agent/export_records.h"
#include "agent/exposition.h"
#include "emit/redact.h"

#include <math.h>
#include <stdio.h>

enum { CUMULATIVE = 2, NAME_ROOM = 96 };

// Ours, what it is called there, and whether it goes up and down (then it adds up over processes, unlike a gauge).
static const struct {
	enum ff_metric metric;
	const char *name;
	bool up_down;
} named[] = {
	{FF_METRIC_RSS, "process.memory.usage", true},
	{FF_METRIC_CPU, "process.cpu.time", false},
	{FF_METRIC_FDS, "process.unix.file_descriptor.count", true},
	{FF_METRIC_GPU_SIZE, "hw.gpu.memory.limit", true},
	{FF_METRIC_UTILIZATION, "hw.gpu.utilization", false},
	{FF_METRIC_TEMPERATURE, "hw.temperature", false},
	{FF_METRIC_POWER, "hw.power", false},
	{FF_METRIC_IN_FLIGHT, "firstfix.requests.in_flight", true},
};

static const struct {
	const char *ours, *ucum;
} units[] = {{"seconds", "s"}, {"bytes", "By"}, {"celsius", "Cel"}, {"watts", "W"}, {"ratio", "1"}, {"", "1"}};

struct collected {
	struct ff_exposition e; // first: what the form's functions get
	json_t *metrics, *points;
	uint64_t began_ns, now_ns;
	bool failed;
};

static json_t *nanoseconds(uint64_t epoch_ns)
{
	return json_sprintf("%llu", (unsigned long long)epoch_ns);
}

// "firstfix_request_duration_seconds" -> "firstfix.request.duration"
static void name_of(enum ff_metric metric, char ret[NAME_ROOM], bool *ret_up_down)
{
	struct ff_metric_row row = ff_metric_row(metric);
	*ret_up_down = false;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (named[i].metric != metric)
			continue;
		snprintf(ret, NAME_ROOM, "%s", named[i].name);
		*ret_up_down = named[i].up_down;
		return;
	}
	size_t n = strlen(row.name), unit = strlen(row.unit);
	if (unit && n > unit + 1 && strcmp(row.name + n - unit, row.unit) == 0)
		n -= unit + 1;
	snprintf(ret, NAME_ROOM, "%.*s", (int)n, row.name);
	for (char *c = ret; *c; c++)
		*c = *c == '_' ? '.' : *c;
}

static const char *unit_of(const char *ours)
{
	size_t i = 0;
	while (i < sizeof(units) / sizeof(units[0]) - 1 && strcmp(units[i].ours, ours) != 0)
		i++;
	return units[i].ucum;
}

// A metric without a sample is none: its data points are looked at when the next one begins.
static void drop_empty(struct collected *c)
{
	size_t n = json_array_size(c->metrics);
	if (n && c->points && !json_array_size(c->points))
		json_array_remove(c->metrics, n - 1);
}

static void begin(struct ff_exposition *e)
{
	struct collected *c = (struct collected *)e;
	struct ff_metric_row row = ff_metric_row(e->now);
	char name[NAME_ROOM];
	bool up_down;
	drop_empty(c);
	name_of(e->now, name, &up_down);
	bool counter = strcmp(row.type, "counter") == 0, histogram = strcmp(row.type, "histogram") == 0;
	const char *kind = histogram ? "histogram" : counter || up_down ? "sum" : "gauge";
	c->points = json_array();
	json_t *data = json_pack("{s:o}", "dataPoints", c->points);
	if (data && strcmp(kind, "gauge") != 0)
		json_object_set_new(data, "aggregationTemporality", json_integer(CUMULATIVE));
	if (data && strcmp(kind, "sum") == 0)
		json_object_set_new(data, "isMonotonic", json_boolean(counter));
	c->failed |= json_array_append_new(c->metrics,
			     json_pack("{s:s, s:s, s:s, s:o}", "name", name, "description", row.help, "unit",
				     unit_of(row.unit), kind, data)) < 0;
}

// Texts of labels are the worker's.
static json_t *attributes_of(const char *const labels[][2])
{
	json_t *list = json_array();
	for (size_t i = 0; labels && labels[i][0]; i++) {
		_cleanup_buf_ struct ff_buf masked = {0};
		ff_error_destroy(ff_share_text(ff_span_of(labels[i][1]), labels[i][0], NULL, &masked));
		_cleanup_json_ json_t *value = ff_json_string(masked.n ? masked.p : "", masked.n);
		if (!ff_export_attribute(list, labels[i][0], value, 0)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *point(const struct collected *c, const char *const labels[][2])
{
	json_t *made =
		json_pack("{s:o, s:o}", "timeUnixNano", nanoseconds(c->now_ns), "attributes", attributes_of(labels));
	const char *type = ff_metric_row(c->e.now).type;
	if (made && strcmp(type, "gauge") != 0)
		json_object_set_new(made, "startTimeUnixNano", nanoseconds(c->began_ns));
	return made;
}

static void add(struct collected *c, json_t *made)
{
	c->failed |= !made || json_array_append_new(c->points, made) < 0;
}

static void sample(struct ff_exposition *e, double value, const char *const labels[][2])
{
	struct collected *c = (struct collected *)e;
	if (!isfinite(value))
		return;
	json_t *made = point(c, labels);
	if (made && json_object_set_new(made, "asDouble", json_real(value)) < 0)
		c->failed = true;
	add(c, made);
}

static json_t *exemplars_of(const struct ff_exemplar *exemplars)
{
	json_t *list = json_array();
	for (unsigned i = 0; exemplars && i < FF_BUCKETS; i++) {
		const char *const labels[][2] = {
			{exemplars[i].id[0] ? "firstfix.request.id" : NULL, exemplars[i].id}, {NULL, NULL}};
		if (exemplars[i].at_ns)
			json_array_append_new(list,
				json_pack("{s:o, s:f, s:o}", "timeUnixNano", nanoseconds(exemplars[i].at_ns),
					"asDouble", exemplars[i].value, "filteredAttributes", attributes_of(labels)));
	}
	return list;
}

static void histogram(struct ff_exposition *e, const struct ff_histogram *h, const struct ff_exemplar *exemplars)
{
	struct collected *c = (struct collected *)e;
	json_t *counts = json_array(), *bounds = json_array(), *made = point(c, NULL);
	uint64_t all = 0;
	for (unsigned i = 0; i < FF_BUCKETS; i++) {
		json_array_append_new(counts, nanoseconds(h->n[i]));
		all += h->n[i];
		if (i < FF_BUCKETS - 1)
			json_array_append_new(bounds, json_real(ff_bucket_bounds[i]));
	}
	_cleanup_json_ json_t *rest = json_pack("{s:o, s:f, s:o, s:o, s:o}", "count", nanoseconds(all), "sum", h->sum,
		"bucketCounts", counts, "explicitBounds", bounds, "exemplars", exemplars_of(exemplars));
	c->failed |= !rest || !made || json_object_update(made, rest) < 0;
	add(c, made);
}

static const struct ff_exposition_form otlp_form = {begin, sample, histogram};

json_t *ff_export_metrics(const struct ff_agent *a, uint64_t began_ns, uint64_t now_ns)
{
	struct collected c = {
		.e = {.form = &otlp_form}, .metrics = json_array(), .began_ns = began_ns, .now_ns = now_ns};
	ff_metrics_write(&c.e, a);
	drop_empty(&c);
	ff_buf_deinit(&c.e.out);
	if (!c.failed)
		return c.metrics;
	json_decref(c.metrics);
	return NULL;
}
