// What follows from the packages of a file before anything is installed: the torch that comes with an engine, which GPU
// code it carries, and which of the pins exclude each other.
//
//	RUN pip install torch==2.1.2                 step 1
//	RUN pip install vllm==0.6.2                  step 2: asks for torch 2.4.0, which takes the place of 2.1.2
//	RUN pip install torch==2.7.1                 step 3: vllm stays, beside a torch that it was not built for
//
// How the source lies: only what is asked of an installer together is resolved together; what comes later replaces what
// was there, --no-deps replaces nothing.
#include "api/requirements.h"

#include "know/atlas_ask.h"
#include "know/torch_pairs.h"
#include "know/torch_wheel.h"
#include "parse/chars.h"
#include "parse/version.h"

static const char *version_of(const json_t *packages, const char *name)
{
	return ff_json_text(json_object_get(packages, name), "version");
}

static struct ff_span public_part(struct ff_span version)
{
	const char *plus = version.n ? memchr(version.p, '+', version.n) : NULL;
	return plus ? ff_span_first(version, (size_t)(plus - version.p)) : version;
}

static bool same_release(const char *a, struct ff_span b)
{
	return ff_version_compare_spans(public_part(ff_span_of(a)), public_part(b)) == 0;
}

// Of a name that is not there: before all steps.
static int64_t step_of(const struct ff_asked *a, const char *name)
{
	int64_t step = -1;
	ff_json_int(a->chosen, name, &step);
	return step;
}

static bool has_option(const struct ff_asked *a, int64_t step, const char *option)
{
	size_t i;
	json_t *each;
	json_array_foreach (json_object_get(json_array_get(a->steps, (size_t)step), "options"), i, each)
		if (strcmp(json_string_value(each), option) == 0)
			return true;
	return false;
}

void ff_asked_choose(struct ff_asked *a, const char *name, struct ff_span version, size_t step)
{
	json_t *packages = ff_json_at(a->doc, "python.packages");
	const char *was = version_of(packages, name);
	if (was && ff_span_eq(version, was))
		return;
	if (was && a->lock) { // true: only the build differs
		bool before = json_object_get(a->open, name) != json_false();
		json_object_set_new(a->open, name, json_boolean(before && same_release(was, version)));
		version = public_part(version);
	} else if (was && step_of(a, name) == (int64_t)step && !memchr(version.p, '+', version.n)) {
		return;
	}
	json_object_set_new(packages, name, json_pack("{s:o}", "version", ff_json_string(version.p, version.n)));
	json_object_set_new(a->chosen, name, json_integer((json_int_t)step));
}

// ---- what excludes each other ----

static void conflict(json_t *ret, const char *package, const char *requires, const char *found)
{
	json_array_append_new(
		ret, json_pack("{s:s, s:s, s:s}", "package", package, "requires", requires, "found", found));
}

// What a release asks of others that are pinned too. Of a minor release the atlas has the last patch: another patch
// asks for the same ranges, but may pin other releases.
static void conflicts_of(
	const struct ff_asked *asked, const char *name, const char *version, json_t *ret, json_t *ret_replaced)
{
	const json_t *packages = ff_json_at(asked->doc, "python.packages");
	const struct ff_atlas *a = ff_atlas();
	struct ff_atlas_package p;
	struct ff_atlas_require need;
	struct ff_span torch;
	bool same;
	if (!a || !ff_atlas_package(a, name, &p))
		return;
	int at = ff_atlas_position(a, &p, version, &same);
	bool listed = at >= 0 && same_release(version, ff_span_of(ff_atlas_string(a, p.releases[at])));
	bool asks = ff_know_torch_asked(name, version, &torch),
	     alone = has_option(asked, step_of(asked, name), "--no-deps");
	for (size_t i = 0; same && ff_atlas_require_at(a, &p, i, &need); i++) {
		const char *found = ff_atlas_in(need.set, at) ? version_of(packages, need.name) : NULL;
		bool exact = strstr(need.specifiers, "==") != NULL;
		if (!found || (exact && (!listed || (asks && strcmp(need.name, "torch") == 0))) ||
			ff_version_satisfies(found, need.specifiers) != FF_SATISFIES_NO)
			continue;
		if (!alone && step_of(asked, need.name) < step_of(asked, name)) {
			json_object_set_new(ret_replaced, need.name, json_true());
			continue;
		}
		_cleanup_buf_ struct ff_buf requires = {0};
		ff_buf_printf(&requires, "%s%s", need.name, need.specifiers);
		if (!requires.failed)
			conflict(ret, name, requires.p, found);
	}
}

// ---- torch ----

static const json_t *pin_of(const struct ff_asked *a, const char *name, const char *version)
{
	for (size_t i = json_array_size(a->pins); i-- > 0;) {
		const json_t *pin = json_array_get(a->pins, i);
		const char *other = ff_json_text(pin, "name"), *pinned = ff_json_text(pin, "version");
		if (other && pinned && strcmp(other, name) == 0 && strcmp(pinned, version) == 0)
			return pin;
	}
	return NULL;
}

// The torch that comes with an engine stands in its line.
static void bring(struct ff_asked *a, const char *by, const char *version, struct ff_span torch)
{
	const json_t *pin = pin_of(a, by, version);
	ff_asked_choose(a, "torch", torch, (size_t)step_of(a, by));
	_cleanup_buf_ struct ff_buf with = {0};
	ff_buf_printf(&with, "%s %s", by, version);
	if (pin && !with.failed)
		json_array_append_new(a->pins,
			json_pack("{s:s, s:O, s:O, s:O, s:o, s:s}", "name", "torch", "file",
				json_object_get(pin, "file"), "line", json_object_get(pin, "line"), "step",
				json_object_get(pin, "step"), "version", ff_json_string(torch.p, torch.n), "comes_with",
				with.p));
}

// Of those that ask for a torch of their own the last one has its way; those before it are left beside another's.
static void torch_asked(struct ff_asked *a, json_t *conflicts)
{
	json_t *packages = ff_json_at(a->doc, "python.packages"), *entry;
	const char *name, *by = NULL;
	struct ff_span torch, wanted = {NULL, 0};
	json_object_foreach (packages, name, entry) {
		int64_t step = step_of(a, name);
		if (!ff_know_torch_asked(name, ff_json_text(entry, "version"), &torch) ||
			has_option(a, step, "--no-deps") || step <= step_of(a, "torch") ||
			(by && step < step_of(a, by)))
			continue;
		by = name;
		wanted = torch;
	}
	if (by)
		bring(a, by, version_of(packages, by), wanted);
	const char *found = version_of(packages, "torch");
	json_object_foreach (found ? packages : NULL, name, entry) {
		char requires[64];
		if (!ff_know_torch_asked(name, ff_json_text(entry, "version"), &torch) || same_release(found, torch))
			continue;
		snprintf(requires, sizeof(requires), "torch==%.*s", (int)torch.n, torch.p);
		conflict(conflicts, name, requires, found);
	}
}

// An engine without a version, installed upon a torch: the newest release brings another one, and which is not known.
static void torch_replaced(struct ff_asked *a)
{
	json_t *pin;
	size_t i;
	json_array_foreach (a->pins, i, pin) {
		int64_t step = 0;
		const char *name = ff_json_text(pin, "name");
		if (!name || !json_object_get(pin, "needs") || !ff_json_int(pin, "step", &step) ||
			!ff_know_torch_asks(name) || step <= step_of(a, "torch") || has_option(a, step, "--no-deps"))
			continue;
		json_object_del(ff_json_at(a->doc, "python.packages"), "torch");
		json_object_set_new(a->chosen, "torch", json_integer((json_int_t)step));
	}
}

// "pip install torch --index-url .../cu118": an index that gets no new releases has one that is taken.
static void torch_of_index(struct ff_asked *a)
{
	json_t *pin;
	size_t i;
	struct ff_span newest;
	json_array_foreach (a->pins, i, pin) {
		int64_t step = 0;
		const char *name = ff_json_text(pin, "name"), *needs = ff_json_text(pin, "needs");
		if (!name || strcmp(name, "torch") != 0 || !needs || *needs || !ff_json_int(pin, "step", &step) ||
			step < step_of(a, "torch"))
			continue;
		const char *build = ff_json_text(json_array_get(a->steps, (size_t)step), "build");
		if (build && ff_know_torch_last(build + 1, &newest))
			ff_asked_choose(a, "torch", newest, (size_t)step);
	}
}

// What the wheel of that torch carries.
static struct ff_error *put_torch(struct ff_asked *a)
{
	json_t *packages = ff_json_at(a->doc, "python.packages"), *torch = NULL;
	const char *version = version_of(packages, "torch");
	if (!version)
		return NULL;
	const json_t *step = json_array_get(a->steps, (size_t)step_of(a, "torch"));
	bool open = json_object_get(a->open, "torch");
	const char *build = open ? NULL : ff_json_text(step, "build");
	char whole[96], registry[24] = "";
	struct ff_span tag;
	bool known = strchr(version, '+') || open || json_object_get(step, "image");
	if (!build && !known && ff_know_torch_registry(version, &tag))
		snprintf(registry, sizeof(registry), "+%.*s", (int)tag.n, tag.p);
	snprintf(whole, sizeof(whole), "%.60s%s", version, strchr(version, '+') ? "" : build ? build : registry);
	struct ff_error *err = ff_know_torch_wheel(whole, &torch);
	if (!err && !torch)
		err = ff_know_torch_any_build(whole, &torch);
	if (err)
		return err;
	if (!torch && !(torch = json_pack("{s:s}", "version", whole)))
		return &ff_enomem;
	json_object_set_new(json_object_get(packages, "torch"), "version", json_string(ff_json_text(torch, "version")));
	return ff_json_put(a->doc, "torch", torch);
}

struct ff_error *ff_asked_follow(struct ff_asked *a)
{
	json_t *packages = ff_json_at(a->doc, "python.packages"), *conflicts = json_array(), *value;
	_cleanup_json_ json_t *replaced = json_object(); // by a release that nobody named
	const char *name;
	json_object_foreach (a->open, name, value) // the build alone differs: the release is known
		if (!json_is_true(value))
			json_object_del(packages, name);
	if (!a->lock) {
		torch_of_index(a);
		torch_replaced(a);
		torch_asked(a, conflicts);
		json_object_foreach (packages, name, value)
			conflicts_of(a, name, ff_json_text(value, "version"), conflicts, replaced);
	}
	json_object_foreach (replaced, name, value)
		json_object_del(packages, name);
	struct ff_error *err = ff_json_put(a->doc, "python.conflicts", conflicts);
	if (!err && json_object_size(a->open))
		err = ff_json_put(a->doc, "requirements.open", json_incref(a->open));
	return err ? err : put_torch(a);
}
