// What must move together with a package, where the atlas finds that a release alone does not fit with what is here.
//
//	{"install": "flask", "need": "<2.3"}, werkzeug 3.1 is here  ->  pip install 'flask<2.3' 'werkzeug<2.4'
//
// An installer goes by METADATA, where old releases have no upper bounds: it would keep a werkzeug that flask 2.2
// cannot import from. know/atlas_solve.h searches; here its answer becomes words of the command.
#include "fix/machine.h"
#include "know/atlas_solve.h"
#include "know/atlas_wheel.h"

static void forget(json_t *list, const char *name)
{
	for (size_t i = json_array_size(list); i-- > 0;)
		if (strcmp(json_string_value(json_array_get(list, i)), name) == 0)
			json_array_remove(list, i);
}

static struct ff_error *say(json_t *fix, const struct ff_atlas_move *move)
{
	struct ff_error *err = ff_fix_effect(fix, "packages", move->package, json_string(move->to));
	if (err || !move->have)
		return err;
	return ff_fix_side_effect(fix, "%s %s moves too: what fits %s is %s.", move->package, move->have, move->because,
		move->need[0] ? move->need : move->to);
}

struct ff_error *ff_fix_wheel_here(const struct ff_fix_machine *m, const char *name, const char *need, json_t *fix)
{
	const struct ff_atlas *a = ff_atlas();
	struct ff_atlas_host host = ff_atlas_host_of(m->facts);
	struct ff_atlas_wheels found;
	const char *what, *asks;
	if (!ff_atlas_wheels_within(a, name, need, &host, &found) || found.newest_fit >= 0 ||
		ff_atlas_wheel_fits(a, &found.package, found.newest, &host, &what, &asks))
		return NULL;
	const char *release = ff_atlas_string(a, found.package.releases[found.newest]);
	if (!*what)
		return ff_fix_refuse(fix, "%s %s has no wheel for %s", name, release, host.arch);
	return ff_fix_refuse(fix, "%s %s has wheels for %s %s, and this is %s", name, release, what, asks,
		strcmp(what, "glibc") == 0 ? host.glibc : host.python);
}

struct ff_error *ff_fix_joint(const struct ff_fix_machine *m, const char *name, const char *importer,
	struct ff_buf *need, json_t *also, json_t *joint, json_t *fix)
{
	struct ff_atlas_solution s;
	struct ff_error *err = NULL;
	if (!ff_atlas_solve(ff_atlas(), m->facts, name, need->p, importer, &s) || s.plain)
		return NULL;
	for (size_t i = 1; i < s.n; i++)
		if (!ff_fix_package_known(m, s.moves[i].package))
			return NULL;
	need->n = 0;
	ff_buf_str(need, s.moves[0].need);
	for (size_t i = 1; i < s.n && !err; i++) {
		forget(also, s.moves[i].package);
		if (json_object_set_new(joint, s.moves[i].package, json_string(s.moves[i].need)) < 0)
			return &ff_enomem;
		err = say(fix, &s.moves[i]);
	}
	return err ? err : need->failed ? &ff_enomem : NULL;
}

int ff_fix_cost(const json_t *facts, const char *name, const char *need, const char *importer)
{
	const struct ff_fix_machine m = {.facts = facts};
	struct ff_atlas_solution s;
	_cleanup_buf_ struct ff_buf bounds = {0};
	_cleanup_json_ json_t *also = json_array();
	_cleanup_error_ struct ff_error *err = facts ? ff_fix_bounds(&m, name, need, &bounds, also) : &ff_enomem;
	return !err && ff_atlas_solve(ff_atlas(), facts, name, bounds.n ? bounds.p : need, importer, &s) ? s.cost : -1;
}
