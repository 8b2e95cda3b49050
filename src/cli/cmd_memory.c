// firstfix memory: what a worker's memory did, from the samples that its agent keeps; also after both are gone.
//
//	$ firstfix memory --since 10m
//	gpu 0  ▁▂▂▃▄▄▅▆▆▇  12.3 of 31.8 GB used, 11.9 by the worker   +14.0 MB a minute
//	host   ▄▄▄▄▄▄▄▄▄▄  4.1 GB resident
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/spark.h"

#include "agent/history.h"
#include "agent/trend.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/complain.h"
#include "base/since.h"
#include "base/statedir.h"
#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	ROWS_MAX = 20000,
	WIDTH = 60,
	SVG_W = 900,
	SVG_H = 180,
	SVG_LEFT = 70,
	SVG_RIGHT = 20,
	SVG_TOP = 30,
	SVG_BOTTOM = 30
};
static const double gb = 1 << 30, mb = 1 << 20;

struct rows {
	struct ff_sample_row *row;
	size_t n;
};

static bool take(const struct ff_sample_row *row, void *arg)
{
	struct rows *r = arg;
	if (r->n == ROWS_MAX) { // keep every second one
		for (size_t i = 0; i < ROWS_MAX / 2; i++)
			r->row[i] = r->row[2 * i];
		r->n = ROWS_MAX / 2;
	}
	r->row[r->n++] = *row;
	return true;
}

static bool last_of(const struct ff_sample_row *row, void *arg)
{
	*(int64_t *)arg = row->v[FF_COL_TIME_MS];
	return true;
}

// The file whose last sample is the newest.
static struct ff_error *open_newest(const char *dir, struct ff_history **ret)
{
	_cleanup_free_ char *state = NULL, *folder = NULL;
	struct ff_history *best = NULL;
	int64_t best_at = -1;
	struct ff_error *err = ff_statedir_path(dir, &state);
	if (err)
		return err;
	if (asprintf(&folder, "%s/agent", state) < 0)
		return &ff_enomem;
	_cleanup_closedir_ DIR *d = opendir(folder);
	for (const struct dirent *e; d && (e = readdir(d));) {
		char path[PATH_MAX + 300];
		struct ff_history *one = NULL;
		int64_t at = -1;
		if (!ff_ends(e->d_name, ".memory"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		ff_error_destroy(ff_history_open(path, true, &one));
		if (one)
			ff_history_read(one, 0, last_of, &at);
		if (at > best_at) {
			ff_history_close(best);
			best = one;
			best_at = at;
		} else {
			ff_history_close(one);
		}
	}
	if (!best)
		return ff_error_create(FF_EABSENT,
			"%s: no agent has kept samples here ('firstfix run --listen', 'firstfix agent')", folder);
	*ret = best;
	return NULL;
}

// One resource: the value of a row, -1 where not known.
static int64_t value_of(const struct ff_sample_row *row, int gpu, enum ff_gpu_column column)
{
	if (gpu < 0)
		return row->v[FF_COL_RSS];
	return (unsigned)gpu < row->gpus ? ff_sample_gpu(row, (unsigned)gpu, column) : -1;
}

static int64_t limit_of(const struct ff_sample_row *row, int gpu)
{
	return gpu < 0 ? row->v[FF_COL_GROUP_LIMIT] : value_of(row, gpu, FF_GPU_TOTAL);
}

// The highest value in each of `width` equal pieces of time; -1 where nothing is known.
static void columns_of(const struct rows *r, int gpu, enum ff_gpu_column column, size_t width, double *ret)
{
	int64_t first = r->row[0].v[FF_COL_TIME_MS], span = r->row[r->n - 1].v[FF_COL_TIME_MS] - first;
	for (size_t i = 0; i < width; i++)
		ret[i] = -1;
	for (size_t i = 0; i < r->n; i++) {
		int64_t offset = r->row[i].v[FF_COL_TIME_MS] - first;
		size_t at = span > 0 && offset > 0 ? (size_t)((double)offset / (double)span * (double)(width - 1)) : 0;
		double value = (double)value_of(&r->row[i], gpu, column);
		if (at < width && value > ret[at])
			ret[at] = value;
	}
}

static void write_growth(const struct rows *r, int gpu, struct ff_buf *out)
{
	struct ff_point points[4 * FF_TREND_POINTS];
	struct ff_trend trend;
	size_t n = 0, step = r->n / (4 * FF_TREND_POINTS) + 1;
	for (size_t i = 0; i < r->n && n < 4 * FF_TREND_POINTS; i += step)
		if (value_of(&r->row[i], gpu, FF_GPU_USED) >= 0)
			points[n++] = (struct ff_point){(double)r->row[i].v[FF_COL_TIME_MS] / 1e3,
				(double)value_of(&r->row[i], gpu, FF_GPU_USED)};
	if (ff_trend_of(points, n, &trend) && (trend.low > 0 || trend.high < 0) &&
		(trend.slope * 60 > mb / 10 || trend.slope * 60 < -mb / 10))
		ff_buf_printf(out, "   %+.1f MB a minute (%+.1f to %+.1f)", trend.slope * 60 / mb, trend.low * 60 / mb,
			trend.high * 60 / mb);
}

static void write_line(const struct rows *r, int gpu, bool utf8, struct ff_buf *out)
{
	const struct ff_sample_row *last = &r->row[r->n - 1];
	double column[WIDTH], most = (double)limit_of(last, gpu);
	int64_t used = value_of(last, gpu, FF_GPU_USED), ours = gpu < 0 ? -1 : value_of(last, gpu, FF_GPU_OURS);
	columns_of(r, gpu, FF_GPU_USED, WIDTH, column);
	for (size_t i = 0; i < WIDTH && limit_of(last, gpu) <= 0; i++)
		most = column[i] > most ? column[i] : most;
	ff_buf_printf(out, gpu < 0 ? "host   " : "gpu %-2d ", gpu);
	for (size_t i = 0; i < WIDTH; i++)
		ff_buf_str(out, ff_spark(column[i], most, utf8));
	if (used < 0)
		ff_buf_str(out, "  not known");
	else if (limit_of(last, gpu) > 0)
		ff_buf_printf(out, "  %.1f of %.1f GB %s", (double)used / gb, (double)limit_of(last, gpu) / gb,
			gpu < 0 ? "resident" : "used");
	else
		ff_buf_printf(out, "  %.1f GB %s", (double)used / gb, gpu < 0 ? "resident" : "used");
	if (ours >= 0)
		ff_buf_printf(out, ", %.1f by the worker", (double)ours / gb);
	write_growth(r, gpu, out);
	ff_buf_char(out, '\n');
}

static void write_text(const struct rows *r, bool utf8, struct ff_buf *out)
{
	char from[FF_TIME_LEN], to[FF_TIME_LEN];
	const struct ff_sample_row *last = &r->row[r->n - 1];
	ff_clock_format((uint64_t)r->row[0].v[FF_COL_TIME_MS] * 1000000, from);
	ff_clock_format((uint64_t)last->v[FF_COL_TIME_MS] * 1000000, to);
	ff_buf_printf(out, "%.19sZ to %.19sZ, %lld requests\n", from, to,
		(long long)(last->v[FF_COL_REQUESTS] - r->row[0].v[FF_COL_REQUESTS]));
	for (int gpu = 0; gpu < (int)last->gpus; gpu++)
		write_line(r, gpu, utf8, out);
	write_line(r, -1, utf8, out);
}

struct plot {
	double x0, x1, top, most;
};

static void write_path(const struct rows *r, int gpu, enum ff_gpu_column column, const char *colour,
	const struct plot *p, struct ff_buf *out)
{
	double values[SVG_W];
	size_t width = (size_t)(p->x1 - p->x0);
	bool pen = false;
	columns_of(r, gpu, column, width, values);
	ff_buf_printf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" d=\"", colour);
	for (size_t i = 0; i < width; i++) {
		if (values[i] < 0) // between two samples: the line goes on
			continue;
		double h = SVG_H - SVG_TOP - SVG_BOTTOM;
		ff_buf_printf(out, "%c%.0f %.1f", pen ? 'L' : 'M', p->x0 + (double)i,
			p->top + SVG_TOP + h - h * values[i] / p->most);
		pen = true;
	}
	ff_buf_str(out, "\"/>\n");
}

static void write_plot(const struct rows *r, int gpu, double top, struct ff_buf *out)
{
	static const struct {
		enum ff_gpu_column column;
		const char *colour, *name;
	} lines[] = {{FF_GPU_USED, "#d1495b", "used"}, {FF_GPU_RESERVED, "#edae49", "reserved"},
		{FF_GPU_ALLOCATED, "#00798c", "allocated"}};
	const struct ff_sample_row *last = &r->row[r->n - 1];
	struct plot p = {SVG_LEFT, SVG_W - SVG_RIGHT, top, (double)limit_of(last, gpu)};
	if (p.most <= 0)
		for (size_t i = 0; i < r->n; i++)
			p.most = (double)value_of(&r->row[i], gpu, FF_GPU_USED) * 1.1 > p.most
				? (double)value_of(&r->row[i], gpu, FF_GPU_USED) * 1.1
				: p.most;
	p.most = p.most > 0 ? p.most : 1;
	double bottom = top + SVG_H - SVG_BOTTOM;
	ff_buf_printf(out, "<text x=\"%d\" y=\"%.0f\" font-weight=\"bold\">", SVG_LEFT, top + 18);
	ff_buf_printf(out, gpu < 0 ? "host" : "GPU %d", gpu);
	ff_buf_printf(out, "</text>\n<path stroke=\"#888\" fill=\"none\" d=\"M%d %.0fV%.0fH%d\"/>\n", SVG_LEFT,
		top + SVG_TOP, bottom, SVG_W - SVG_RIGHT);
	ff_buf_printf(out,
		"<text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">%.1f GB</text>\n<text x=\"%d\" y=\"%.0f\" "
		"text-anchor=\"end\">0</text>\n",
		SVG_LEFT - 6, top + SVG_TOP + 10, p.most / gb, SVG_LEFT - 6, bottom);
	size_t n = gpu < 0 ? 1 : sizeof(lines) / sizeof(lines[0]);
	for (size_t i = 0; i < n; i++) {
		write_path(r, gpu, lines[i].column, lines[i].colour, &p, out);
		ff_buf_printf(out, "<text x=\"%zu\" y=\"%.0f\" fill=\"%s\">%s</text>\n", (size_t)SVG_LEFT + 90 + 90 * i,
			top + 18, lines[i].colour, gpu < 0 ? "resident" : lines[i].name);
	}
}

static void write_svg(const struct rows *r, struct ff_buf *out)
{
	char from[FF_TIME_LEN], to[FF_TIME_LEN];
	const struct ff_sample_row *last = &r->row[r->n - 1];
	int plots = (int)last->gpus + 1, height = plots * SVG_H + 20;
	ff_clock_format((uint64_t)r->row[0].v[FF_COL_TIME_MS] * 1000000, from);
	ff_clock_format((uint64_t)last->v[FF_COL_TIME_MS] * 1000000, to);
	ff_buf_printf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
		"font-size=\"12\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
		SVG_W, height);
	for (int gpu = 0; gpu < plots; gpu++)
		write_plot(r, gpu == plots - 1 ? -1 : gpu, gpu * SVG_H, out);
	ff_buf_printf(out,
		"<text x=\"%d\" y=\"%d\">%.19sZ</text>\n<text x=\"%d\" y=\"%d\" "
		"text-anchor=\"end\">%.19sZ</text>\n</svg>\n",
		SVG_LEFT, height - 6, from, SVG_W - SVG_RIGHT, height - 6, to);
}

static int show(const struct rows *r, const char *svg, bool utf8)
{
	_cleanup_buf_ struct ff_buf text = {0};
	if (r->n == 0) {
		ff_complain("firstfix memory: no sample is so new");
		return 1;
	}
	if (svg)
		write_svg(r, &text);
	else
		write_text(r, utf8, &text);
	if (text.failed)
		return ff_fail("memory", &ff_enomem);
	bool to_file = svg && strcmp(svg, "-") != 0;
	return ff_output_write("memory", &(struct ff_output){.file = to_file ? svg : NULL}, text.p) ? 0 : 2;
}

int ff_cmd_memory(int argc, char **argv)
{
	struct ff_output output = {0};
	const char *since = NULL, *svg = NULL, *dir = NULL;
	bool text = false;
	const struct ff_option options[] = {
		{"since", 0, FF_OPT_TEXT, "TIME",
			"not what is older: 90s, 10m, 2h, 1d, or 2026-11-23T03:14:03Z (default 1h)", &since},
		{"svg", 0, FF_OPT_TEXT, "FILE", "draw it (- is standard output)", &svg},
		{"text", 0, FF_OPT_FLAG, NULL, "lines for a terminal (default)", &text},
		FF_DIR_OPTION(dir),
		FF_ASCII_OPTION(output.ascii),
	};
	const struct ff_usage usage = {
		.command = "memory",
		.operands = "",
		.summary = "what a worker's memory did over time, also after it is gone",
		.details = "From the samples that an agent keeps (firstfix run --listen, firstfix agent): every second "
			   "for about an\n"
			   "hour, every half minute for about a day. Of several agents the one with the newest sample "
			   "is shown.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
	};
	uint64_t since_ns = 0;
	struct ff_history *history = NULL;
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	free(parsed.operands);
	if (svg && text)
		return ff_usage_error("memory", "--svg and --text exclude each other");
	if (!ff_since_parse(since ? since : "1h", &since_ns))
		return ff_usage_error("memory", FF_SINCE_WRONG, since);
	struct ff_error *err = open_newest(dir, &history);
	if (err)
		return ff_fail("memory", err);
	struct rows rows = {calloc(ROWS_MAX, sizeof(*rows.row)), 0};
	if (rows.row)
		ff_history_read(history, (int64_t)(since_ns / 1000000), take, &rows);
	struct ff_style style = ff_output_style(&output);
	int code = rows.row ? show(&rows, svg, style.utf8) : ff_fail("memory", &ff_enomem);
	free(rows.row);
	ff_history_close(history);
	return code;
}
