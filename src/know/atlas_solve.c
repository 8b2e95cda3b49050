// The search for one set of versions (atlas_solve.h), over the releases that the atlas knows and what is installed.
//
//	flask 2.3.3 must go below 2.3, werkzeug 3.1.8 is installed
//	  flask 2.2.5 imports url_quote of werkzeug.urls, which 3.1 has not   ->  werkzeug must move
//	  werkzeug 2.3.8 has it, and flask 2.2.5 declares >=2.2.2             ->  {flask <2.3, werkzeug >=2.3,<3}
//
// Three kinds of facts decide: what a release declares (METADATA, requires-python as a requirement on "python"), what
// its own code imports of the other, and what installed packages ask in their METADATA of what moves. Only what touches
// a package that moves is judged: an environment may have been broken before.
//
// How it lies: METADATA without an upper bound promises what nobody tested, hence the imports. A version between two
// known releases is judged as the one before it; what is unknown counts as fitting. The search is bounded by NODES_MAX.
#include "know/atlas_solve.h"

#include "know/atlas_wheel.h"
#include "know/facts.h"
#include "parse/requirement.h"
#include "parse/version.h"

#include <limits.h>
#include <stdlib.h>

enum { VARS_MAX = 320, NODES_MAX = 1500 };
// What a change costs: each package, each release on its way (at most so many, and twice on a way back, which loses
// what they brought) and each major one; three times that for the package that was asked for, which is to stay as near
// as it can.
enum { COST_PACKAGE = 25, COST_RELEASE = 10, RELEASES_COUNTED = 15, COST_MAJOR = 50, BACK = 2, COST_TARGET = 3 };

struct var {
	struct ff_atlas_package p;
	const char *have; // NULL: not installed
	int at;		  // release; -1: none of those known
	int here;	  // the same as it was
	int because;	  // who asked for the move
	bool moved;
};

struct search {
	const struct ff_atlas *a;
	const json_t *packages, *required_by;
	struct ff_atlas_host host;
	const char *need;
	int16_t *owners; // of each need: 0 not looked up yet, 1 nobody, else the package's number and 2
	struct var vars[VARS_MAX];
	size_t n;
	int target, importer, order[FF_ATLAS_MOVES_MAX], depth, most, nodes, best_cost, cost;
	struct ff_atlas_solution *ret;
};

static int find_var(const struct search *s, const char *name)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(s->vars[middle].p.name, name);
		if (order == 0)
			return (int)middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static const char *release(const struct search *s, const struct var *v, int at)
{
	return at >= 0 && (size_t)at < v->p.release_count ? ff_atlas_string(s->a, v->p.releases[at]) : "";
}

static const char *version_now(const struct search *s, const struct var *v)
{
	return v->moved ? release(s, v, v->at) : v->have;
}

static bool there(const struct var *v)
{
	return v->moved || v->have;
}

static bool breaks(const char *version, const char *specifiers)
{
	return version && ff_version_satisfies(version, specifiers) == FF_SATISFIES_NO;
}

// ---- what one release asks ----

// The first thing of which release `at` of a package finds another release than it can live with: the number of that
// package, -1 for none, -2 for this Python or this machine. With `only`, of that one alone.
static int unmet_requirement(const struct search *s, int of, int at, int only)
{
	const struct ff_atlas_package *p = &s->vars[of].p;
	if (!ff_atlas_wheel_fits(s->a, p, at, &s->host, NULL, NULL))
		return -2;
	struct ff_atlas_require need;
	for (size_t i = 0; ff_atlas_require_at(s->a, p, i, &need); i++) {
		if (!ff_atlas_in(need.set, at))
			continue;
		const char *name = need.name, *spec = need.specifiers;
		int other = *spec ? find_var(s, name) : -1;
		if (other >= 0 && other != of && (only < 0 || other == only) && there(&s->vars[other]) &&
			breaks(version_now(s, &s->vars[other]), spec))
			return other;
	}
	return -1;
}

// The package that a name is imported from, found once for each.
static int owner_of(const struct search *s, const struct ff_atlas_package *p, size_t i, const char *module)
{
	int16_t *known = &s->owners[p->first_need + i];
	struct ff_atlas_package owner;
	if (!*known)
		*known = (int16_t)(ff_atlas_package_of_module(s->a, module, &owner) ? find_var(s, owner.name) + 2 : 1);
	return *known - 2;
}

// The same of what it imports. With `only`, of that one at release `only_at` alone.
static int unmet_import(const struct search *s, int of, int at, int only, int only_at)
{
	const struct ff_atlas_package *p = &s->vars[of].p;
	for (size_t i = 0; i < p->need_count; i++) {
		struct ff_atlas_need need;
		if (!ff_atlas_need_at(s->a, p, i, &need) || !ff_atlas_in(need.set, at))
			continue;
		int other = owner_of(s, p, i, need.module);
		if (other < 0 || other == of || (only >= 0 && other != only))
			continue;
		const struct var *v = &s->vars[other];
		int now = only >= 0 ? only_at : there(v) ? v->at : (int)v->p.release_count - 1; // the newest comes
		if (now >= 0 && !ff_atlas_has(s->a, &need, now))
			return other;
	}
	return -1;
}

static int unmet(const struct search *s, int of, int at, int only)
{
	int other = unmet_requirement(s, of, at, only);
	return other != -1 ? other : unmet_import(s, of, at, only, only >= 0 ? s->vars[only].at : -1);
}

// ---- what others ask of the one that moves ----

// An installed package that does not move and cannot live with what `of` is now; -1 for none, -2 for one that the atlas
// does not know and that can therefore not be moved along.
static int unmet_by_installed(const struct search *s, int of)
{
	const struct var *v = &s->vars[of];
	const char *by, *now = version_now(s, v);
	json_t *spec;
	json_object_foreach ((json_t *)ff_facts_package(s->required_by, v->p.name), by, spec) {
		int other = find_var(s, by);
		const char *text = json_string_value(spec);
		if ((other >= 0 && s->vars[other].moved) || !text || !breaks(now, text) || breaks(v->have, text))
			continue;
		return other >= 0 && s->vars[other].have ? other : -2;
	}
	for (int i = 0; i < (int)s->n; i++) {
		const struct var *other = &s->vars[i];
		if (i == of || other->moved || !other->have || other->at < 0)
			continue;
		if (unmet_import(s, i, other->at, of, v->at) == of && unmet_import(s, i, other->at, of, v->here) != of)
			return i; // it could live with what was here
	}
	return -1;
}

// ---- the search ----

static int major_of(const char *version)
{
	struct ff_version v;
	uint64_t major = 0;
	if (!ff_version_parse(ff_span_of(version), &v) || !ff_span_u64(v.release[0], &major) || major > INT16_MAX)
		return 0;
	return (int)major;
}

static int cost_of(const struct search *s, int of, int to)
{
	const struct var *v = &s->vars[of];
	int cost = COST_PACKAGE;
	if (v->here >= 0) {
		int far = abs(to - v->here), majors = abs(major_of(release(s, v, to)) - major_of(v->have));
		far = far > RELEASES_COUNTED ? RELEASES_COUNTED : far;
		cost += COST_RELEASE * far * (to < v->here ? BACK : 1) + COST_MAJOR * (majors > 3 ? 3 : majors);
	}
	return of == s->target ? COST_TARGET * cost : cost;
}

// No small thing to move, whatever asks for it.
static bool stays(const struct search *s, int of)
{
	return of != s->target && strcmp(s->vars[of].p.name, "torch") == 0;
}

// A conflict between what has moved and another package: *ret_move is who must move, *ret_because who asks.
// 1 one was found, 0 all fits, -1 nothing can be done.
static int conflict(const struct search *s, int *ret_move, int *ret_because)
{
	for (int i = 0; i < s->depth; i++) {
		int of = s->order[i], other = unmet(s, of, s->vars[of].at, -1);
		if (other == -1)
			other = unmet_by_installed(s, of);
		if (other == -1)
			continue;
		if (other < 0 || s->vars[other].moved || stays(s, other))
			return -1;
		*ret_move = other;
		*ret_because = of;
		return 1;
	}
	const struct var *v = s->importer >= 0 ? &s->vars[s->importer] : NULL;
	int other = v && !v->moved && v->at >= 0 ? unmet_import(s, s->importer, v->at, -1, -1) : -1;
	if (other < 0)
		return 0;
	if (s->vars[other].moved || stays(s, other))
		return -1;
	*ret_move = other;
	*ret_because = s->importer;
	return 1;
}

// Does the package at this release fit with those that have moved already?
static bool fits_moved(const struct search *s, int of, int at)
{
	for (int i = 0; i < s->depth; i++) {
		int other = s->order[i];
		if (other != of && (unmet(s, of, at, other) >= 0 || unmet(s, other, s->vars[other].at, of) == of))
			return false;
	}
	return true;
}

static void write_move(const struct search *s, int of, struct ff_atlas_move *ret)
{
	const struct var *v = &s->vars[of];
	*ret = (struct ff_atlas_move){.package = v->p.name,
		.have = v->have,
		.to = release(s, v, v->at),
		.because = v->because >= 0 ? s->vars[v->because].p.name : NULL};
	ff_atlas_bounds_of(s->a, &v->p, v->at, v->at < v->here || v->here < 0, ret->need);
}

static void keep(struct search *s)
{
	s->best_cost = s->cost;
	s->ret->n = (size_t)s->depth;
	s->ret->cost = s->cost;
	for (int i = 0; i < s->depth; i++)
		write_move(s, s->order[i], &s->ret->moves[i]);
}

static void settle(struct search *s);

// Put a package at a release and see what follows.
static void step(struct search *s, int of, int at, int because)
{
	struct var *v = &s->vars[of], before = *v;
	int cost = s->cost;
	s->cost += cost_of(s, of, at);
	if (s->cost < s->best_cost && unmet_requirement(s, of, at, of) == -1 && s->nodes++ < NODES_MAX) {
		v->at = at;
		v->moved = true;
		v->because = because;
		s->order[s->depth++] = of;
		if (fits_moved(s, of, at))
			settle(s);
		s->depth--;
	}
	*v = before;
	s->cost = cost;
}

static void settle(struct search *s)
{
	int of = -1, because = -1, found = conflict(s, &of, &because);
	if (found == 0)
		keep(s);
	if (found <= 0 || s->depth == s->most)
		return;
	struct var *v = &s->vars[of];
	int n = (int)v->p.release_count, here = v->here < 0 ? n : v->here;
	for (int far = 1; far < n + 1; far++) { // the nearer first, of two the newer
		if (here + far < n)
			step(s, of, here + far, because);
		if (here - far >= 0)
			step(s, of, here - far, because);
	}
}

// ---- the package that was asked for ----

static bool wanted(const struct search *s, int at)
{
	const struct var *v = &s->vars[s->target];
	return s->need ? !breaks(release(s, v, at), s->need) : at != v->here;
}

// What an installer takes for the bounds: the newest that this Python can have.
static int newest_wanted(const struct search *s)
{
	for (int at = (int)s->vars[s->target].p.release_count - 1; at >= 0; at--)
		if (wanted(s, at) && unmet_requirement(s, s->target, at, s->target) != -2)
			return at;
	return -1;
}

static void search_target(struct search *s)
{
	struct var *v = &s->vars[s->target];
	int newest = newest_wanted(s);
	if (newest < 0)
		return;
	s->best_cost = INT_MAX;
	s->most = 1;
	step(s, s->target, newest, -1); // with nothing else
	s->ret->plain = s->ret->n == 1;
	if (s->ret->n)
		return;
	s->most = FF_ATLAS_MOVES_MAX;
	int n = (int)v->p.release_count, here = v->here < 0 ? newest : v->here;
	for (int far = 0; far < n + 1; far++) {
		if (here + far < n && wanted(s, here + far))
			step(s, s->target, here + far, -1);
		if (far && here - far >= 0 && wanted(s, here - far))
			step(s, s->target, here - far, -1);
	}
}

static void read_world(struct search *s)
{
	const char *key;
	json_t *entry;
	bool same;
	while (s->n < VARS_MAX && ff_atlas_package_at(s->a, s->n, &s->vars[s->n].p)) {
		s->vars[s->n].at = s->vars[s->n].here = -1;
		s->n++;
	}
	json_object_foreach ((json_t *)s->packages, key, entry) {
		_cleanup_buf_ struct ff_buf name = {0};
		ff_package_name_format(ff_span_of(key), &name);
		int of = name.n && !name.failed ? find_var(s, name.p) : -1;
		const char *version = ff_json_text(entry, "version");
		if (of < 0 || !version)
			continue;
		s->vars[of].have = version;
		s->vars[of].at = s->vars[of].here = ff_atlas_position(s->a, &s->vars[of].p, version, &same);
	}
}

static int find_named(const struct search *s, const char *package)
{
	_cleanup_buf_ struct ff_buf name = {0};
	ff_package_name_format(ff_span_of(package ? package : ""), &name);
	return name.n && !name.failed ? find_var(s, name.p) : -1;
}

bool ff_atlas_solve(const struct ff_atlas *a, const json_t *facts, const char *package, const char *need,
	const char *importer, struct ff_atlas_solution *ret)
{
	*ret = (struct ff_atlas_solution){0};
	const json_t *python = facts ? json_object_get(facts, "python") : NULL;
	_cleanup_free_ struct search *s = calloc(1, sizeof(*s));
	_cleanup_free_ int16_t *owners = a ? calloc(a->sections[FF_ATLAS_NEEDS].count + 1, sizeof(*owners)) : NULL;
	if (!s || !owners || !python)
		return false;
	s->owners = owners;
	s->a = a;
	s->packages = json_object_get(python, "packages");
	s->required_by = json_object_get(python, "required_by");
	s->host = ff_atlas_host_of(facts);
	s->need = need && *need ? need : NULL;
	s->ret = ret;
	read_world(s);
	s->target = find_named(s, package);
	s->importer = find_named(s, importer);
	if (s->target >= 0)
		search_target(s);
	return ret->n > 0;
}
