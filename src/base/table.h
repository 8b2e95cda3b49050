// Tables of knowledge: rules/data/<name>.tsv, embedded at build (list the name in src/know/meson.build).
//
// Lines that start with # are comments (source and date stand there), the first other line names the columns, each line
// after that is a row. Cells are split at tabs; a cell of one `-` is empty.
//
//	FF_EMBEDDED(ff_table, xid);
//	struct ff_table table = ff_table_of(ff_table_xid);
//	for (struct ff_table_row row; ff_table_next(&table, &row);)
//		if (ff_span_eq(row.cells[XID_CLASS], "app")) ...
#pragma once

#include "base/embed.h"

enum { FF_TABLE_COLUMNS = 16 };

/** Cells of one row, in the order of the columns; those that the row lacks are empty. */
struct ff_table_row {
	struct ff_span cells[FF_TABLE_COLUMNS];
	size_t n;      /**< cells that the line had */
	unsigned line; /**< counted from 1 */
};

/** A table that is being read. */
struct ff_table {
	struct ff_table_row columns; /**< their names */
	struct ff_span rest;
	unsigned line;
};

/** Start to read a table. Nothing is copied; spans point into `text`. */
struct ff_table ff_table_of(struct ff_span text);

/** The next row; false at the end. Cells beyond FF_TABLE_COLUMNS are dropped. */
bool ff_table_next(struct ff_table *table, struct ff_table_row *ret);

/** The cell under a column by its name; empty when there is no such column. */
struct ff_span ff_table_cell(const struct ff_table *table, const struct ff_table_row *row, const char *column);

/** The first row whose first cell is `key`; false when there is none. */
bool ff_table_find(struct ff_span text, struct ff_span key, struct ff_table_row *ret);

/** Every embedded table. */
extern const struct ff_embedded ff_table_files[];
extern const size_t ff_table_file_count;
