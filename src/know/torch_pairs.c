// The partner of a torch release, from the table; a local part ("+cu121") and a suffix do not matter.
#include "know/torch_pairs.h"

#include "base/table.h"
#include "parse/version.h"

FF_EMBEDDED(ff_table, torch_pairs);

bool ff_know_torch_partner(const char *torch, const char *partner, struct ff_span *ret)
{
	struct ff_table table = ff_table_of(ff_table_torch_pairs);
	struct ff_version wanted, v;
	if (!ff_version_parse(ff_span_of(torch), &wanted))
		return false;
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		struct ff_span cell = ff_table_cell(&table, &row, partner);
		if (!cell.n || !ff_version_parse(row.cells[0], &v) || ff_version_order_public(&wanted, &v) != 0)
			continue;
		*ret = cell;
		return true;
	}
	return false;
}
