// The table of a release note: GPUs down, drivers across.
//
//	              535.183.01  550.127.05  570.133.20
//	              CUDA 12.2   CUDA 12.4   CUDA 12.8
//	  A100        runs        runs        runs
//	  RTX 5090    -           -           a
//
//	  a: torch.no-kernel-image: RTX 5090 has compute capability 12.0, and torch 2.3.1+cu121 carries no code for it.
//	  -: that driver does not know the GPU
#include "emit/matrix.h"

#include "base/clean.h"
#include "base/str.h"

#include <stdio.h>

enum { CAUSES_MAX = 26, COLUMN = 12, NAME = 14 };

// The letters of causes, in the order in which they come.
struct legend {
	const json_t *cells[CAUSES_MAX];
	size_t n;
};

static const char *text_at(const json_t *doc, const char *key)
{
	const char *text = ff_json_text(doc, key);
	return text ? text : "";
}

// By cause and by what is said: two GPUs that lack code are two lines.
static size_t letter_of(struct legend *l, const json_t *cell)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(text_at(l->cells[i], "cause"), text_at(cell, "cause")) == 0 &&
			strcmp(text_at(l->cells[i], "why"), text_at(cell, "why")) == 0)
			return i;
	}
	if (l->n == CAUSES_MAX)
		return CAUSES_MAX - 1;
	l->cells[l->n] = cell;
	return l->n++;
}

static void put_cell(const json_t *cell, struct legend *l, char ret[COLUMN])
{
	const json_t *runs = json_object_get(cell, "runs");
	if (json_is_true(runs))
		snprintf(ret, COLUMN, "runs");
	else if (json_is_false(runs))
		snprintf(ret, COLUMN, "%c", (char)('a' + letter_of(l, cell)));
	else
		snprintf(ret, COLUMN, "-");
}

static void put_legend(const struct legend *l, bool dashes, const char *begin, struct ff_buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_buf_ struct ff_buf why = {0};
		const char *text = text_at(l->cells[i], "why");
		ff_clean(&why, ff_span_of(text), true);
		ff_buf_printf(out, "%s%c: %s: %s\n", begin, (char)('a' + i), text_at(l->cells[i], "cause"),
			why.p ? why.p : "");
	}
	if (dashes)
		ff_buf_printf(out, "%s-: that driver does not know the GPU\n", begin);
}

struct look {
	const char *first, *between, *last; // of a row
	const char *legend;
	bool padded, ruled;
};

static void put_row(
	const struct look *look, const char *name, const json_t *drivers, const char *key, struct ff_buf *out)
{
	size_t i;
	json_t *driver;
	ff_buf_printf(out, "%s%-*s", look->first, look->padded ? NAME : 0, name);
	json_array_foreach (drivers, i, driver) {
		bool cuda = strcmp(key, "cuda") == 0;
		char text[32];
		snprintf(text, sizeof(text), "%s%s", cuda ? "CUDA " : "", text_at(driver, key));
		ff_buf_printf(out, "%s%-*s", look->between, look->padded ? COLUMN : 0, text);
	}
	ff_buf_printf(out, "%s\n", look->last);
}

static struct ff_error *write_table(const json_t *doc, const struct look *look, char **ret)
{
	struct ff_buf out = {0};
	struct legend legend = {.n = 0};
	const json_t *drivers = json_object_get(doc, "drivers"), *cells = json_object_get(doc, "cells");
	size_t i, k, width = json_array_size(drivers);
	json_t *gpu;
	bool dashes = false;
	ff_buf_printf(&out, "Where %s runs, as far as its files tell\n\n", text_at(doc, "of"));
	put_row(look, "", drivers, "version", &out);
	if (look->ruled) {
		ff_buf_str(&out, "|---|");
		for (k = 0; k < width; k++)
			ff_buf_str(&out, "---|");
		ff_buf_char(&out, '\n');
	}
	put_row(look, "", drivers, "cuda", &out);
	json_array_foreach (json_object_get(doc, "gpus"), i, gpu) {
		ff_buf_printf(&out, "%s%-*s", look->first, look->padded ? NAME : 0, text_at(gpu, "name"));
		for (k = 0; k < width; k++) {
			const json_t *cell = json_array_get(cells, i * width + k);
			char text[COLUMN];
			dashes |= json_is_null(json_object_get(cell, "runs"));
			put_cell(cell, &legend, text);
			ff_buf_printf(&out, "%s%-*s", look->between, look->padded ? COLUMN : 0, text);
		}
		ff_buf_printf(&out, "%s\n", look->last);
	}
	ff_buf_char(&out, '\n');
	put_legend(&legend, dashes, look->legend, &out);
	return ff_buf_finish(&out, ret);
}

struct ff_error *ff_matrix_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	static const struct look text = {.first = "  ", .between = "", .last = "", .legend = "  ", .padded = true};
	(void)style;
	return write_table(doc, &text, ret);
}

struct ff_error *ff_matrix_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	static const struct look markdown = {
		.first = "| ", .between = " | ", .last = " |", .legend = "- ", .ruled = true};
	(void)style;
	return write_table(doc, &markdown, ret);
}
