// What the cells of a notebook said, in the order in which the kernel ran them: a cell may stand above one that ran
// before it. Only streams and errors are output of a program; sources, texts and shown values are nobody's error. A
// cell that was run again keeps its last output only.
//
//	{"cells": [{"cell_type": "code", "execution_count": 3, "outputs": [{"output_type": "error", "traceback": ["..."]}]}]}
//
//	In [3]:
//	ModuleNotFoundError                       Traceback (most recent call last)
#include "log/notebook.h"

#include "base/json.h"

#include <stdlib.h>

bool ff_notebook_may(struct ff_span head)
{
	static const char *const keys[] = {"\"cells\"", "\"nbformat", "\"metadata\"", "\"worksheets\""};
	size_t i = 0;
	if (!head.n || head.p[0] != '{')
		return false;
	for (i = 1; i < head.n && strchr(" \t\r\n", head.p[i]);)
		i++;
	for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
		if (ff_span_starts((struct ff_span){head.p + i, head.n - i}, keys[k]))
			return true;
	}
	return false;
}

bool ff_notebook_goes_on(struct ff_span beginning)
{
	return beginning.n <= FF_NOTEBOOK_MAX &&
		(beginning.n < FF_NOTEBOOK_SURE ||
			memmem(beginning.p, beginning.n, "\"cell_type\"", strlen("\"cell_type\"")));
}

static void add_line(struct ff_buf *b, const char *text, size_t n)
{
	ff_buf_add(b, text, n);
	if (n && text[n - 1] != '\n')
		ff_buf_char(b, '\n');
}

// A text is a string, or a list of strings that are put one behind the other.
static void add_text(struct ff_buf *b, const json_t *text, bool lines)
{
	size_t i;
	json_t *part;
	if (json_is_string(text))
		ff_buf_add(b, json_string_value(text), json_string_length(text));
	json_array_foreach (text, i, part) {
		if (lines && json_is_string(part))
			add_line(b, json_string_value(part), json_string_length(part));
		else if (json_is_string(part))
			ff_buf_add(b, json_string_value(part), json_string_length(part));
	}
	if (b->n && b->p[b->n - 1] != '\n')
		ff_buf_char(b, '\n');
}

static void add_error(struct ff_buf *b, const json_t *output)
{
	const json_t *traceback = json_object_get(output, "traceback");
	const char *name = ff_json_text(output, "ename"), *value = ff_json_text(output, "evalue");
	if (json_array_size(traceback))
		add_text(b, traceback, true);
	else if (name)
		ff_buf_printf(b, "%s: %s\n", name, value ? value : "");
}

static void add_cell(struct ff_buf *b, const json_t *cell, int64_t count)
{
	size_t i;
	json_t *output;
	ff_buf_printf(b, "\nIn [%lld]:\n", (long long)count); // a blank line ends the message above
	json_array_foreach (json_object_get(cell, "outputs"), i, output) {
		const char *type = ff_json_text(output, "output_type");
		if (type && strcmp(type, "stream") == 0)
			add_text(b, json_object_get(output, "text"), false);
		else if (type && (strcmp(type, "error") == 0 || strcmp(type, "pyerr") == 0))
			add_error(b, output);
	}
}

struct ran {
	const json_t *cell;
	int64_t count; // of its run; one that has none ran with the one above it
	size_t place;
};

static int by_run(const void *a, const void *b)
{
	const struct ran *x = a, *y = b;
	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static void add_cells(struct ff_buf *b, const json_t *cells)
{
	_cleanup_free_ struct ran *order = calloc(json_array_size(cells) + 1, sizeof(*order));
	size_t i, n = 0;
	int64_t last = 0;
	json_t *cell;
	json_array_foreach (cells, i, cell) {
		const char *type = ff_json_text(cell, "cell_type");
		if (!order || !type || strcmp(type, "code") != 0)
			continue;
		if (!ff_json_int(cell, "execution_count", &last))
			ff_json_int(cell, "prompt_number", &last);
		order[n] = (struct ran){cell, last, n};
		n++;
	}
	if (!order) {
		b->failed = true;
		return;
	}
	qsort(order, n, sizeof(*order), by_run);
	for (i = 0; i < n; i++)
		add_cell(b, order[i].cell, order[i].count);
}

bool ff_notebook_text(struct ff_span bytes, struct ff_buf *ret)
{
	_cleanup_json_ json_t *doc = NULL;
	ff_error_destroy(ff_json_parse("notebook", bytes.p, bytes.n, &doc));
	const json_t *cells = json_object_get(doc, "cells");
	if (!cells)
		cells = ff_json_at(doc, "worksheets.0.cells"); // nbformat 3
	if (!json_is_array(cells) || !ff_json_at(doc, "nbformat"))
		return false;
	add_cells(ret, cells);
	return true;
}
