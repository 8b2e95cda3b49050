// The facts as they would be after a fix. Packages and variables change, and what follows from them is worked out again
// as the probes would: which library bitsandbytes picks, which torchvision belongs to the new torch, what a newer
// driver can run.
//
//	{"packages": {"torch": "2.7.1+cu128"}, "env": {"BNB_CUDA_VERSION": null}, "facts": {"system.limits.nofile": 65536}}
#include "fix/machine.h"

#include "know/allocator.h"
#include "know/bnb.h"
#include "know/bnb_facts.h"
#include "know/driver.h"
#include "know/torch_pairs.h"
#include "know/torch_wheel.h"
#include "parse/requirement.h"

// ---- variables ----

// What was odd about a variable's old value is gone with it.
static void forget_notes(json_t *after, const char *name)
{
	json_t *notes = json_object_get(after, "env_notes");
	for (size_t i = json_array_size(notes); i-- > 0;) {
		const char *of = ff_json_text(json_array_get(notes, i), "name");
		if (of && strcmp(of, name) == 0)
			json_array_remove(notes, i);
	}
}

// A variable that names a folder leads elsewhere now: what was read of the old one says nothing of the new.
static void forget_disk(json_t *after, const char *name)
{
	json_t *disks = ff_json_at(after, "system.disks");
	for (size_t i = json_array_size(disks); i-- > 0;) {
		const char *of = ff_json_text(json_array_get(disks, i), "for");
		if (of && strcmp(of, name) == 0)
			json_array_remove(disks, i);
	}
}

static struct ff_error *apply_env(json_t *after, const json_t *changes)
{
	json_t *env = json_object_get(after, "env"), *value;
	const char *name;
	if (json_object_size(changes) && !json_is_object(env) &&
		json_object_set_new(after, "env", env = json_object()) < 0)
		return &ff_enomem;
	json_object_foreach ((json_t *)changes, name, value) {
		forget_notes(after, name);
		forget_disk(after, name);
		if (!json_is_string(value))
			json_object_del(env, name);
		else if (json_object_set(env, name, value) < 0)
			return &ff_enomem;
	}
	return NULL;
}

static bool contains(const json_t *item, const json_t *fields)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)fields, name, value) {
		if (!json_equal(json_object_get(item, name), value))
			return false;
	}
	return true;
}

// ---- packages ----

static bool same_package(const char *a, const char *b)
{
	return ff_package_name_equal(ff_span_of(a), ff_span_of(b));
}

// Requirements that the new release meets are no conflicts any more, nor are those of the release that is gone.
static void forget_conflicts(json_t *after, const char *name, const char *release)
{
	json_t *conflicts = ff_json_at(after, "python.conflicts");
	for (size_t i = json_array_size(conflicts); i-- > 0;) {
		const json_t *c = json_array_get(conflicts, i);
		const char *of = ff_json_text(c, "package"), *requires = ff_json_text(c, "requires");
		struct ff_requirement r = {0};
		struct ff_error *err =
			requires ? ff_requirement_parse("requires", ff_span_of(requires), &r) : &ff_enomem;
		bool own = of && same_package(of, name);
		bool met = !err && release && ff_package_name_equal(r.name, ff_span_of(name)) &&
			ff_version_satisfies_spans(ff_span_of(release), r.specifiers) == FF_SATISFIES_YES;
		ff_error_destroy(err);
		if (own || met)
			json_array_remove(conflicts, i);
	}
}

// The libraries that a release of bitsandbytes brings, by the table of its wheels; NULL in *ret when that is not known.
static struct ff_error *bnb_branch(const char *release, json_t **ret)
{
	_cleanup_json_ json_t *names = json_pack("[s]", "libbitsandbytes_cpu.so");
	*ret = NULL;
	for (int number = 110; names && number < 140; number++) {
		char cuda[8];
		snprintf(cuda, sizeof(cuda), "%d", number);
		enum ff_known ships = ff_know_bnb_ships(release, cuda);
		if (ships == FF_KNOWN_NOT)
			return NULL;
		if (ships == FF_KNOWN_YES &&
			json_array_append_new(names, json_sprintf("libbitsandbytes_cuda%d.so", number)) < 0)
			return &ff_enomem;
	}
	*ret = names ? json_pack("{s:s, s:O}", "version", release, "binaries", names) : NULL;
	return *ret ? NULL : &ff_enomem;
}

// A build of torch whose GPU code is not in the table leaves open what a check would ask.
static struct ff_error *torch_branch(const char *release, json_t **ret)
{
	struct ff_error *err = ff_know_torch_wheel(release, ret);
	if (!err && *ret && !json_object_get(*ret, "archs") && !json_is_null(json_object_get(*ret, "cuda"))) {
		json_decref(*ret);
		*ret = NULL;
	}
	return err;
}

// What a package's own branch of the facts becomes.
static const struct {
	const char *package;
	struct ff_error *(*make)(const char *release, json_t **ret);
} branches[] = {{"torch", torch_branch}, {"bitsandbytes", bnb_branch}};

static struct ff_error *set_branch(json_t *after, const char *name, const char *release, bool *ret_known)
{
	_cleanup_json_ json_t *branch = NULL;
	_cleanup_buf_ struct ff_buf key = {0};
	for (const char *p = name; *p; p++)
		ff_buf_char(&key, *p == '-' ? '_' : *p);
	struct ff_error *err = key.failed ? &ff_enomem : NULL;
	for (size_t i = 0; !err && i < sizeof(branches) / sizeof(*branches); i++) {
		if (strcmp(branches[i].package, name) != 0)
			continue;
		err = branches[i].make(release, &branch);
		*ret_known = branch != NULL;
		return !err && branch && json_object_set(after, name, branch) < 0 ? &ff_enomem : err;
	}
	if (!err && json_object_get(after, key.p))
		err = ff_json_put(after, key.p, json_pack("{s:s}", "version", release));
	return err;
}

// What was read of the files of a package is gone with them.
static void forget_files(json_t *after, const char *name)
{
	static const char *const lists[] = {"python.torn", "python.hollow", "python.foreign"};
	for (size_t k = 0; k < sizeof(lists) / sizeof(*lists); k++) {
		json_t *list = ff_json_at(after, lists[k]);
		for (size_t i = json_array_size(list); i-- > 0;) {
			const char *of = ff_json_text(json_array_get(list, i), "package");
			if (of && same_package(of, name))
				json_array_remove(list, i);
		}
	}
}

static struct ff_error *set_package(json_t *after, const char *name, const char *release, bool *ret_known)
{
	json_t *packages = ff_json_at(after, "python.packages"), *old;
	const char *key;
	void *next;
	struct ff_error *err = NULL;
	if (!json_is_object(packages))
		err = ff_json_put(after, "python.packages", packages = json_object());
	if (err)
		return err;
	json_object_foreach_safe(packages, next, key, old)
	{
		const char *have = ff_json_text(old, "version");
		if (!same_package(key, name))
			continue;
		if (have && release && strcmp(have, release) == 0)
			return NULL;
		json_object_del(packages, key);
	}
	forget_conflicts(after, name, release);
	if (!release)
		return NULL;
	if (json_object_set_new(packages, name, json_pack("{s:s}", "version", release)) < 0)
		return &ff_enomem;
	return set_branch(after, name, release, ret_known);
}

// torchvision and torchaudio against the torch that would be there.
static void judge_partners(json_t *after)
{
	const char *torch = ff_json_text(after, "torch.version");
	json_t *partners = ff_json_at(after, "torch.partners"), *p;
	size_t i;
	json_array_foreach (torch ? partners : NULL, i, p) {
		const char *name = ff_json_text(p, "package");
		json_t *entry = name ? json_object_get(ff_json_at(after, "python.packages"), name) : NULL;
		const char *found = entry ? ff_json_text(entry, "version") : ff_json_text(p, "found");
		struct ff_span wants;
		if (!name || !found || !ff_know_torch_partner(torch, name, &wants))
			continue;
		bool fits = ff_version_satisfies_spans(ff_span_of(found), wants) != FF_SATISFIES_NO;
		json_object_set_new(p, "found", json_string(found));
		json_object_set_new(p, "wants", json_stringn(wants.p, wants.n));
		json_object_set_new(p, "fits", json_boolean(fits));
	}
}

static struct ff_error *apply_packages(json_t *after, const json_t *changes, bool *ret_known)
{
	const char *name;
	json_t *release;
	struct ff_error *err = NULL;
	json_t *partners = ff_json_at(after, "torch.partners");
	json_incref(partners); // the branch of torch is replaced
	json_object_foreach ((json_t *)changes, name, release) {
		*ret_known = *ret_known && !json_is_true(release);
		forget_files(after, name);
		if (!err && *ret_known)
			err = set_package(after, name, json_string_value(release), ret_known);
	}
	if (!err && partners && !ff_json_at(after, "torch.partners") && json_object_get(after, "torch"))
		err = ff_json_put(after, "torch.partners", json_incref(partners));
	json_decref(partners);
	judge_partners(after);
	return err;
}

// ---- what follows ----

static struct ff_error *choose_bnb(json_t *after)
{
	_cleanup_json_ json_t *choice = NULL;
	struct ff_error *err = ff_bnb_choice_of(after, json_object_get(after, "env"), &choice);
	if (err && err->code != FF_ENOMEM) { // a release that the table does not know: nothing is said of it
		ff_error_destroy(err);
		return NULL;
	}
	if (!err && choice)
		json_object_update(json_object_get(after, "bitsandbytes"), choice);
	return err;
}

static bool differs(const json_t *a, const json_t *b, const char *path)
{
	const json_t *x = ff_json_at(a, path), *y = ff_json_at(b, path);
	return x != y && !(x && y && json_equal((json_t *)x, (json_t *)y));
}

static bool any_differs(const json_t *a, const json_t *b, const char *const *paths)
{
	for (; *paths; paths++)
		if (differs(a, b, *paths))
			return true;
	return false;
}

// What no change bears on stays as it was read.
static struct ff_error *derive(json_t *after, const json_t *before)
{
	static const char *const bnb[] = {"torch", "bitsandbytes", "env.BNB_CUDA_VERSION", "env.BNB_ROCM_VERSION",
		"env.CUDA_VISIBLE_DEVICES", NULL};
	static const char *const allocator[] = {"torch", "env.PYTORCH_CUDA_ALLOC_CONF", "env.PYTORCH_ALLOC_CONF", NULL};
	struct ff_error *err = NULL;
	const char *driver = ff_json_text(after, "driver.version");
	if (driver && differs(after, before, "driver.version")) {
		struct ff_span cuda = ff_know_driver_cuda(driver);
		err = ff_json_put(after, "driver.cuda", json_stringn(cuda.n ? cuda.p : "", cuda.n));
	}
	if (!err && json_is_object(json_object_get(after, "bitsandbytes")) && any_differs(after, before, bnb))
		err = choose_bnb(after);
	if (!err && any_differs(after, before, allocator)) {
		json_t *settings = NULL;
		err = ff_allocator_settings(
			json_object_get(after, "env"), ff_json_text(after, "torch.version"), &settings);
		if (!err && settings)
			err = json_object_set_new(after, "allocator", settings) < 0 ? &ff_enomem : NULL;
		else if (!err)
			json_object_del(after, "allocator");
	}
	return err;
}

static void apply_anew(json_t *after, const json_t *packages)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)packages, name, value)
		forget_files(after, name);
}

// {"workdir.models.0.damaged": {"file": "model.safetensors"}}: the entry of a list that has these fields is gone.
static void apply_gone(json_t *after, const json_t *changes)
{
	const char *path;
	json_t *fields, *list;
	json_object_foreach ((json_t *)changes, path, fields) {
		list = ff_json_at(after, path);
		for (size_t i = json_array_size(list); i-- > 0;) {
			json_t *item = json_array_get(list, i);
			if (json_is_object(fields) ? json_object_size(item) && contains(item, fields)
						   : json_equal(item, fields))
				json_array_remove(list, i);
		}
	}
}

static struct ff_error *apply_facts(json_t *after, const json_t *changes)
{
	const char *path;
	json_t *value;
	struct ff_error *err = NULL;
	json_object_foreach ((json_t *)changes, path, value) {
		if (!err)
			err = ff_json_put(after, path, json_incref(value));
	}
	return err;
}

struct ff_error *ff_fix_apply(const json_t *facts, const json_t *effect, json_t **ret)
{
	*ret = NULL;
	if (!facts || !json_object_size(effect))
		return NULL;
	_cleanup_json_ json_t *after = json_deep_copy(facts);
	bool known = true;
	struct ff_error *err = after ? apply_env(after, json_object_get(effect, "env")) : &ff_enomem;
	if (!err)
		err = apply_packages(after, json_object_get(effect, "packages"), &known);
	if (!err)
		err = apply_facts(after, json_object_get(effect, "facts"));
	if (!err)
		apply_anew(after, json_object_get(effect, "anew"));
	if (!err)
		apply_gone(after, json_object_get(effect, "gone"));
	if (!err && known)
		err = derive(after, facts);
	if (err || !known)
		return err;
	*ret = json_equal((json_t *)facts, after) ? json_incref((json_t *)facts) : json_incref(after);
	return NULL;
}
