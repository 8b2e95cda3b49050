// Reads the tab-separated tables of rules/data. They are ours and embedded, yet read like any other input: a row that
// is too short or too long gives empty or dropped cells, nothing more.
//
//	# NVIDIA Xid catalogue, ...
//	xid	name	class	action	cause
//	79	GPU has fallen off the bus	node	reboot	gpu.fell-off-bus
#include "base/table.h"

static bool next_line(struct ff_table *table, struct ff_table_row *ret)
{
	struct ff_span line;
	do {
		if (!ff_span_next(&table->rest, '\n', &line))
			return false;
		table->line++;
	} while (ff_span_starts(line, "#") || ff_span_trim(line).n == 0);
	if (ff_span_ends(line, "\r"))
		line.n--;
	struct ff_table_row row = {.line = table->line};
	for (struct ff_span cell; row.n < FF_TABLE_COLUMNS && ff_span_next(&line, '\t', &cell); row.n++)
		row.cells[row.n] = ff_span_eq(cell, "-") ? (struct ff_span){cell.p, 0} : cell;
	*ret = row;
	return true;
}

struct ff_table ff_table_of(struct ff_span text)
{
	struct ff_table table = {.rest = text};
	next_line(&table, &table.columns);
	return table;
}

bool ff_table_next(struct ff_table *table, struct ff_table_row *ret)
{
	return next_line(table, ret);
}

struct ff_span ff_table_cell(const struct ff_table *table, const struct ff_table_row *row, const char *column)
{
	for (size_t i = 0; i < table->columns.n; i++)
		if (ff_span_eq(table->columns.cells[i], column))
			return row->cells[i];
	return (struct ff_span){NULL, 0};
}

// Most rows are others: they are passed by their beginning.
static bool begins_with(struct ff_span rest, struct ff_span key)
{
	return rest.n >= key.n && memcmp(rest.p, key.p, key.n) == 0 &&
		(rest.n == key.n || strchr("\t\r\n", rest.p[key.n]));
}

bool ff_table_find(struct ff_span text, struct ff_span key, struct ff_table_row *ret)
{
	struct ff_table table = ff_table_of(text);
	struct ff_span line;
	while (key.n && table.rest.n) {
		if (begins_with(table.rest, key))
			return next_line(&table, ret) && ff_span_same(ret->cells[0], key);
		if (!ff_span_next(&table.rest, '\n', &line))
			return false;
		table.line++;
	}
	return false;
}
