// Flags and variables of an inference engine by release (tools/atlaslib/flags.py): is it known, since when, what did it
// become, and which values does it take?
//
//	"sglang", "--disable-flashinfer", "0.5.3"  ->  CHANGED, older "<0.5.3", became "--attention-backend"
//
// A text holds what the flag became, a tab, and records "releases|default|choices|s" with spaces between. How the
// source lies: releases between two that were read count as the older one; a flag that is computed at run time is not
// listed.
#include "know/atlas_ask.h"

#include "base/nearest.h"
#include "parse/version.h"

#include <ctype.h>
#include <stdio.h>

enum { CELLS = 4 };

// The release that a version is or comes right after; -1 before the first and where none is known.
static int position(const struct ff_atlas *a, const struct ff_atlas_package *p, const char *have)
{
	int at = -1;
	for (size_t i = 0; have && i < p->release_count; i++) {
		if (ff_version_compare(ff_atlas_string(a, p->releases[i]), have) > 0)
			break;
		at = (int)i;
	}
	return at;
}

// "0-3,7" holds 2.
static bool within(struct ff_span ranges, int at)
{
	struct ff_span one;
	while (ranges.n && ff_span_next(&ranges, ',', &one)) {
		char text[24];
		int first = 0, last = 0;
		snprintf(text, sizeof(text), "%.*s", (int)(one.n < 20 ? one.n : 20), one.p);
		int n = sscanf(text, "%4d-%4d", &first, &last);
		if (n >= 1 && at >= first && at <= (n == 2 ? last : first))
			return true;
	}
	return false;
}

static void read_records(struct ff_span records, int at, struct ff_atlas_flag *ret)
{
	struct ff_span record;
	while (records.n && ff_span_next(&records, ' ', &record)) {
		struct ff_span cells[CELLS] = {{0}};
		for (size_t i = 0; i < CELLS && record.n; i++) {
			const char *bar = memchr(record.p, '|', record.n);
			size_t n = bar ? (size_t)(bar - record.p) : record.n;
			cells[i] = (struct ff_span){record.p, n};
			record = bar ? (struct ff_span){bar + 1, record.n - n - 1} : (struct ff_span){record.p + n, 0};
		}
		if (!within(cells[0], at))
			continue;
		ret->usual = cells[1];
		ret->choices = cells[2];
		ret->without_value = cells[3].n > 0;
		return;
	}
}

static bool has(const struct ff_atlas *a, const struct ff_atlas_package *p, const char *name, int at)
{
	uint64_t set;
	return ff_atlas_set(a, &set, "f", p->name, name, NULL) && (set & ff_atlas_all(p)) >> at & 1;
}

// The flag of this very release that is spelt most like it.
static void find_nearest(
	const struct ff_atlas *a, const struct ff_atlas_package *p, const char *name, int at, struct ff_atlas_flag *ret)
{
	char word[FF_ATLAS_WORD_MAX];
	struct ff_nearest n = {.wrong = ff_span_of(name)};
	for (struct ff_span rest = ff_span_of(ff_atlas_text(a, "L", p->name, NULL)), one;
		rest.n && ff_span_next(&rest, ' ', &one);) {
		struct ff_nearest before = n;
		if (one.n >= sizeof(word) || one.n > n.wrong.n + 3 || one.n + 3 < n.wrong.n)
			continue;
		memcpy(word, one.p, one.n);
		word[one.n] = 0;
		ff_nearest_try(&n, word);
		if (n.best != word)
			continue;
		if (n.distance && has(a, p, word, at)) {
			memcpy(ret->nearest, word, one.n + 1);
			n.best = ret->nearest;
		} else {
			n.best = before.best;
			n.distance = before.distance;
		}
	}
}

// VLLM_ATTENTION_BACKEND -> --attention-backend, where this release has that.
static void find_as_flag(
	const struct ff_atlas *a, const struct ff_atlas_package *p, const char *name, int at, struct ff_atlas_flag *ret)
{
	char word[FF_ATLAS_WORD_MAX];
	const char *rest = *name == '-' ? NULL : strchr(name, '_');
	size_t n = 2;
	if (!rest || strlen(rest) + n > sizeof(word))
		return;
	word[0] = word[1] = '-';
	while (*++rest)
		word[n++] = *rest == '_' ? '-' : (char)tolower((unsigned char)*rest);
	word[n] = 0;
	if (has(a, p, word, at))
		memcpy(ret->became, word, n + 1);
}

bool ff_atlas_flag_refuses(const struct ff_atlas_flag *flag, struct ff_span value, char ret[FF_ATLAS_WORD_MAX])
{
	struct ff_nearest n = {.wrong = value};
	char word[FF_ATLAS_WORD_MAX];
	*ret = 0;
	for (struct ff_span rest = flag->choices, one; rest.n && ff_span_next(&rest, ',', &one);) {
		const char *before = n.best;
		if (ff_span_same(one, value))
			return false;
		snprintf(word, sizeof(word), "%.*s", (int)(one.n < sizeof(word) ? one.n : 0), one.p);
		ff_nearest_try(&n, word);
		if (n.best == word) {
			memcpy(ret, word, sizeof(word));
			n.best = ret;
		} else {
			n.best = before;
		}
	}
	return flag->choices.n > 0;
}

static void bound(const struct ff_atlas *a, const struct ff_atlas_package *p, const char *operator, int at,
	char ret[FF_ATLAS_BOUNDS_MAX])
{
	size_t n = strlen(ret);
	snprintf(ret + n, FF_ATLAS_BOUNDS_MAX - n, "%s%s%s", n ? "," : "", operator,
		ff_atlas_string(a, p->releases[at]));
}

static void write_bounds(
	const struct ff_atlas *a, const struct ff_atlas_package *p, uint64_t set, int at, struct ff_atlas_flag *ret)
{
	int n = (int)p->release_count, up = at + 1, down = at - 1;
	while (up < n && !(set >> up & 1))
		up++;
	if (up < n) {
		bound(a, p, ">=", up, ret->newer);
		while (up < n && (set >> up & 1))
			up++;
		if (up < n)
			bound(a, p, "<", up, ret->newer);
	}
	while (down >= 0 && !(set >> down & 1))
		down--;
	if (down >= 0)
		bound(a, p, "<", down + 1, ret->older);
}

bool ff_atlas_ask_flag(
	const struct ff_atlas *a, const char *engine, const char *name, const char *have, struct ff_atlas_flag *ret)
{
	char key[FF_ATLAS_WORD_MAX];
	struct ff_atlas_package p = {0};
	uint64_t set = 0;
	bool found = false;
	*ret = (struct ff_atlas_flag){.state = FF_ATLAS_UNKNOWN, .first = "", .last = ""};
	snprintf(key, sizeof(key), "flag/%s", engine);
	for (size_t i = 0; !found && ff_atlas_package_at(a, i, &p); i++)
		found = strcmp(p.name, key) == 0;
	if (!found || !p.release_count || (have && position(a, &p, have) < 0))
		return false;
	int at = have ? position(a, &p, have) : (int)p.release_count - 1;
	ret->exact = !have || ff_version_compare(ff_atlas_string(a, p.releases[at]), have) == 0;
	if (!ff_atlas_set(a, &set, "f", p.name, name, NULL) || !(set &= ff_atlas_all(&p))) {
		ret->sure = true;
		ret->state = FF_ATLAS_NEVER;
		find_nearest(a, &p, name, at, ret);
		return true;
	}
	ret->sure = ret->exact || at + 1 == (int)p.release_count || (set >> (at + 1) & 1) == (set >> at & 1);
	ret->state = set >> at & 1 ? FF_ATLAS_HERE : FF_ATLAS_CHANGED;
	ret->first = ff_atlas_string(a, p.releases[__builtin_ctzll(set)]);
	ret->last = ff_atlas_string(a, p.releases[63 - __builtin_clzll(set)]);
	const char *text = ff_atlas_text(a, "f", p.name, name, NULL), *tab = text ? strchr(text, '\t') : NULL;
	if (tab)
		read_records(ff_span_of(tab + 1), at, ret);
	if (ret->state == FF_ATLAS_HERE)
		return true;
	char became[FF_ATLAS_WORD_MAX] = "";
	if (tab && (size_t)(tab - text) < sizeof(became))
		memcpy(became, text, (size_t)(tab - text));
	if (*became && has(a, &p, became, at))
		memcpy(ret->became, became, sizeof(became));
	else
		find_as_flag(a, &p, name, at, ret);
	write_bounds(a, &p, set, at, ret);
	find_nearest(a, &p, name, at, ret);
	return true;
}
