// What an install does to the facts: which release is there afterwards, and whether that is what was asked for.
//
//	{"install": "accelerate", "need": ">=0.26"}, 0.20.3 is here   0.20.3  ->  1.15.0
//	{"install": "redis"}, certainly not here                      not installed  ->  5.2.1
//	{"install": "torch", "fresh": true}, a file of it is cut short   python.torn  ->  whole
//
// Bounds that a rule or a line sets, and that what is here is outside of, are what fails. Of a release that is only
// newer nobody knows whether it is enough.
#include "fix/machine.h"
#include "parse/requirement.h"
#include "parse/version.h"

enum { VERSION_MAX = 64 };

// What the facts hold against the files of a package.
static const char *damage(const struct ff_fix_machine *m, const char *name)
{
	static const struct {
		const char *list, *words;
	} lists[] = {{"python.torn", "damaged"}, {"python.hollow", "without its files"},
		{"python.foreign", "made for another machine"}};
	size_t k;
	json_t *item;
	for (size_t i = 0; m->facts && i < sizeof(lists) / sizeof(*lists); i++) {
		json_array_foreach (ff_json_at(m->facts, lists[i].list), k, item) {
			const char *of = ff_json_text(item, "package");
			if (of && ff_package_name_equal(ff_span_of(of), ff_span_of(name)))
				return lists[i].words;
		}
	}
	return NULL;
}

// What is here: as a package, as a part of the facts of its own, or as what another package's demand was compared with.
static const char *version_here(const struct ff_fix_machine *m, const char *name, bool *ret_absent)
{
	const char *have = ff_machine_package(m, name, ret_absent);
	_cleanup_buf_ struct ff_buf own = {0};
	size_t i;
	json_t *conflict;
	for (const char *p = name; *p; p++)
		ff_buf_char(&own, *p == '-' ? '_' : *p);
	const json_t *part = m->facts && own.p && !own.failed ? json_object_get(m->facts, own.p) : NULL;
	const char *whole = part ? ff_json_text(part, "version") : NULL; // torch's has the build
	if (whole || have || *ret_absent)
		return whole ? whole : have;
	json_array_foreach (m->facts ? ff_json_at(m->facts, "python.conflicts") : NULL, i, conflict) {
		const char *requires = ff_json_text(conflict, "requires");
		size_t n = strcspn(requires ? requires : "", "<>=!~ ;[");
		if (requires && ff_package_name_equal((struct ff_span){requires, n}, ff_span_of(name)))
			return ff_json_text(conflict, "found");
	}
	return NULL;
}

// The version that the bounds name: "4.51" of ">=4.51,<5", which a line that asks for it has too.
static const char *bound_of(const char *need, char ret[static VERSION_MAX])
{
	const char *at = need ? need + strcspn(need, "0123456789") : "";
	size_t n = strcspn(at, ",; ");
	if (!n || n >= VERSION_MAX)
		return NULL;
	snprintf(ret, VERSION_MAX, "%.*s", (int)n, at);
	return ret;
}

// The release that the fix has noted, or that an installer would take.
static struct ff_error *note_release(
	const struct ff_package_change *c, const char *have, json_t *fix, struct ff_buf *ret)
{
	const json_t *noted = json_object_get(json_object_get(json_object_get(fix, "effect"), "packages"), c->name);
	if (json_is_string(noted)) {
		ff_buf_str(ret, json_string_value(noted));
		return ret->failed ? &ff_enomem : NULL;
	}
	bool stays = c->fresh && have && (!c->need || ff_version_satisfies(have, c->need) == FF_SATISFIES_YES);
	if (stays)
		ff_buf_str(ret, have);
	else
		ff_fix_release(c->name, c->need, ret);
	if (ret->failed)
		return &ff_enomem;
	if (c->fresh && !ret->n)
		return NULL;
	if (c->extra && have && ret->n && strcmp(have, ret->p) == 0)
		return NULL; // what the extra brings is in no fact
	return ff_fix_effect(fix, "packages", c->name, ret->n ? json_string(ret->p) : json_true());
}

// What the same command brings besides, where it is certainly not here.
static struct ff_error *note_beside(const struct ff_fix_machine *m, const char *name, const char *need, json_t *fix)
{
	bool absent = false;
	_cleanup_buf_ struct ff_buf release = {0};
	if (!name || !ff_fix_package_known(m, name) || ff_machine_package(m, name, &absent) || !absent)
		return NULL;
	ff_fix_release(name, need, &release);
	if (release.failed)
		return &ff_enomem;
	return ff_fix_effect(fix, "packages", name, release.n ? json_string(release.p) : json_true());
}

static struct ff_error *note_along(const struct ff_fix_machine *m, const struct ff_package_change *c, json_t *fix)
{
	size_t i;
	json_t *item;
	const char *name;
	struct ff_error *err = NULL;
	json_array_foreach (c->along, i, item) {
		if (!err)
			err = note_beside(m, json_string_value(item), NULL, fix);
	}
	json_object_foreach ((json_t *)c->along, name, item) {
		if (!err)
			err = note_beside(m, name, json_string_value(item), fix);
	}
	return err;
}

static struct ff_error *goal_of(const struct ff_fix_machine *m, const struct ff_package_change *c, const char *have,
	bool absent, const char *then, json_t *fix)
{
	char bound[VERSION_MAX];
	const char *broken = c->fresh ? damage(m, c->name) : NULL;
	bool outside = have && c->asked && ff_version_satisfies(have, c->asked) == FF_SATISFIES_NO;
	bool build =
		have && then && c->chosen && strcmp(have, then) != 0; // it was chosen to run here, and have was not
	struct ff_goal goal = {.what = c->name,
		.then = then	   ? then
			: c->asked ? c->asked
				   : "installed",
		.required = true};
	if (broken) {
		goal.now = broken;
		goal.then = "laid down anew";
	} else if (absent) {
		goal.now = "not installed";
		goal.required = !c->asked || *c->asked != '<'; // an older one is asked of what is there
		goal.words[0] = c->name;
	} else if (outside || build) {
		goal.now = have;
	} else if (c->fresh) {
		goal.then = "laid down anew";
		goal.words[0] = c->name;
		goal.cause = "pip.broken-install";
	} else if (!have && c->asked) {
		goal.words[0] = c->name;
		goal.words[1] = bound_of(c->asked, bound);
	} else {
		return NULL;
	}
	return ff_fix_goal(fix, &goal);
}

static struct ff_error *say_open(const struct ff_package_change *c, const char *have, const char *then, json_t *fix)
{
	if (c->fresh)
		return ff_fix_open(fix, "whether another copy of %s loads here, `firstfix fix --try` shows", c->name);
	if (c->extra)
		return ff_fix_open(fix, "which packages this extra of %s brings, its installer decides", c->name);
	if (have && then && strcmp(have, then) != 0)
		return ff_fix_open(
			fix, "nobody states which release is enough: %s %s would become %s", c->name, have, then);
	if (have)
		return ff_fix_open(fix, "nobody states which release is enough, and %s %s is here", c->name, have);
	return ff_fix_open(fix, "which %s is here is not known", c->name);
}

struct ff_error *ff_fix_package_effect(const struct ff_fix_machine *m, const struct ff_package_change *c, json_t *fix)
{
	bool absent = false;
	const char *have = version_here(m, c->name, &absent);
	_cleanup_buf_ struct ff_buf then = {0};
	struct ff_error *err = note_release(c, have, fix, &then);
	if (!err)
		err = note_along(m, c, fix);
	if (!err && c->fresh)
		err = ff_fix_effect(fix, "anew", c->name, json_true());
	if (!err)
		err = goal_of(m, c, have, absent || (!have && c->missing), then.p, fix);
	return err ? err : say_open(c, have, then.p, fix);
}

struct ff_error *ff_fix_removal_effect(const struct ff_fix_machine *m, const char *name, json_t *fix)
{
	bool absent = false;
	struct ff_goal goal = {
		.what = name, .now = version_here(m, name, &absent), .then = "gone", .words = {name}, .required = true};
	struct ff_error *err = ff_fix_effect(fix, "packages", name, json_null());
	return err ? err : ff_fix_goal(fix, &goal);
}

// A project of the user's own has the release that its source says.
struct ff_error *ff_fix_link_effect(const struct ff_fix_machine *m, const char *name, json_t *fix)
{
	bool absent = false;
	const char *have = version_here(m, name, &absent);
	struct ff_goal goal = {.what = name,
		.now = absent ? "not installed" : have,
		.then = "linked to its source",
		.words = {name},
		.required = true};
	struct ff_error *err = ff_fix_effect(fix, "packages", name, json_true());
	return err ? err : ff_fix_goal(fix, &goal);
}

// Another Python in an environment of its own; what is installed in this one is not in it, and no fact of it changes.
struct ff_error *ff_fix_python_effect(const struct ff_fix_machine *m, const char *version, json_t *fix)
{
	const char *here = m->facts ? ff_json_text(m->facts, "python.version") : NULL;
	size_t n = strlen(version);
	if (here && strncmp(here, version, n) == 0 && (!here[n] || here[n] == '.'))
		return ff_fix_refuse(fix, "this Python is %s already", here);
	struct ff_goal goal = {.what = "Python", .now = here, .then = version, .words = {version}, .required = true};
	return ff_fix_goal(fix, &goal);
}

// Compiled with the compiler of CUDA, whoever builds them for a GPU.
static bool is_cuda_extension(const char *name)
{
	static const char *const names[] = {"apex", "auto-gptq", "bitsandbytes", "causal-conv1d", "detectron2",
		"exllamav2", "flash-attn", "gptqmodel", "mamba-ssm", "mmcv", "transformer-engine", "vllm", "xformers"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (ff_package_name_equal(ff_span_of(names[i]), ff_span_of(name)))
			return true;
	return false;
}

// The programs that the facts looked for are all noted, those that are not there too.
static bool lacks_nvcc(const struct ff_fix_machine *m)
{
	return m->facts && json_is_false(ff_json_at(m->facts, "system.programs.nvcc")) &&
		!ff_json_at(m->facts, "cuda.toolkit") && !ff_json_text(m->facts, "torch.hip");
}

struct ff_error *ff_fix_build_effect(const struct ff_fix_machine *m, const char *name, bool for_gpu, json_t *fix)
{
	if ((for_gpu || is_cuda_extension(name)) && lacks_nvcc(m))
		return ff_fix_refuse(fix, "there is no nvcc here that could compile %s", name);
	return ff_fix_effect(fix, "anew", name, json_true());
}
