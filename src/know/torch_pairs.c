// The partner of a torch release, and the torch of a release, from the tables; a local part ("+cu121") and a suffix do
// not matter.
#include "know/torch_pairs.h"

#include "base/table.h"
#include "parse/version.h"

FF_EMBEDDED(ff_table, torch_pairs);
FF_EMBEDDED(ff_table, torch_pins);

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

// torchvision 0.18.1 was built for one torch: the row that names it.
static bool torch_of_partner(const char *package, const struct ff_version *v, struct ff_span *ret)
{
	struct ff_table table = ff_table_of(ff_table_torch_pairs);
	struct ff_version one;
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		struct ff_span cell = ff_table_cell(&table, &row, package);
		if (!ff_span_starts(cell, "==") || !ff_version_parse((struct ff_span){cell.p + 2, cell.n - 2}, &one) ||
			ff_version_order_public(v, &one) != 0)
			continue;
		*ret = row.cells[0];
		return true;
	}
	return false;
}

bool ff_know_torch_asked(const char *package, const char *version, struct ff_span *ret)
{
	struct ff_table table = ff_table_of(ff_table_torch_pins);
	struct ff_version v, first, last;
	if (!ff_version_parse(ff_span_of(version), &v))
		return false;
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		if (!ff_span_eq(row.cells[0], package) || !ff_version_parse(row.cells[1], &first) ||
			!ff_version_parse(row.cells[2], &last) || ff_version_order_public(&v, &first) < 0 ||
			ff_version_order_public(&v, &last) > 0)
			continue;
		*ret = row.cells[3];
		return true;
	}
	return torch_of_partner(package, &v, ret);
}

bool ff_know_torch_asks(const char *package)
{
	struct ff_table_row row;
	return ff_table_find(ff_table_torch_pins, ff_span_of(package), &row);
}
