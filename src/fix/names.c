// Which names of packages may stand in a command, and which release an installer would take.
//
//	rules/data/packages.tsv: names seen on the registry when the table was made. A name that is neither there nor installed here from an index may
//	be free for anybody to register, so no command ever holds it. A name that the METADATA of an installed package requires is one.
//	rules/data/releases.tsv: releases by package, newest first.
//	rules/data/cuda_libraries.tsv: which package brings a shared library ("libcudnn.so.9": nvidia-cudnn). How the package is called for a
//	CUDA version is read from what torch asks for: "nvidia-cudnn-cu12"; a soname's number is not a CUDA version.
#include "base/table.h"
#include "fix/machine.h"
#include "know/facts.h"
#include "parse/requirement.h"
#include "parse/version.h"

FF_EMBEDDED(ff_table, packages);
FF_EMBEDDED(ff_table, releases);
FF_EMBEDDED(ff_table, cuda_libraries);

static bool find_row(struct ff_span text, const char *name, struct ff_table_row *ret)
{
	struct ff_table table = ff_table_of(text);
	while (ff_table_next(&table, ret))
		if (ff_package_name_equal(ret->cells[0], ff_span_of(name)))
			return true;
	return false;
}

// What an installed package asks for in its METADATA and does not find is named by whoever made that package.
static bool is_required_here(const json_t *facts, const char *name)
{
	size_t i;
	json_t *conflict;
	json_array_foreach (facts ? ff_json_at(facts, "python.conflicts") : NULL, i, conflict) {
		const char *requires = ff_json_text(conflict, "requires");
		struct ff_requirement r;
		if (!requires)
			continue;
		_cleanup_error_ struct ff_error *err = ff_requirement_parse("requires", ff_span_of(requires), &r);
		if (!err && ff_package_name_equal(r.name, ff_span_of(name)))
			return true;
	}
	return false;
}

// Installed from an index, as far as its metadata says (PEP 610). conda's builds name the folder they were built in.
static bool is_from_index(const json_t *facts, const char *name)
{
	const json_t *here = facts ? ff_facts_package(ff_json_at(facts, "python.packages"), name) : NULL;
	const char *kind = facts ? ff_json_text(facts, "python.kind") : NULL;
	bool conda = kind && strcmp(kind, "conda") == 0;
	return here && !json_object_get(here, "editable") && (conda || !json_object_get(here, "source"));
}

bool ff_fix_package_known(const struct ff_fix_machine *machine, const char *name)
{
	struct ff_table_row row;
	return is_from_index(machine->facts, name) || is_required_here(machine->facts, name) ||
		find_row(ff_table_packages, name, &row);
}

// "==9.1.0.70" names the release itself.
static void exact_release(const char *need, struct ff_buf *ret)
{
	if (need && ff_starts(need, "==") && !strpbrk(need, ",*"))
		ff_buf_str(ret, need + 2);
}

void ff_fix_release(const char *name, const char *need, struct ff_buf *ret)
{
	struct ff_table_row row;
	if (!find_row(ff_table_releases, name, &row)) {
		exact_release(need, ret);
		return;
	}
	struct ff_span rest = row.cells[1], one;
	while (rest.n && ff_span_next(&rest, ' ', &one)) {
		if (!need || ff_version_satisfies_spans(one, ff_span_of(need)) == FF_SATISFIES_YES) {
			ff_buf_span(ret, one);
			return;
		}
	}
	exact_release(need, ret);
}

// ---- shared libraries ----

// "libcublas" of "libcublas.so.12", "libcudnn" of "libcudnn_ops.so.9": the row whose name it is.
static bool library_row(const char *soname, struct ff_table *table, struct ff_table_row *ret)
{
	*table = ff_table_of(ff_table_cuda_libraries);
	struct ff_span name = {soname, strcspn(soname, ".-")};
	while (ff_table_next(table, ret)) {
		struct ff_span row = ret->cells[0];
		bool part = name.n > row.n && memcmp(name.p, row.p, row.n) == 0 && name.p[row.n] == '_';
		if (ff_span_same(row, name) || part)
			return ff_table_cell(table, ret, "package").n != 0;
	}
	return false;
}

// Is that the number which the wheels of this CUDA version bring? A name without a number says nothing.
static bool of_cuda(
	const struct ff_table *table, const struct ff_table_row *row, const char *column, const char *soname)
{
	const char *so = strstr(soname, ".so.");
	struct ff_span numbers = ff_table_cell(table, row, column), one;
	while (so && numbers.n && ff_span_next(&numbers, ',', &one)) {
		const char *number = so + 4;
		if (strncmp(number, one.p, one.n) == 0 && (!number[one.n] || number[one.n] == '.'))
			return true;
	}
	return !so;
}

static const char *known_as(const struct ff_fix_machine *m, struct ff_span base, const char *suffix, struct ff_buf *b)
{
	b->n = 0;
	ff_buf_printf(b, "%.*s%s", (int)base.n, base.p, suffix);
	return !b->failed && ff_fix_package_known(m, b->p) ? b->p : NULL;
}

const char *ff_fix_library_package(const struct ff_fix_machine *m, const char *soname, struct ff_buf *b)
{
	// of CUDA 12 most workers are; names of CUDA 13 have no suffix, those of parts with releases of their own apart
	static const struct {
		const char *column, *suffix;
	} forms[] = {{"cu12", "-cu12"}, {"cu13", "-cu13"}, {"cu13", ""}, {"cu11", "-cu11"}};
	struct ff_table table;
	struct ff_table_row row;
	const char *cuda = m->facts ? ff_json_text(m->facts, "torch.cuda") : NULL, *name;
	if (!library_row(soname, &table, &row))
		return NULL;
	struct ff_span base = ff_table_cell(&table, &row, "package");
	for (int pass = 0; pass < 3;
		pass++) { // what torch asks for, then of torch's CUDA version, then by the number alone
		for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
			if (!of_cuda(&table, &row, forms[i].column, soname))
				continue;
			name = known_as(m, base, forms[i].suffix, b);
			bool own = cuda && strncmp(cuda, forms[i].column + 2, 2) == 0;
			if (name && (pass == 0 ? ff_fix_pin(m, name, "torch") != NULL : pass == 1 ? own : true))
				return name;
		}
	}
	return NULL;
}
