// Tables of rules/data: the reader on odd input, and every shipped table well-formed.
#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

FF_EMBEDDED(ff_table, driver_cuda);

static void reads_rows(void **state)
{
	(void)state;
	struct ff_table table = ff_table_of(FF_SPAN("# source\n\nkey\tvalue\tnote\r\na\t1\t-\nb\n# c\nc\t\tx\ty"));
	assert_int_equal(table.columns.n, 3);
	struct ff_table_row row;
	assert_true(ff_table_next(&table, &row));
	assert_true(ff_span_eq(ff_table_cell(&table, &row, "value"), "1"));
	assert_int_equal(ff_table_cell(&table, &row, "note").n, 0);
	assert_int_equal(row.line, 4);
	assert_true(ff_table_next(&table, &row));
	assert_true(ff_span_eq(row.cells[0], "b"));
	assert_int_equal(ff_table_cell(&table, &row, "value").n, 0);
	assert_true(ff_table_next(&table, &row));
	assert_int_equal(row.n, 4);
	assert_int_equal(ff_table_cell(&table, &row, "nothing").n, 0);
	assert_false(ff_table_next(&table, &row));
}

static void empty_table_has_no_rows(void **state)
{
	(void)state;
	struct ff_table table = ff_table_of((struct ff_span){NULL, 0});
	struct ff_table_row row;
	assert_false(ff_table_next(&table, &row));
}

static void too_many_cells_are_dropped(void **state)
{
	(void)state;
	struct ff_table table =
		ff_table_of(FF_SPAN("a\n1\t2\t3\t4\t5\t6\t7\t8\t9\t10\t11\t12\t13\t14\t15\t16\t17\t18\nx"));
	struct ff_table_row row;
	assert_true(ff_table_next(&table, &row));
	assert_int_equal(row.n, FF_TABLE_COLUMNS);
	assert_true(ff_table_next(&table, &row));
	assert_true(ff_span_eq(row.cells[0], "x"));
}

static void finds_by_key(void **state)
{
	(void)state;
	struct ff_table_row row;
	assert_true(ff_table_find(ff_table_driver_cuda, ff_span_of("12.1"), &row));
	assert_true(ff_span_eq(row.cells[1], "530.30.02"));
	assert_false(ff_table_find(ff_table_driver_cuda, ff_span_of("12"), &row));
}

// A table without a source line, with a row of another width or with the same key twice is a mistake in the data.
static void check_table(const struct ff_embedded *file)
{
	struct ff_table table = ff_table_of(file->text);
	if (!ff_span_starts(file->text, "#"))
		fail_msg("%s: no comment that names the source", file->name);
	if (!memmem(file->text.p, file->text.n, "ource:", 6))
		fail_msg("%s: no 'Source:' in its header", file->name);
	size_t rows = 0;
	for (struct ff_table_row row; ff_table_next(&table, &row); rows++)
		if (row.n != table.columns.n)
			fail_msg("%s:%u: %zu cells, the header has %zu", file->name, row.line, row.n, table.columns.n);
	if (!rows)
		fail_msg("%s: no rows", file->name);
}

static void shipped_tables_are_well_formed(void **state)
{
	(void)state;
	assert_true(ff_table_file_count > 0);
	for (size_t i = 0; i < ff_table_file_count; i++)
		check_table(&ff_table_files[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_rows),
		cmocka_unit_test(empty_table_has_no_rows),
		cmocka_unit_test(too_many_cells_are_dropped),
		cmocka_unit_test(finds_by_key),
		cmocka_unit_test(shipped_tables_are_well_formed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
