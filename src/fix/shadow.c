// A copy of a package that stands before the environment's own: an install would change the other one, and nothing
// would be cured.
//
//	python.packages.tokenizers  0.15.2 in /opt/old, which PYTHONPATH puts first
//	python.duplicates           the environment's own is 0.20.3    ->  export PYTHONPATH= without /opt/old
//
// The same with the user's site folder, which PYTHONNOUSERSITE keeps out. A folder that has packages which are nowhere
// else stays: then the environment's own one is put before it. Where the environment's own copy is wrong too, it is
// installed after that, unless others change with it: what was needed was of what stood together there.
#include "fix/machine.h"
#include "parse/requirement.h"
#include "parse/version.h"

enum { NAMED_MAX = 3 };

static const json_t *of_package(const json_t *list, const char *name)
{
	size_t i;
	json_t *item;
	json_array_foreach ((json_t *)list, i, item) {
		const char *package = ff_json_text(item, "package");
		if (package && ff_package_name_equal(ff_span_of(package), ff_span_of(name)))
			return item;
	}
	return NULL;
}

static bool stands_in(const char *location, const char *folder)
{
	return folder && *folder && ff_starts(location, folder);
}

static bool on_pythonpath(const struct ff_fix_machine *m, const char *location)
{
	struct ff_span rest = ff_span_of(ff_json_text(m->facts, "env.PYTHONPATH")), one;
	while (rest.n && ff_span_next(&rest, ':', &one)) {
		while (one.n > 1 && one.p[one.n - 1] == '/')
			one.n--;
		if (ff_span_eq(one, location))
			return true;
	}
	return false;
}

// The copy that lies in the environment itself; NULL when there is none.
static const char *own_version(const struct ff_fix_machine *m, const char *name, const char *prefix)
{
	size_t i;
	json_t *copy;
	const json_t *twice = of_package(ff_json_at(m->facts, "python.duplicates"), name);
	json_array_foreach (json_object_get(twice, "copies"), i, copy) {
		const char *location = ff_json_text(copy, "location");
		if (location && stands_in(location, prefix))
			return ff_json_text(copy, "version");
	}
	return NULL;
}

bool ff_fix_only_there(const struct ff_fix_machine *m, const char *location, struct ff_buf *ret)
{
	const char *name, *prefix = m->facts ? ff_json_text(m->facts, "python.prefix") : NULL;
	json_t *package;
	size_t n = 0;
	json_object_foreach (prefix ? ff_json_at(m->facts, "python.packages") : NULL, name, package) {
		const char *of = ff_json_text(package, "location");
		if (!of || strcmp(of, location) != 0 || own_version(m, name, prefix) || ++n > NAMED_MAX)
			continue;
		ff_buf_printf(ret, "%s%s", n > 1 ? ", " : "", name);
	}
	if (n > NAMED_MAX)
		ff_buf_printf(ret, " and %zu more", n - NAMED_MAX);
	return n > 0;
}

const char *ff_fix_own_site(const struct ff_fix_machine *m)
{
	const char *prefix = m->facts ? ff_json_text(m->facts, "python.prefix") : NULL, *one;
	size_t i;
	json_t *site;
	json_array_foreach (prefix ? ff_json_at(m->facts, "python.site") : NULL, i, site)
		if ((one = json_string_value(site)) && stands_in(one, prefix) && ff_ends(one, "-packages"))
			return one;
	return NULL;
}

static struct ff_error *put_away(
	const struct ff_fix_machine *m, const char *name, const char *location, bool by_path, json_t *fix)
{
	_cleanup_json_ json_t *drop = by_path ? json_pack("{s:s, s:s}", "drop", "PYTHONPATH", "entry", location)
					      : json_pack("{s:{s:s}}", "set", "PYTHONNOUSERSITE", "1");
	json_t *say = by_path
		? json_sprintf("Take %s off PYTHONPATH: its %s stands before the environment's own.", location, name)
		: json_sprintf("Keep %s out: its %s stands before the environment's own.", location, name);
	if (!drop || !say || json_object_set_new(fix, "say", say) < 0)
		return &ff_enomem;
	return by_path ? ff_fix_drop(m, drop, fix) : ff_fix_set(m, drop, fix);
}

// Every package of that folder becomes the environment's own one; *ret_others is true when that is more than one.
static struct ff_error *note_effect(const struct ff_fix_machine *m, const char *location, json_t *fix, bool *ret_others)
{
	const char *name, *prefix = ff_json_text(m->facts, "python.prefix");
	json_t *package;
	size_t n = 0;
	struct ff_error *err = NULL;
	json_object_foreach (ff_json_at(m->facts, "python.packages"), name, package) {
		const char *of = ff_json_text(package, "location"), *own = own_version(m, name, prefix);
		if (err || !of || !own || strcmp(of, location) != 0)
			continue;
		n++;
		err = ff_fix_effect(fix, "packages", name, json_string(own));
	}
	*ret_others = n > 1;
	return err;
}

struct ff_error *ff_fix_shadow(
	const struct ff_fix_machine *m, const char *name, const char *need, json_t *fix, enum ff_shadow *ret)
{
	bool absent, others = false;
	*ret = FF_SHADOW_NONE;
	const char *prefix = m->facts ? ff_json_text(m->facts, "python.prefix") : NULL;
	const json_t *entry = prefix && ff_machine_package(m, name, &absent)
		? json_object_get(ff_json_at(m->facts, "python.packages"), name)
		: NULL;
	const char *location = entry ? ff_json_text(entry, "location") : NULL;
	if (!location || stands_in(location, prefix))
		return NULL;
	bool by_path = on_pythonpath(m, location);
	const char *user = ff_json_text(m->facts, "python.user_site.path");
	const char *own = own_version(m, name, prefix);
	if ((!by_path && !stands_in(location, user)) || !own)
		return NULL;
	bool good = !need || ff_version_satisfies(own, need) == FF_SATISFIES_YES;
	struct ff_error *err = put_away(m, name, location, by_path, fix);
	if (!err)
		err = note_effect(m, location, fix, &others);
	*ret = good || others ? FF_SHADOW_CURES : FF_SHADOW_FIRST;
	return err;
}
