// The facts that a torch wheel would bring, from its version and CUDA tag.
//
//	"2.7.1+cu128" -> {"version": "2.7.1+cu128", "cuda": "12.8", "archs": ["sm_75", ...], "ptx": ["compute_120"]}
#include "know/torch_wheel.h"

#include "base/table.h"
#include "parse/version.h"

FF_EMBEDDED(ff_table, torch_wheels);

static bool find_row(const struct ff_version *v, struct ff_table *table, struct ff_table_row *ret)
{
	while (ff_table_next(table, ret)) {
		struct ff_version release;
		if (ff_version_parse(ret->cells[0], &release) && ff_span_same(release.release[0], v->release[0]) &&
			v->n_release > 1 && ff_span_same(release.release[1], v->release[1]) &&
			ff_span_same(ff_table_cell(table, ret, "cuda"), v->local))
			return true;
	}
	return false;
}

static bool has_text(const json_t *list, const char *text)
{
	size_t i;
	json_t *each;
	json_array_foreach ((json_t *)list, i, each)
		if (strcmp(json_string_value(each), text) == 0)
			return true;
	return false;
}

static void add_targets(struct ff_span cell, const char *prefix, json_t *list)
{
	char text[24];
	for (struct ff_span one; cell.n && ff_span_next(&cell, ',', &one);) {
		snprintf(text, sizeof(text), "%s%.*s", prefix, (int)one.n, one.p);
		if (!has_text(list, text))
			json_array_append_new(list, json_string(text));
	}
}

static json_t *targets_of(struct ff_span cell, const char *prefix)
{
	json_t *list = json_array();
	add_targets(cell, prefix, list);
	return list;
}

// "cu128" -> "12.8"; false for a tag of another kind.
static bool cuda_of(struct ff_span tag, char ret[24])
{
	uint64_t number;
	struct ff_span digits = {tag.p + 2, tag.n - 2};
	if (tag.n < 4 || tag.n > 6 || !ff_span_starts(tag, "cu") || !ff_span_u64(digits, &number))
		return false;
	snprintf(ret, 24, "%u.%u", (unsigned)number / 10, (unsigned)number % 10);
	return true;
}

struct ff_error *ff_know_torch_wheel(const char *version, json_t **ret)
{
	struct ff_version v;
	struct ff_table table = ff_table_of(ff_table_torch_wheels);
	struct ff_table_row row;
	char cuda[24];
	*ret = NULL;
	if (!ff_version_parse(ff_span_of(version), &v) || !v.local.n)
		return NULL;
	bool cpu = ff_span_eq(v.local, "cpu");
	if (!cpu && !cuda_of(v.local, cuda))
		return NULL;
	json_t *facts = json_pack("{s:s, s:s?}", "version", version, "cuda", cpu ? NULL : cuda);
	if (!facts)
		return &ff_enomem;
	if (!cpu && find_row(&v, &table, &row) && ff_table_cell(&table, &row, "archs").n) {
		json_object_set_new(facts, "archs", targets_of(ff_table_cell(&table, &row, "archs"), "sm_"));
		json_object_set_new(facts, "ptx", targets_of(ff_table_cell(&table, &row, "ptx"), "compute_"));
	}
	*ret = facts;
	return NULL;
}

bool ff_know_torch_registry(const char *version, struct ff_span *ret)
{
	struct ff_version v, release;
	struct ff_table table = ff_table_of(ff_table_torch_wheels);
	struct ff_table_row row;
	if (!ff_version_parse(ff_span_of(version), &v) || v.n_release < 2)
		return false;
	while (ff_table_next(&table, &row)) {
		if (!ff_table_cell(&table, &row, "registry").n || !ff_version_parse(row.cells[0], &release) ||
			!ff_span_same(release.release[0], v.release[0]) ||
			!ff_span_same(release.release[1], v.release[1]))
			continue;
		*ret = ff_table_cell(&table, &row, "cuda");
		return true;
	}
	return false;
}

enum { CLOSED_AFTER = 5 }; // releases

bool ff_know_torch_last(const char *tag, struct ff_span *ret)
{
	struct ff_table table = ff_table_of(ff_table_torch_wheels);
	struct ff_table_row row;
	struct ff_span before = {NULL, 0};
	unsigned since = 0;
	*ret = before;
	while (ff_table_next(&table, &row)) { // the oldest stand first
		since += before.n && !ff_span_same(before, row.cells[0]);
		before = row.cells[0];
		if (!ff_span_eq(ff_table_cell(&table, &row, "cuda"), tag))
			continue;
		*ret = before;
		since = 0;
	}
	return ret->n && since >= CLOSED_AFTER;
}

struct ff_error *ff_know_torch_any_build(const char *version, json_t **ret)
{
	struct ff_table table = ff_table_of(ff_table_torch_wheels);
	struct ff_version v, release;
	json_t *archs = json_array(), *ptx = json_array();
	bool all = true;
	*ret = NULL;
	for (struct ff_table_row row; ff_version_parse(ff_span_of(version), &v) && ff_table_next(&table, &row);) {
		if (!ff_version_parse(row.cells[0], &release) || v.n_release < 2 ||
			!ff_span_same(release.release[0], v.release[0]) ||
			!ff_span_same(release.release[1], v.release[1]))
			continue;
		all &= ff_table_cell(&table, &row, "archs").n > 0;
		add_targets(ff_table_cell(&table, &row, "archs"), "sm_", archs);
		add_targets(ff_table_cell(&table, &row, "ptx"), "compute_", ptx);
	}
	if (all && json_array_size(archs))
		*ret = json_pack("{s:s, s:O, s:O}", "version", version, "archs", archs, "ptx", ptx);
	json_decref(archs);
	json_decref(ptx);
	return NULL;
}
