// Which names of packages may stand in a command, and which release an installer would take.
//
//	rules/data/packages.tsv: names seen on the registry when the table was made. A name that is neither there nor installed here may
//	be free for anybody to register, so no command ever holds it.
//	rules/data/releases.tsv: releases by package, newest first.
#include "base/table.h"
#include "fix/machine.h"
#include "parse/requirement.h"
#include "parse/version.h"

FF_EMBEDDED(ff_table, packages);
FF_EMBEDDED(ff_table, releases);

static bool find_row(struct ff_span text, const char *name, struct ff_table_row *ret)
{
	struct ff_table table = ff_table_of(text);
	while (ff_table_next(&table, ret))
		if (ff_package_name_equal(ret->cells[0], ff_span_of(name)))
			return true;
	return false;
}

bool ff_fix_package_known(const struct ff_fix_machine *machine, const char *name)
{
	struct ff_table_row row;
	bool absent;
	const json_t *here = machine->facts ? ff_json_at(machine->facts, "python.packages") : NULL;
	return (here && ff_machine_package(machine, name, &absent)) || find_row(ff_table_packages, name, &row);
}

void ff_fix_release(const char *name, const char *need, struct ff_buf *ret)
{
	struct ff_table_row row;
	if (!find_row(ff_table_releases, name, &row))
		return;
	struct ff_span rest = row.cells[1], one;
	while (rest.n && ff_span_next(&rest, ' ', &one)) {
		if (!need || ff_version_satisfies_spans(one, ff_span_of(need)) == FF_SATISFIES_YES) {
			ff_buf_span(ret, one);
			return;
		}
	}
}
