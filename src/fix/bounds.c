// The bounds in which a package can move without breaking what else is installed.
//
//	need ">=0.20", and python.required_by {"tokenizers": {"transformers": "<0.21,>=0.20"}}  ->  ">=0.20,<0.21"
//
// Whoever cannot live with the need at all has to move along, and is named: {"also": ["peft"]}. What packages ask for
// is read from their metadata, so both bounds are what is really there.
#include "base/table.h"
#include "fix/machine.h"
#include "parse/requirement.h"
#include "parse/version.h"

enum { CLAUSES_MAX = 24, NEXT_MAX = 24 };

FF_EMBEDDED(ff_table, releases);
FF_EMBEDDED(ff_table, torch_floors);

struct clause {
	struct ff_span whole, version;
	char side; // '>' a lower bound, '<' an upper one, '=' another kind
};

struct clauses {
	struct clause list[CLAUSES_MAX];
	size_t n;
};

// ---- one list of specifiers ----

static void add_clauses(struct clauses *all, struct ff_span spec)
{
	for (struct ff_span one; spec.n && ff_span_next(&spec, ',', &one) && all->n < CLAUSES_MAX;) {
		one = ff_span_trim(one);
		size_t i = 0;
		while (i < one.n && strchr("<>=!~", one.p[i]))
			i++;
		if (!i || i == one.n)
			continue;
		struct ff_span version = ff_span_trim((struct ff_span){one.p + i, one.n - i});
		bool simple = one.p[0] == '<' || one.p[0] == '>';
		all->list[all->n++] = (struct clause){one, version, simple ? one.p[0] : '='};
	}
}

static bool is_strict(const struct clause *c)
{
	return c->whole.n > 1 && c->whole.p[1] != '=';
}

// One bound of a side says all that a weaker one of that side says; of two that say the same ("<2", "<2.0.0") the first
// stays.
static bool implied(const struct clauses *all, size_t at)
{
	const struct clause *c = &all->list[at];
	for (size_t i = 0; i < all->n; i++) {
		const struct clause *other = &all->list[i];
		if (i == at || other->side != c->side)
			continue;
		if (ff_span_same(other->whole, c->whole) && i < at)
			return true;
		if (c->side == '=')
			continue;
		int order = ff_version_compare_spans(c->version, other->version);
		bool weaker = c->side == '>' ? order < 0 : order > 0;
		bool same = order == 0 && is_strict(c) == is_strict(other);
		if (weaker || (same && i < at) || (order == 0 && is_strict(other) && !is_strict(c)))
			return true;
	}
	return false;
}

static void write_clauses(const struct clauses *all, struct ff_buf *ret)
{
	static const char sides[] = "=><";
	for (size_t s = 0; s < 3; s++) {
		for (size_t i = 0; i < all->n; i++) {
			const struct clause *c = &all->list[i];
			if (c->side != sides[s] || implied(all, i))
				continue;
			if (ret->n)
				ff_buf_char(ret, ',');
			for (size_t k = 0; k < c->whole.n; k++)
				if (c->whole.p[k] != ' ')
					ff_buf_char(ret, c->whole.p[k]);
		}
	}
}

// ---- is there a release within all of them? ----

static bool meets(struct ff_span version, const struct clauses *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (ff_version_satisfies_spans(version, all->list[i].whole) == FF_SATISFIES_NO)
			return false;
	return true;
}

static bool possible(const char *name, const char *have, const struct clauses *all)
{
	struct ff_table table = ff_table_of(ff_table_releases);
	struct ff_table_row row;
	if (have && meets(ff_span_of(have), all))
		return true;
	for (size_t i = 0; i < all->n; i++) // the bounds themselves are releases
		if (all->list[i].side != '<' && !memchr(all->list[i].version.p, '*', all->list[i].version.n) &&
			meets(all->list[i].version, all))
			return true;
	while (ff_table_next(&table, &row)) {
		if (!ff_package_name_equal(row.cells[0], ff_span_of(name)))
			continue;
		for (struct ff_span rest = row.cells[1], one; rest.n && ff_span_next(&rest, ' ', &one);)
			if (meets(one, all))
				return true;
	}
	return all->n == 0;
}

static const json_t *required_by(const struct ff_fix_machine *m, const char *name)
{
	const char *key;
	json_t *by;
	json_object_foreach (m->facts ? ff_json_at(m->facts, "python.required_by") : NULL, key, by) {
		if (ff_package_name_equal(ff_span_of(key), ff_span_of(name)))
			return by;
	}
	return NULL;
}

static bool closed(const struct clauses *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].side != '>')
			return true;
	return false;
}

static bool major_of(struct ff_span version, uint64_t *ret)
{
	size_t n = 0;
	while (n < version.n && version.p[n] >= '0' && version.p[n] <= '9')
		n++;
	return n && ff_span_u64((struct ff_span){version.p, n}, ret);
}

// Whoever is asked for a later release of the same major one is not asked for the next, which breaks what the rest of
// the environment builds upon: "<5" for ">=4.52" where 4.46 is installed and 5 is out.
static bool next_major(const char *name, const char *have, const char *need, char ret[static NEXT_MAX])
{
	_cleanup_buf_ struct ff_buf newest = {0};
	uint64_t here, asked, most;
	ff_fix_release(name, NULL, &newest);
	const char *digits = need + strcspn(need, "0123456789");
	if (!have || !newest.n || !major_of(ff_span_of(have), &here) || !major_of(ff_span_of(digits), &asked) ||
		!major_of(ff_span_of(newest.p), &most) || here != asked || most <= here)
		return false;
	return snprintf(ret, NEXT_MAX, "<%llu", (unsigned long long)here + 1) > 0;
}

// The first release that the installed torch is too old for: "<5.1" beside torch 2.3.
static bool torch_bound(const struct ff_fix_machine *m, const char *name, char ret[static NEXT_MAX])
{
	bool absent;
	const char *torch = ff_machine_package(m, "torch", &absent);
	struct ff_table table = ff_table_of(ff_table_torch_floors);
	struct ff_table_row row;
	while (torch && ff_table_next(&table, &row)) {
		struct ff_span first = row.cells[1];
		if (ff_package_name_equal(row.cells[0], ff_span_of(name)) &&
			ff_version_compare_spans(ff_span_of(torch), row.cells[2]) < 0)
			return snprintf(ret, NEXT_MAX, "<%.*s", (int)first.n, first.p) > 0;
	}
	return false;
}

static bool is_pin(struct ff_span clause)
{
	return ff_span_starts(clause, "==") && !memchr(clause.p, '*', clause.n);
}

// A bare upgrade must lead to another release than the one that is here: one within upper bounds, past no pin.
static bool moves(const char *have, const struct clauses *all)
{
	for (size_t i = 0; have && i < all->n; i++)
		if (all->list[i].side != '>' &&
			(is_pin(all->list[i].whole) ||
				ff_version_satisfies_spans(ff_span_of(have), all->list[i].whole) == FF_SATISFIES_NO))
			return false;
	return true;
}

struct ff_error *ff_fix_bounds(
	const struct ff_fix_machine *m, const char *name, const char *need, struct ff_buf *ret_need, json_t *also)
{
	struct clauses all = {0};
	bool absent;
	const char *have = ff_machine_package(m, name, &absent), *by;
	json_t *spec;
	char next[NEXT_MAX] = "", floor[NEXT_MAX] = "";
	add_clauses(&all, ff_span_of(need));
	if (need && !closed(&all) && next_major(name, have, need, next))
		add_clauses(&all, ff_span_of(next));
	if (torch_bound(m, name, floor)) {
		struct clauses tried = all;
		add_clauses(&tried, ff_span_of(floor));
		all = need && possible(name, have, &tried) ? tried : all;
	}
	json_object_foreach ((json_t *)required_by(m, name), by, spec) {
		struct clauses tried = all;
		add_clauses(&tried, ff_span_of(json_string_value(spec)));
		if (possible(name, have, &tried) && (need || moves(have, &tried)))
			all = tried;
		else if (json_array_append_new(also, json_string(by)) < 0)
			return &ff_enomem;
	}
	write_clauses(&all, ret_need);
	return ret_need->failed ? &ff_enomem : NULL;
}

void ff_fix_both_bounds(const char *name, const char *have, struct ff_buf *ret)
{
	_cleanup_buf_ struct ff_buf newest = {0};
	struct ff_version v;
	uint64_t major;
	ff_fix_release(name, NULL, &newest);
	if (!newest.n || !ff_span_u64((struct ff_span){newest.p, strcspn(newest.p, ".")}, &major))
		return;
	struct ff_span here = ff_span_of(have);
	if (have && ff_version_parse(here, &v) && ff_version_compare_spans(here, ff_span_of(newest.p)) < 0)
		ff_buf_printf(ret, ">%.*s,", (int)strcspn(have, "+"), have);
	ff_buf_printf(ret, "<%llu", (unsigned long long)major + 1);
}

const char *ff_fix_pin(const struct ff_fix_machine *m, const char *name, const char *by)
{
	return json_string_value(json_object_get(required_by(m, name), by));
}
