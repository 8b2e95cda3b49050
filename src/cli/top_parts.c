// Figures of `firstfix top`, from firstfix.memory/1 (rows whose columns it names), firstfix.requests/1 and
// firstfix.incidents/1.
//
//	GPU 0  ▁▃▅▇▇▆▇▇▇▇  16.0 of 31.8 GB  allocated 14.0  60 % busy  47 °C
//
// How it lies: a row has as many GPUs as there were when it was taken; null is not known.
#include "cli/top_parts.h"

#include "cli/spark.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	LABEL = 7,
	CURVE_MIN = 10,
	CURVE_MAX = 60,
	FIGURES = 50,
	FIGURES_WIDE = 66,
	WIDE = 100,
	GPUS_MAX = 64,
	SLOWEST = 5,
	LONG_MS = 10000,
	INCIDENTS_MAX = 100,
	YOUNG_MS = 60000
};

int64_t ff_top_seconds(const char *rfc3339)
{
	struct tm tm = {0};
	const char *end = rfc3339 ? strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	return end ? timegm(&tm) : 0;
}

void ff_top_clock(int64_t seconds, char ret[16])
{
	struct tm tm;
	time_t t = seconds;
	if (seconds <= 0 || !localtime_r(&t, &tm) || !strftime(ret, 16, "%H:%M:%S", &tm))
		snprintf(ret, 16, "-");
}

void ff_top_duration(double seconds, char ret[32])
{
	long s = seconds > 0 && seconds < 1e9 ? (long)(seconds + 0.5) : 0;
	if (s < 60)
		snprintf(ret, 32, "%ld s", s);
	else if (s < 3600)
		snprintf(ret, 32, "%ld min %ld s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(ret, 32, "%ld h %ld min", s / 3600, s % 3600 / 60);
	else
		snprintf(ret, 32, "%ld d %ld h", s / 86400, s % 86400 / 3600);
}

static void milliseconds(const json_t *ms, char ret[32])
{
	double value = json_number_value(ms);
	if (!json_is_number(ms))
		snprintf(ret, 32, "-");
	else if (value < 1000)
		snprintf(ret, 32, "%.0f ms", value);
	else if (value < 60000)
		snprintf(ret, 32, "%.1f s", value / 1000);
	else
		ff_top_duration(value / 1000, ret);
}

static void heading(struct ff_page *page, const char *name)
{
	ff_page_end(page);
	ff_page_put(page, FF_INK_TITLE, name);
}

// ---- memory ----

// One line: which columns of a row are its values.
struct resource {
	const json_t *rows;
	size_t used, limit; // their places in a row
};

// The place of a column of a GPU (-1: of the row itself); SIZE_MAX where the document does not name it.
static size_t place_of(const json_t *memory, int gpu, const char *name)
{
	const json_t *list = json_object_get(memory, gpu < 0 ? "columns" : "gpu_columns"), *each;
	size_t before = json_array_size(json_object_get(memory, "columns")), i;
	json_array_foreach (list, i, each)
		if (json_is_string(each) && strcmp(json_string_value(each), name) == 0)
			return gpu < 0 ? i : before + (size_t)gpu * json_array_size(list) + i;
	return SIZE_MAX;
}

static double value_at(const json_t *row, size_t place)
{
	const json_t *value = json_array_get(row, place);
	return json_is_number(value) ? json_number_value(value) : -1;
}

static const json_t *last_row(const json_t *rows)
{
	return json_array_get(rows, json_array_size(rows) - 1);
}

static double time_of(const json_t *rows, size_t i)
{
	return json_number_value(json_array_get(json_array_get(rows, i), 0));
}

static void draw_curve(const struct resource *r, unsigned width, struct ff_page *page)
{
	double highest[CURVE_MAX], most = value_at(last_row(r->rows), r->limit);
	double first = time_of(r->rows, 0), last = time_of(r->rows, json_array_size(r->rows) - 1);
	bool limited = most > 0;
	const json_t *row;
	char text[CURVE_MAX * 4 + 1];
	size_t i, n = 0;
	if (last - first < YOUNG_MS) // a young worker's line grows from the right
		first = last - YOUNG_MS;
	for (i = 0; i < CURVE_MAX; i++)
		highest[i] = -1;
	json_array_foreach (r->rows, i, row) {
		double share = (time_of(r->rows, i) - first) / (last - first), value = value_at(row, r->used);
		size_t at = share > 0 && share <= 1 ? (size_t)(share * (width - 1)) : 0;
		highest[at] = value > highest[at] ? value : highest[at];
		most = !limited && value > most ? value : most;
	}
	for (i = 0; i < width; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", ff_spark(highest[i], most, page->utf8));
	ff_page_put(page, FF_INK_DIM, text);
}

static const double gb = 1 << 30, mb = 1 << 20;

static void draw_host(const json_t *memory, const json_t *row, struct ff_page *page)
{
	double limit = value_at(row, place_of(memory, -1, "cgroup_limit")),
	       rss = value_at(row, place_of(memory, -1, "rss"));
	if (rss < gb)
		ff_page_printf(page, FF_INK_PLAIN, "  %.0f MB resident", rss > 0 ? rss / mb : 0);
	else
		ff_page_printf(page, FF_INK_PLAIN, "  %.1f GB resident", rss / gb);
	if (limit > 0)
		ff_page_printf(page, FF_INK_DIM, ", limit %.1f GB", limit / gb);
}

static void draw_gpu(const json_t *memory, const json_t *row, int gpu, struct ff_page *page)
{
	static const struct {
		const char *column, *before, *behind;
		int decimals;
		double unit;
	} more[] = {{"allocated", "allocated ", "", 1, 1 << 30}, {"utilization", "", " % busy", 0, 1},
		{"temperature", "", " C", 0, 1}, {"reserved", "reserved ", "", 1, 1 << 30}};
	char text[64];
	double used = value_at(row, place_of(memory, gpu, "used")),
	       total = value_at(row, place_of(memory, gpu, "total"));
	bool full = total > 0 && used / total > 0.95;
	ff_page_printf(page, full ? FF_INK_WARN : FF_INK_PLAIN, "  %.1f of %.1f GB", used > 0 ? used / gb : 0,
		total > 0 ? total / gb : 0);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		double value = value_at(row, place_of(memory, gpu, more[i].column));
		snprintf(text, sizeof(text), "  %s%.*f%s", more[i].before, more[i].decimals, value / more[i].unit,
			more[i].behind);
		if (value >= 0 && page->at + strlen(text) <= page->width) // whole or not at all
			ff_page_put(page, FF_INK_DIM, text);
	}
}

void ff_top_memory(const struct ff_top_told *told, struct ff_page *page)
{
	const json_t *memory = told->of[FF_TOLD_MEMORY], *rows = json_object_get(memory, "rows"), *row = last_row(rows);
	size_t common = json_array_size(json_object_get(memory, "columns")),
	       of_gpu = json_array_size(json_object_get(memory, "gpu_columns"));
	if (!row || !of_gpu)
		return;
	unsigned figures = LABEL + (page->width < WIDE ? FIGURES : FIGURES_WIDE);
	unsigned room = page->width > figures ? page->width - figures : 0;
	unsigned width = room < CURVE_MIN ? CURVE_MIN : room > CURVE_MAX ? CURVE_MAX : room;
	double first = time_of(rows, 0);
	char from[16];
	ff_top_clock(first > 0 && first < 1e14 ? (int64_t)(first / 1000) : 0, from);
	heading(page, "Memory");
	ff_page_printf(page, FF_INK_DIM, "  since %s", from);
	ff_page_end(page);
	size_t gpus_n = json_array_size(row) > common ? (json_array_size(row) - common) / of_gpu : 0;
	int gpus = gpus_n > GPUS_MAX ? GPUS_MAX : (int)gpus_n;
	for (int gpu = 0; gpu <= gpus; gpu++) {
		bool host = gpu == gpus;
		struct resource r = {rows, place_of(memory, host ? -1 : gpu, host ? "rss" : "used"),
			place_of(memory, host ? -1 : gpu, host ? "cgroup_limit" : "total")};
		if (host)
			ff_page_put(page, FF_INK_PLAIN, "Host");
		else
			ff_page_printf(page, FF_INK_PLAIN, "GPU %d", gpu);
		ff_page_tab(page, LABEL);
		draw_curve(&r, width, page);
		if (host)
			draw_host(memory, row, page);
		else
			draw_gpu(memory, row, gpu, page);
		ff_page_end(page);
	}
}

// ---- requests ----

static void draw_minute(const json_t *requests, struct ff_page *page)
{
	static const struct {
		const char *key, *name;
	} quantiles[] = {{"p50_ms", "p50"}, {"p95_ms", "p95"}, {"p99_ms", "p99"}};
	const json_t *minute = json_object_get(requests, "last_minute");
	int64_t n = 0, errors = 0;
	char took[32];
	ff_json_int(minute, "requests", &n);
	ff_json_int(minute, "errors", &errors);
	ff_page_printf(page, FF_INK_PLAIN, "  %lld in the last minute", (long long)n);
	if (errors)
		ff_page_printf(page, FF_INK_BAD, ", %lld failed", (long long)errors);
	ff_page_printf(page, FF_INK_PLAIN, ", %zu in work", json_array_size(json_object_get(requests, "in_flight")));
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		milliseconds(json_object_get(minute, quantiles[i].key), took);
		ff_page_printf(page, FF_INK_DIM, "  %s ", quantiles[i].name);
		ff_page_put(page, FF_INK_PLAIN, took);
	}
	ff_page_end(page);
}

static void draw_rate(const json_t *requests, struct ff_page *page)
{
	const json_t *list = json_object_get(requests, "per_second"), *each;
	double most = 1;
	size_t i, skip = 0;
	json_array_foreach (list, i, each)
		most = json_number_value(each) > most ? json_number_value(each) : most;
	if (json_array_size(list) + LABEL > page->width)
		skip = json_array_size(list) + LABEL - page->width;
	ff_page_put(page, FF_INK_PLAIN, "Each s");
	ff_page_tab(page, LABEL);
	json_array_foreach (list, i, each)
		if (i >= skip)
			ff_page_put(page, FF_INK_DIM, ff_spark(json_number_value(each), most, page->utf8));
	ff_page_printf(page, FF_INK_DIM, "  up to %.0f", most);
	ff_page_end(page);
}

static void draw_request(
	const json_t *request, const char *took_key, const char *how, enum ff_ink ink, struct ff_page *page)
{
	char took[32], at_once[32] = "";
	const char *id = ff_json_text(request, "id"), *route = ff_json_text(request, "route");
	int64_t n;
	milliseconds(json_object_get(request, took_key), took);
	if (ff_json_int(request, "at_once", &n) && n > 1)
		snprintf(at_once, sizeof(at_once), "  %lld at once", (long long)n);
	ff_page_printf(page, FF_INK_PLAIN, "%12s", took);
	ff_page_put(page, ink, "  ");
	ff_page_put(page, ink, how);
	ff_page_tab(page, 28);
	ff_page_printf(page, FF_INK_PLAIN, "%s%s", id ? id : route ? route : "-", at_once);
	ff_page_end(page);
}

void ff_top_requests(const struct ff_top_told *told, struct ff_page *page)
{
	const json_t *requests = told->of[FF_TOLD_REQUESTS], *open = json_object_get(requests, "in_flight"), *each,
		     *total;
	const char *contention = ff_json_text(requests, "contention"), *key;
	int64_t seen = (int64_t)json_array_size(open);
	size_t i, shown = 0;
	if (!requests)
		return;
	heading(page, "Requests");
	json_object_foreach ((json_t *)json_object_get(requests, "totals"), key, total)
		seen += json_integer_value(total);
	if (!seen) {
		ff_page_put(page, FF_INK_DIM, "  none was seen yet");
		ff_page_end(page);
		return;
	}
	draw_minute(requests, page);
	draw_rate(requests, page);
	if (contention)
		ff_page_wrap(page, FF_INK_WARN, LABEL, 2, contention);
	json_array_foreach (open, i, each)
		if (json_number_value(json_object_get(each, "for_ms")) > LONG_MS && shown++ < SLOWEST)
			draw_request(each, "for_ms", "in work", FF_INK_WARN, page);
	json_array_foreach (json_object_get(requests, "slowest"), i, each) {
		const char *error = ff_json_text(each, "error_type"), *outcome = ff_json_text(each, "outcome");
		if (i < SLOWEST)
			draw_request(each, "duration_ms",
				error		  ? error
					: outcome ? outcome
						  : "",
				error ? FF_INK_BAD : FF_INK_DIM, page);
	}
}

// ---- incidents ----

static void draw_incident(const json_t *incident, struct ff_page *page)
{
	const char *cause = ff_json_text(incident, "cause"), *title = ff_json_text(incident, "title"),
		   *type = ff_json_text(incident, "error.type"), *message = ff_json_text(incident, "error.message");
	int64_t times = 1, at = ff_top_seconds(ff_json_text(incident, "last_seen"));
	char when[32] = "-";
	struct tm tm;
	time_t t = at;
	if (at > 0 && localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%b %d %H:%M:%S", &tm);
	ff_json_int(incident, "count", &times);
	ff_page_put(page, FF_INK_DIM, when);
	ff_page_tab(page, 16);
	if (times > 1)
		ff_page_printf(page, FF_INK_DIM, "%5lldx", (long long)times);
	ff_page_tab(page, 24);
	ff_page_put(page, FF_INK_TITLE, cause && cause[0] ? cause : title && title[0] ? title : "unknown");
	if (type)
		ff_page_printf(page, FF_INK_PLAIN, "  %s%s%s", type, message ? ": " : "", message ? message : "");
	ff_page_end(page);
}

void ff_top_incidents(const struct ff_top_told *told, struct ff_page *page)
{
	const json_t *list = json_object_get(told->of[FF_TOLD_INCIDENTS], "incidents"), *each;
	size_t i;
	if (!list)
		return;
	heading(page, "Incidents");
	if (json_array_size(list) == 0)
		ff_page_put(page, FF_INK_DIM, "  none is stored");
	else if (json_array_size(list) > INCIDENTS_MAX)
		ff_page_printf(page, FF_INK_DIM, "  the newest %d of %zu", INCIDENTS_MAX, json_array_size(list));
	ff_page_end(page);
	json_array_foreach (list, i, each)
		if (i < INCIDENTS_MAX)
			draw_incident(each, page);
}
