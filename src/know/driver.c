// Which driver runs which CUDA. Two numbers per toolkit: its own driver (everything works) and the floor of its major
// version (code compiled to machine code works, PTX does not). A newer driver always runs older toolkits.
//
//	12.8	570.26	525.60.13
#include "know/driver.h"

#include "base/table.h"

FF_EMBEDDED(ff_table, driver_cuda);

enum { CUDA, OWN, FLOOR };

static bool take_number(struct ff_span *s, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;
	for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++)
		value = value > UINT32_MAX ? value : value * 10 + (uint64_t)(s->p[i] - '0');
	bool any = i > 0;
	bool dot = i < s->n && s->p[i] == '.';
	*s = dot ? (struct ff_span){s->p + i + 1, s->n - i - 1} : (struct ff_span){NULL, 0};
	*ret = value;
	return any;
}

int ff_know_version_compare(struct ff_span a, struct ff_span b)
{
	while (a.n || b.n) {
		uint64_t x, y;
		take_number(&a, &x);
		take_number(&b, &y);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

static bool is_version(struct ff_span s)
{
	uint64_t number;
	return take_number(&s, &number) && number > 0;
}

// "12.1.105" -> "12.1"; what has no minor number stays as it is.
static struct ff_span major_minor(struct ff_span s)
{
	const char *dot = s.n ? memchr(s.p, '.', s.n) : NULL;
	const char *second = dot ? memchr(dot + 1, '.', (size_t)(s.p + s.n - dot - 1)) : NULL;
	return second ? (struct ff_span){s.p, (size_t)(second - s.p)} : s;
}

static bool same_major(struct ff_span a, struct ff_span b)
{
	uint64_t x, y;
	return take_number(&a, &x) && take_number(&b, &y) && x == y;
}

// A toolkit that the table lacks still lies between two it has: older than the floor of its major is too old, as new as
// the own driver of a later one of its major is enough. Rows go from new to old.
static enum ff_driver_verdict judge_unlisted(struct ff_span driver, struct ff_span cuda, struct ff_driver_needs *needs)
{
	enum ff_driver_verdict verdict = FF_DRIVER_NOT_KNOWN;
	struct ff_table table = ff_table_of(ff_table_driver_cuda);
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		if (!same_major(row.cells[CUDA], cuda) || !row.cells[FLOOR].n)
			continue;
		if (ff_know_version_compare(row.cells[CUDA], cuda) < 0) {
			needs->floor = row.cells[FLOOR];
			return ff_know_version_compare(driver, needs->floor) < 0 ? FF_DRIVER_TOO_OLD : verdict;
		}
		if (ff_know_version_compare(driver, row.cells[OWN]) >= 0)
			verdict = FF_DRIVER_OK;
	}
	return verdict;
}

enum ff_driver_verdict ff_know_driver_runs(const char *driver, const char *cuda, struct ff_driver_needs *ret)
{
	struct ff_driver_needs needs = {0};
	enum ff_driver_verdict verdict;
	struct ff_span d = ff_span_of(driver), c = major_minor(ff_span_of(cuda));
	struct ff_table_row row;
	if (ff_table_find(ff_table_driver_cuda, c, &row)) {
		needs = (struct ff_driver_needs){row.cells[OWN], row.cells[FLOOR]};
		struct ff_span least = needs.floor.n ? needs.floor : needs.own;
		if (!is_version(d))
			verdict = FF_DRIVER_NOT_KNOWN;
		else if (ff_know_version_compare(d, needs.own) >= 0)
			verdict = FF_DRIVER_OK;
		else
			verdict = ff_know_version_compare(d, least) >= 0 ? FF_DRIVER_NO_PTX : FF_DRIVER_TOO_OLD;
	} else {
		verdict = is_version(d) && is_version(c) ? judge_unlisted(d, c, &needs) : FF_DRIVER_NOT_KNOWN;
	}
	if (ret)
		*ret = needs;
	return verdict;
}

struct ff_span ff_know_driver_cuda(const char *driver)
{
	struct ff_span d = ff_span_of(driver);
	struct ff_table table = ff_table_of(ff_table_driver_cuda);
	for (struct ff_table_row row; ff_table_next(&table, &row);)
		if (ff_know_version_compare(d, row.cells[OWN]) >= 0)
			return row.cells[CUDA];
	return (struct ff_span){NULL, 0};
}

const char *ff_driver_verdict_name(enum ff_driver_verdict verdict)
{
	static const char *const names[] = {
		[FF_DRIVER_OK] = "ok",
		[FF_DRIVER_NO_PTX] = "no-ptx",
		[FF_DRIVER_TOO_OLD] = "too-old",
		[FF_DRIVER_NOT_KNOWN] = "not-known",
	};
	return names[verdict];
}

bool ff_know_no_cuda_driver(const json_t *facts)
{
	size_t i;
	json_t *miss;
	if (ff_json_at(facts, "cuda.driver_library") || ff_json_at(facts, "cuda.driver_version"))
		return false;
	json_array_foreach (json_object_get(facts, "errors"), i, miss) {
		const char *fact = ff_json_text(miss, "fact"), *kind = ff_json_text(miss, "kind");
		if (fact && kind && strcmp(fact, "cuda.driver_init") == 0 && strcmp(kind, "missing") == 0)
			return true;
	}
	return false;
}
