// What becomes of places that the facts found wrong: a folder that lies on a mount without the right to execute, an
// environment whose interpreter is gone, a script without a first line or with line ends of Windows.
//
//	{"remount": "/volume/pkgs"}                  python.noexec      ->  without it
//	{"renew": "/srv/venv"}                       python.dead        ->  gone
//	{"edit": "/app/start.sh", "shebang": true}   workdir.starters   ->  not bare
#include "fix/machine.h"

enum { PATH_MAX_LENGTH = 64 };

struct ff_error *ff_fix_mount_effect(const struct ff_fix_machine *m, const char *path, json_t *fix)
{
	struct ff_goal goal = {.what = path, .then = "mounted with it", .words = {path}, .required = true};
	struct ff_error *err = NULL;
	size_t i;
	json_t *one;
	json_array_foreach (m->facts ? ff_json_at(m->facts, "python.noexec") : NULL, i, one) {
		if (err || !json_is_string(one) || strcmp(json_string_value(one), path) != 0)
			continue;
		goal.now = "mounted without the right to execute";
		err = ff_fix_effect(fix, "gone", "python.noexec", json_incref(one));
	}
	return err ? err : ff_fix_goal(fix, &goal);
}

struct ff_error *ff_fix_renew_effect(const struct ff_fix_machine *m, const char *folder, json_t *fix)
{
	const char *dead = m->facts ? ff_json_text(m->facts, "python.dead.folder") : NULL;
	if (!dead || strcmp(dead, folder) != 0)
		return NULL;
	struct ff_goal goal = {.what = "the interpreter of that environment",
		.now = "gone",
		.then = "there",
		.fact = "python.dead",
		.required = true};
	struct ff_error *err = ff_fix_effect(fix, "facts", goal.fact, json_null());
	return err ? err : ff_fix_goal(fix, &goal);
}

struct ff_error *ff_fix_script_effect(const struct ff_fix_machine *m, const char *path, bool shebang, json_t *fix)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *field = shebang ? "bare" : "crlf";
	struct ff_goal goal = {.what = name,
		.then = shebang ? "a script of /bin/sh" : "with line ends of Unix",
		.words = {name},
		.required = true};
	char fact[PATH_MAX_LENGTH];
	struct ff_error *err = NULL;
	size_t i;
	json_t *script;
	json_array_foreach (m->facts ? ff_json_at(m->facts, "workdir.starters") : NULL, i, script) {
		const char *file = ff_json_text(script, "file");
		if (err || !file || strcmp(file, name) != 0 || !json_is_true(json_object_get(script, field)))
			continue;
		goal.now = shebang ? "without a first line" : "with line ends of Windows";
		snprintf(fact, sizeof(fact), "workdir.starters.%zu.%s", i, field);
		err = ff_fix_effect(fix, "facts", fact, json_false());
	}
	return err ? err : ff_fix_goal(fix, &goal);
}
