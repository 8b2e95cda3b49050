// From a name that somebody misses to the releases that have it, over know/atlas.h.
//
//	ask_name("transformers", "HybridCache", "4.35.2")  ->  CHANGED, newer ">=4.46,<5", first "4.46.3", last "4.57.6"
//
// A set that is not listed has a meaning: an attribute is as old as its class, a parameter as its function. A module
// that is "open" (its names come from compiled code or a loop) never answers NEVER.
#include "know/atlas_ask.h"

#include "base/nearest.h"
#include "parse/version.h"

#include <stdio.h>

enum { CLASSES_MAX = 48, NAME_MAX_HERE = 200 };

// ---- bounds ----

// "4.49.0" -> "4.49", "5.0.0" -> "5": the first release of that minor version, as a bound; "0.0.28.post3" -> "0.0.28"
// where the table counts in patches.
static void write_bound(const struct ff_atlas *a, const struct ff_atlas_package *p, int at, const char *operator,
	char ret[FF_ATLAS_BOUNDS_MAX])
{
	struct ff_version v;
	const char *text = ff_atlas_string(a, p->releases[at]);
	size_t n = strlen(ret),
	       shown = at > 0 && ff_atlas_same_minor(text, ff_atlas_string(a, p->releases[at - 1])) ? 3 : 2;
	if (!ff_version_parse(ff_span_of(text), &v) || v.epoch.n)
		return;
	while (shown > v.n_release || (shown > 1 && ff_span_eq(v.release[shown - 1], "0")))
		shown--;
	n += (size_t)snprintf(ret + n, FF_ATLAS_BOUNDS_MAX - n, "%s%s", n ? "," : "", operator);
	for (size_t i = 0; i < shown && n < FF_ATLAS_BOUNDS_MAX; i++)
		n += (size_t)snprintf(
			ret + n, FF_ATLAS_BOUNDS_MAX - n, "%s%.*s", i ? "." : "", (int)v.release[i].n, v.release[i].p);
}

// Does the table have another patch of the same minor release beside this one?
static bool in_patches(const struct ff_atlas *a, const struct ff_atlas_package *p, int at)
{
	const char *text = ff_atlas_string(a, p->releases[at]);
	return (at > 0 && ff_atlas_same_minor(text, ff_atlas_string(a, p->releases[at - 1]))) ||
		(at + 1 < (int)p->release_count && ff_atlas_same_minor(text, ff_atlas_string(a, p->releases[at + 1])));
}

void ff_atlas_bounds_of(
	const struct ff_atlas *a, const struct ff_atlas_package *p, int at, bool behind, char ret[FF_ATLAS_BOUNDS_MAX])
{
	struct ff_version v;
	uint64_t last = 0;
	size_t shown = in_patches(a, p, at) ? 3 : 2;
	ret[0] = 0;
	if (at > 0 && !behind)
		write_bound(a, p, at, ">=", ret);
	if (at + 1 >= (int)p->release_count || !ff_version_parse(ff_span_of(ff_atlas_string(a, p->releases[at])), &v))
		return;
	if (shown <= v.n_release && !ff_span_u64(v.release[shown - 1], &last))
		return;
	size_t n = strlen(ret);
	n += (size_t)snprintf(ret + n, FF_ATLAS_BOUNDS_MAX - n, "%s<", n ? "," : "");
	for (size_t i = 0; i + 1 < shown && n < FF_ATLAS_BOUNDS_MAX; i++)
		n += (size_t)snprintf(ret + n, FF_ATLAS_BOUNDS_MAX - n, "%.*s.",
			i < v.n_release ? (int)v.release[i].n : 1, i < v.n_release ? v.release[i].p : "0");
	if (n < FF_ATLAS_BOUNDS_MAX)
		snprintf(ret + n, FF_ATLAS_BOUNDS_MAX - n, "%llu", (unsigned long long)last + 1);
}

// Are releases left out between this one and the next, so that nobody knows which of them is the last with a name?
static bool gap_behind(const struct ff_atlas *a, const struct ff_atlas_package *p, int at)
{
	struct ff_version v[2];
	uint64_t n[2][2] = {{0}};
	for (int i = 0; i < 2; i++) {
		if (!ff_version_parse(ff_span_of(ff_atlas_string(a, p->releases[at + i])), &v[i]))
			return false;
		for (size_t k = 0; k < 2 && k < v[i].n_release; k++)
			if (!ff_span_u64(v[i].release[k], &n[i][k]))
				return false;
	}
	return n[0][0] == n[1][0] ? n[1][1] > n[0][1] + 1 : n[1][0] > n[0][0] + 1 || n[1][1] > 0;
}

// The run of releases with it around `at`. Behind the release in question an upper bound is enough: an installer takes
// the newest.
static void write_run(const struct ff_atlas *a, const struct ff_atlas_package *p, uint64_t set, int at, bool behind,
	char ret[FF_ATLAS_BOUNDS_MAX])
{
	int first = at, last = at, n = (int)p->release_count;
	while (ff_atlas_in(set, first - 1))
		first--;
	while (last + 1 < n && ff_atlas_in(set, last + 1))
		last++;
	ret[0] = 0;
	if (first > 0 && !behind)
		write_bound(a, p, first, ">=", ret);
	if (last + 1 >= n)
		return;
	char own[FF_ATLAS_BOUNDS_MAX] = "";
	if (gap_behind(a, p, last))
		ff_atlas_bounds_of(a, p, last, true, own);
	if (*own)
		snprintf(ret + strlen(ret), FF_ATLAS_BOUNDS_MAX - strlen(ret), "%s%s", *ret ? "," : "", own);
	else
		write_bound(a, p, last + 1, "<", ret);
}

static void write_directions(
	const struct ff_atlas *a, const struct ff_atlas_package *p, uint64_t set, int at, struct ff_atlas_answer *ret)
{
	int n = (int)p->release_count;
	for (int i = at + 1; i < n && !ret->newer[0]; i++) {
		if (!ff_atlas_in(set, i))
			continue;
		write_run(a, p, set, i, false, ret->newer);
		ret->newer_by = i - at;
	}
	for (int i = at - 1; i >= 0 && !ret->older[0]; i--) {
		if (!ff_atlas_in(set, i))
			continue;
		write_run(a, p, set, i, true, ret->older);
		ret->older_by = at - i;
	}
}

void ff_atlas_answer_set(const struct ff_atlas *a, const struct ff_atlas_package *p, uint64_t set, const char *have,
	struct ff_atlas_answer *ret)
{
	int n = (int)p->release_count;
	bool same = false;
	set &= ff_atlas_all(p);
	ret->package = p->name;
	if (!set || !n)
		return;
	ret->first = ff_atlas_string(a, p->releases[__builtin_ctzll(set)]);
	ret->last = ff_atlas_string(a, p->releases[63 - __builtin_clzll(set)]);
	if (have) {
		int at = ff_atlas_position(a, p, have, &same);
		ret->state = ff_atlas_in(set, at) ? FF_ATLAS_HERE : FF_ATLAS_CHANGED;
		write_directions(a, p, set, at, ret);
		return;
	}
	ret->state = set == ff_atlas_all(p) ? FF_ATLAS_HERE : FF_ATLAS_CHANGED;
	int at = n;
	if (ff_atlas_in(set, n - 1))
		write_run(a, p, set, n - 1, false, ret->newer);
	while (ff_atlas_in(set, at - 1))
		at--;
	for (; at > 0 && !ret->older[0]; at--) // what came, went and came again has both
		if (ff_atlas_in(set, at - 1))
			write_run(a, p, set, at - 1, true, ret->older);
}

// ---- names of modules ----

// Who says that a name is not there says that its module is: that leaves the releases with the module and without the
// name, and the way to others is the way from these (setuptools 70 alone lacks pkg_resources' packaging).
static void from_where_it_lacks(const struct ff_atlas *a, const struct ff_atlas_package *p, uint64_t lacking,
	uint64_t set, struct ff_atlas_answer *ret)
{
	lacking &= ff_atlas_all(p);
	if (!lacking)
		return;
	ret->newer[0] = ret->older[0] = 0;
	write_directions(a, p, set & ff_atlas_all(p), 63 - __builtin_clzll(lacking), ret);
}

static void nearest(const struct ff_atlas *a, const char *module, const char *name, char ret[FF_ATLAS_WORD_MAX])
{
	const char *list = ff_atlas_text(a, "L", module, NULL);
	struct ff_nearest n = {.wrong = ff_span_of(name)};
	char word[FF_ATLAS_WORD_MAX];
	size_t best = 3;
	for (struct ff_span rest = ff_span_of(list), one; rest.n && ff_span_next(&rest, ' ', &one);) {
		if (one.n >= sizeof(word) || one.n > n.wrong.n + 2 || one.n + 2 < n.wrong.n)
			continue;
		memcpy(word, one.p, one.n);
		word[one.n] = 0;
		n.best = NULL;
		ff_nearest_try(&n, word);
		if (n.best && n.distance < best) {
			best = n.distance;
			memcpy(ret, word, one.n + 1);
		}
	}
}

static bool is_open(const struct ff_atlas *a, const struct ff_atlas_package *p, const char *module, const char *have)
{
	bool same;
	uint64_t open;
	return ff_atlas_set(a, &open, "o", module, NULL) && ff_atlas_in(open, ff_atlas_position(a, p, have, &same));
}

bool ff_atlas_ask_name(
	const struct ff_atlas *a, const char *module, const char *name, const char *have, struct ff_atlas_answer *ret)
{
	struct ff_atlas_package p;
	uint64_t set, modules, open;
	*ret = (struct ff_atlas_answer){0};
	if (!ff_atlas_package_of_module(a, module, &p))
		return false;
	ret->package = p.name;
	bool known = ff_atlas_set(a, &modules, "M", module, NULL);
	if (!name || !known) { // a module that is missing lacks every name
		if (known)
			ff_atlas_answer_set(a, &p, modules, have, ret);
		else if (!name && strchr(module, '.'))
			ret->state = FF_ATLAS_NEVER;
		return true;
	}
	ff_atlas_set(a, &open, "o", module, NULL);
	if (ff_atlas_set(a, &set, "N", module, name, NULL)) {
		ff_atlas_answer_set(a, &p, set, have, ret);
		if (!have)
			from_where_it_lacks(a, &p, modules & ~set, set, ret);
		ret->moved = ff_atlas_text(a, "N", module, name, NULL);
		ret->sometimes = ff_atlas_unsure(a, module, name);
		ret->unsure = ret->state == FF_ATLAS_HERE ? ret->sometimes : have && is_open(a, &p, module, have);
	} else if (!(open & modules) && name[0] != '_') { // private ones are listed only where they changed
		ret->state = FF_ATLAS_NEVER;
		nearest(a, module, name, ret->nearest);
	}
	return true;
}

// ---- attributes and parameters ----

struct classes {
	char names[CLASSES_MAX][NAME_MAX_HERE];
	char packages[CLASSES_MAX][NAME_MAX_HERE];
	size_t n;
	bool open; // something may come from where nobody sees
};

static void add_class(struct classes *c, struct ff_span package, struct ff_span name)
{
	if (c->n == CLASSES_MAX || !name.n || name.n >= NAME_MAX_HERE || package.n >= NAME_MAX_HERE) {
		c->open = true;
		return;
	}
	for (size_t i = 0; i < c->n; i++)
		if (ff_span_eq(name, c->names[i]) && ff_span_eq(package, c->packages[i]))
			return;
	snprintf(c->names[c->n], NAME_MAX_HERE, "%.*s", (int)name.n, name.p);
	snprintf(c->packages[c->n], NAME_MAX_HERE, "%.*s", (int)package.n, package.p);
	c->n++;
}

static void add_bases(const struct ff_atlas *a, struct classes *c, size_t of)
{
	struct ff_span rest = ff_span_of(ff_atlas_text(a, "C", c->packages[of], c->names[of], NULL)), one;
	while (rest.n && ff_span_next(&rest, ' ', &one)) {
		const char *colon = memchr(one.p, ':', one.n);
		struct ff_atlas_package other;
		char top[NAME_MAX_HERE];
		if (ff_span_eq(one, "?")) {
			c->open = true;
		} else if (!colon) {
			add_class(c, ff_span_of(c->packages[of]), one);
		} else {
			size_t n = (size_t)(colon - one.p);
			snprintf(top, sizeof(top), "%.*s", (int)(n < sizeof(top) ? n : sizeof(top) - 1), one.p);
			if (ff_atlas_package_of_module(a, top, &other))
				add_class(c, ff_span_of(other.name), (struct ff_span){colon + 1, one.n - n - 1});
			else
				c->open = true;
		}
	}
}

bool ff_atlas_ask_attribute(const struct ff_atlas *a, const char *package, const char *class, const char *attribute,
	const char *have, struct ff_atlas_answer *ret)
{
	struct ff_atlas_package p;
	struct classes c = {0};
	uint64_t own, set = 0, one;
	*ret = (struct ff_atlas_answer){0};
	if (!ff_atlas_package(a, package, &p) || !ff_atlas_set(a, &own, "C", p.name, class, NULL))
		return false;
	ret->package = p.name;
	add_class(&c, ff_span_of(p.name), ff_span_of(class));
	for (size_t i = 0; i < c.n; i++) {
		if (strcmp(c.packages[i], p.name) == 0 &&
			ff_atlas_set(a, &one, "A", p.name, c.names[i], attribute, NULL))
			set |= one;
		add_bases(a, &c, i);
	}
	if (set)
		ff_atlas_answer_set(a, &p, set & own ? set & own : set, have, ret);
	return true;
}

bool ff_atlas_ask_parameter(const struct ff_atlas *a, const char *package, const char *function, const char *parameter,
	bool must, const char *have, struct ff_atlas_answer *ret)
{
	struct ff_atlas_package p;
	uint64_t own, set, variadic;
	*ret = (struct ff_atlas_answer){0};
	if (!ff_atlas_package(a, package, &p) || !ff_atlas_set(a, &own, "F", p.name, function, NULL))
		return false;
	ret->package = p.name;
	if (must) {
		if (ff_atlas_set(a, &set, "R", p.name, function, parameter, NULL))
			ff_atlas_answer_set(a, &p, own & ~set, have, ret);
		return true;
	}
	ff_atlas_set(a, &variadic, "K", p.name, function, NULL);
	bool listed = ff_atlas_set(a, &set, "P", p.name, function, parameter, NULL);
	if (listed || variadic)
		ff_atlas_answer_set(a, &p, set | variadic, have, ret);
	if (!listed && ret->state != FF_ATLAS_HERE) // it never had that parameter, and took whatever came
		ret->state = FF_ATLAS_UNKNOWN;
	return true;
}

// ---- one package beside another ----

bool ff_atlas_need_at(const struct ff_atlas *a, const struct ff_atlas_package *p, size_t i, struct ff_atlas_need *ret)
{
	struct row {
		uint64_t set;
		uint32_t module, name;
	};
	if (i >= p->need_count)
		return false;
	const struct row *row = (const struct row *)a->sections[FF_ATLAS_NEEDS].p + p->first_need + i;
	*ret = (struct ff_atlas_need){row->set, ff_atlas_string(a, row->module), ff_atlas_string(a, row->name)};
	return true;
}

bool ff_atlas_require_at(
	const struct ff_atlas *a, const struct ff_atlas_package *p, size_t i, struct ff_atlas_require *ret)
{
	struct row {
		uint64_t set;
		uint32_t name, specifiers;
	};
	if (i >= p->require_count)
		return false;
	const struct row *row = (const struct row *)a->sections[FF_ATLAS_REQUIRES].p + p->first_require + i;
	*ret = (struct ff_atlas_require){row->set, ff_atlas_string(a, row->name), ff_atlas_string(a, row->specifiers)};
	return true;
}

bool ff_atlas_has(const struct ff_atlas *a, const struct ff_atlas_need *need, int release)
{
	uint64_t set, sub;
	if (!*need->name)
		return !ff_atlas_set(a, &set, "M", need->module, NULL) || ff_atlas_in(set, release);
	if (ff_atlas_set(a, &sub, "o", need->module, NULL) && ff_atlas_in(sub, release))
		return true;
	bool known = ff_atlas_set(a, &set, "N", need->module, need->name, NULL);
	if (!known && ff_atlas_set(a, &sub, "M", need->module, NULL) && !ff_atlas_in(sub, release))
		return false;
	return !known || ff_atlas_in(set, release);
}

bool ff_atlas_ask_beside(const struct ff_atlas *a, const char *package, const char *have, const char *other,
	const char *other_have, struct ff_atlas_answer *ret)
{
	struct ff_atlas_package p, q, owner;
	bool same;
	*ret = (struct ff_atlas_answer){0};
	if (!ff_atlas_package(a, package, &p) || !ff_atlas_package(a, other, &q) || !p.need_count)
		return false;
	int at = ff_atlas_position(a, &q, other_have, &same);
	uint64_t set = ff_atlas_all(&p);
	bool any = false;
	struct ff_atlas_need need;
	for (size_t i = 0; at >= 0 && ff_atlas_need_at(a, &p, i, &need); i++) {
		if (!ff_atlas_package_of_module(a, need.module, &owner) || owner.name != q.name)
			continue;
		any = true;
		if (!ff_atlas_has(a, &need, at))
			set &= ~need.set;
	}
	if (!any)
		return false;
	ff_atlas_answer_set(a, &p, set, have, ret);
	return true;
}

void ff_atlas_lacks(const struct ff_atlas *a, const char *package, const char *have,
	const char *(*version_of)(void *arg, const char *package),
	bool (*found)(void *arg, const struct ff_atlas_lack *lack), void *arg)
{
	struct ff_atlas_package p, q;
	bool same, same_other = false;
	if (!ff_atlas_package(a, package, &p))
		return;
	int at = ff_atlas_position(a, &p, have, &same), there = -1;
	const char *module = NULL, *asked = NULL, *other = NULL; // needs of one module, of one package stand together
	bool known = false;
	struct ff_atlas_need need;
	for (size_t i = 0; same && ff_atlas_need_at(a, &p, i, &need); i++) {
		if (!ff_atlas_in(need.set, at))
			continue;
		if (need.module != module)
			known = ff_atlas_package_of_module(a, need.module, &q);
		module = need.module;
		if (!known)
			continue;
		if (q.name != asked) {
			asked = q.name;
			other = version_of(arg, q.name);
			same_other = false;
			there = other ? ff_atlas_position(a, &q, other, &same_other) : -1;
		}
		if (!same_other || ff_atlas_has(a, &need, there))
			continue;
		struct ff_atlas_lack lack = {p.name, have, q.name, other, need.module, *need.name ? need.name : NULL};
		if (!found(arg, &lack))
			return;
	}
}
