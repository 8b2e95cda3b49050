// Variables of the worker's next start: set, unset, one entry out of a path variable or in front of it.
//
//	{"set": {"BNB_CUDA_VERSION": "121"}}            ->  export BNB_CUDA_VERSION=121
//	{"drop": "LD_LIBRARY_PATH", "entry": "/opt/old"}  ->  export LD_LIBRARY_PATH=/usr/local/nvidia/lib64   (what is left of it)
//
// The folders in which container runtimes and WSL put the driver's own libraries stay on LD_LIBRARY_PATH, whatever a
// rule wants.
#include "fix/machine.h"

enum { ENTRIES_MAX = 256 };

static bool is_variable(const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	return *name && strlen(name) < 100 && strspn(name, plain) == strlen(name) && (*name < '0' || *name > '9');
}

static bool is_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static const char *value_here(const struct ff_fix_machine *m, const char *name)
{
	const json_t *env = m->facts ? json_object_get(m->facts, "env") : NULL;
	return json_string_value(json_object_get(env, name));
}

// A value that does harm is gone: a finding rests on it, or a line has it or the variable's name. That a new value does
// good is no such thing: checks and rules say so, or nobody does.
static struct ff_error *value_goes(const struct ff_fix_machine *m, const char *name, const char *left, json_t *fix)
{
	_cleanup_buf_ struct ff_buf fact = {0};
	const char *have = value_here(m, name);
	ff_buf_printf(&fact, "env.%s", name);
	struct ff_goal goal = {.what = name,
		.now = have && !*have ? "empty" : have,
		.then = left ? left : "not set",
		.fact = fact.p,
		.words = {name}};
	return fact.failed ? &ff_enomem : ff_fix_goal(fix, &goal);
}

static struct ff_error *put(json_t *fix, const char *name, const char *value)
{
	json_t *set = json_object_get(fix, "set");
	if (!set && json_object_set_new(fix, "set", set = json_object()) < 0)
		return &ff_enomem;
	if (json_object_set_new(set, name, json_string(value)) < 0)
		return &ff_enomem;
	return ff_fix_effect(fix, "env", name, json_string(value));
}

static struct ff_error *take_away(json_t *fix, const char *name)
{
	json_t *unset = json_object_get(fix, "unset");
	if (!unset && json_object_set_new(fix, "unset", unset = json_array()) < 0)
		return &ff_enomem;
	if (json_array_append_new(unset, json_string(name)) < 0)
		return &ff_enomem;
	return ff_fix_effect(fix, "env", name, json_null());
}

// Where installers and distributions put libraries; with the facts, also below the interpreter's own folders.
static bool is_library_place(const struct ff_fix_machine *m, const char *path)
{
	static const char *const places[] = {"/usr/", "/lib/", "/lib64/", "/opt/"};
	static const char *const anybodys[] = {"/tmp/", "/var/tmp/", "/dev/"};
	const char *prefix = m->facts ? ff_json_text(m->facts, "python.prefix") : NULL, *one;
	bool known = prefix && ff_starts(path, prefix);
	size_t i;
	json_t *site;
	json_array_foreach (m->facts ? ff_json_at(m->facts, "python.site") : NULL, i, site)
		known |= (one = json_string_value(site)) && ff_starts(path, one);
	for (i = 0; i < sizeof(places) / sizeof(*places); i++)
		known |= ff_starts(path, places[i]);
	for (i = 0; i < sizeof(anybodys) / sizeof(*anybodys); i++)
		if (ff_starts(path, anybodys[i]))
			return false;
	return known || (!prefix && *path == '/' && strstr(path, "-packages/"));
}

// A variable that makes every program of the worker load code names no file that only a log speaks of.
static bool may_be_set(const struct ff_fix_machine *m, const char *name, const char *value)
{
	static const char *const loading[] = {"LD_PRELOAD", "LD_AUDIT", "PYTHONSTARTUP", "BASH_ENV"};
	for (size_t i = 0; i < sizeof(loading) / sizeof(*loading); i++)
		if (strcmp(name, loading[i]) == 0)
			return is_library_place(m, value) && !strpbrk(value, " :");
	return true;
}

// Where a manifest starts the worker, what a shell exports reaches nobody. In here ('facts') the shell is the worker's
// own.
static bool in_manifest(const struct ff_fix_machine *m)
{
	return !m->facts && (m->runtime == FF_RUNTIME_KUBERNETES || m->runtime == FF_RUNTIME_COMPOSE);
}

static void yaml_text(struct ff_buf *b, const char *text)
{
	ff_buf_char(b, '\'');
	for (; *text; text++)
		ff_buf_str(b, *text == '\'' ? "''" : (const char[]){*text, 0});
	ff_buf_char(b, '\'');
}

static struct ff_error *write_manifest(const struct ff_fix_machine *m, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	bool pod = m->runtime == FF_RUNTIME_KUBERNETES;
	const char *name;
	json_t *value;
	ff_buf_str(&b, pod ? "spec.containers[0].env: [" : "environment: {");
	size_t begin = b.n;
	json_object_foreach (json_object_get(fix, "set"), name, value) {
		ff_buf_printf(
			&b, "%s%s%s%s", b.n > begin ? ", " : "", pod ? "{name: " : "", name, pod ? ", value: " : ": ");
		yaml_text(&b, json_string_value(value));
		ff_buf_str(&b, pod ? "}" : "");
	}
	ff_buf_str(&b, pod ? "]" : "}");
	return ff_fix_command(fix, &b);
}

// The shell lines for what `set` and `unset` of the fix say.
static struct ff_error *write_command(const struct ff_fix_machine *m, json_t *fix)
{
	if (in_manifest(m) && json_object_get(fix, "set") && !json_object_get(fix, "unset"))
		return write_manifest(m, fix);
	_cleanup_buf_ struct ff_buf b = {0};
	bool windows = m->platform == FF_PLATFORM_WINDOWS;
	const char *name;
	json_t *value;
	size_t i;
	json_object_foreach (json_object_get(fix, "set"), name, value) {
		if (windows && !ff_plain_for_windows(json_string_value(value)))
			return NULL;
		ff_buf_printf(&b, "%s%s %s=", b.n ? (windows ? " & " : "; ") : "", windows ? "set" : "export", name);
		if (windows)
			ff_buf_str(&b, json_string_value(value));
		else
			ff_shell_word(&b, json_string_value(value));
	}
	json_array_foreach (json_object_get(fix, "unset"), i, value) {
		const char *gone = json_string_value(value);
		if (windows)
			ff_buf_printf(&b, "%sset %s=", b.n ? " & " : "", gone);
		else
			ff_buf_printf(&b, "%s %s", i ? "" : b.n ? "; unset" : "unset", gone);
	}
	return b.n ? ff_fix_command(fix, &b) : NULL;
}

// A folder of packages whose others are nowhere else stays on the path, behind the environment's own: *ret_done is true
// when that was written.
static struct ff_error *put_behind(const struct ff_fix_machine *m, const char *folder, json_t *fix, bool *ret_done)
{
	_cleanup_buf_ struct ff_buf names = {0};
	const char *own = ff_fix_own_site(m);
	*ret_done = folder && own && ff_fix_only_there(m, folder, &names);
	if (!*ret_done)
		return NULL;
	_cleanup_json_ json_t *prepend = json_pack("{s:s, s:s}", "prepend", "PYTHONPATH", "entry", own);
	json_t *say = json_sprintf("Put the environment's own packages before %s, which has %s that nothing else has.",
		folder, names.p ? names.p : "");
	if (!prepend || names.failed || json_object_set_new(fix, "say", say) < 0)
		return &ff_enomem;
	return ff_fix_prepend(m, prepend, fix);
}

static struct ff_error *keep_user_site(const struct ff_fix_machine *m, const json_t *set, json_t *fix, bool *ret_done)
{
	const char *folder = m->facts ? ff_json_text(m->facts, "python.user_site.path") : NULL;
	if (json_object_get(set, "PYTHONNOUSERSITE") && json_object_size(set) == 1)
		return put_behind(m, folder, fix, ret_done);
	*ret_done = false;
	return NULL;
}

// A cache's own variable counts more than the home of all: it would go on to name the old place.
static struct ff_error *clear_way(const struct ff_fix_machine *m, const char *name, json_t *fix)
{
	static const char *const own[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE"};
	struct ff_error *err = NULL;
	if (strcmp(name, "HF_HOME") != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own) && !err; i++)
		if (value_here(m, own[i]))
			err = take_away(fix, own[i]);
	return err;
}

struct ff_error *ff_fix_set(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *name;
	json_t *value;
	bool changes = false, done;
	struct ff_error *err = keep_user_site(m, json_object_get(intention, "set"), fix, &done);
	if (err || done)
		return err;
	json_object_foreach (json_object_get(intention, "set"), name, value) {
		const char *text = json_string_value(value), *have = value_here(m, name);
		if (!is_variable(name) || !text || !is_line(text))
			return ff_error_create(FF_EUSAGE, "'set' must be a table of NAME = \"value\"");
		err = ff_fix_kind(fix, "env", name);
		if (!err && !may_be_set(m, name, text))
			return NULL; // the sentence says it
		if (!err)
			err = put(fix, name, text);
		if (!err)
			err = clear_way(m, name, fix);
		if (err)
			return err;
		changes |= !have || strcmp(have, text) != 0;
	}
	if (!json_object_get(fix, "set"))
		return ff_error_create(FF_EUSAGE, "'set' must be a table of NAME = \"value\"");
	if (!changes)
		err = ff_fix_refuse(fix, "it is set to that already");
	return err ? err : write_command(m, fix);
}

// ---- path variables ----

static bool driver_folder(struct ff_span entry)
{
	static const char *const folders[] = {
		"/usr/local/nvidia/lib", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/usr/lib64-nvidia"};
	while (entry.n > 1 && entry.p[entry.n - 1] == '/')
		entry.n--;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (ff_span_eq(entry, folders[i]))
			return true;
	return false;
}

static bool same_folder(struct ff_span a, const char *b)
{
	struct ff_span other = ff_span_of(b);
	while (a.n > 1 && a.p[a.n - 1] == '/')
		a.n--;
	while (other.n > 1 && other.p[other.n - 1] == '/')
		other.n--;
	return ff_span_same(a, other);
}

static bool names(struct ff_span folder, const char *entry, const char *like)
{
	return like ? memmem(folder.p, folder.n, like, strlen(like)) != NULL : same_folder(folder, entry);
}

// What stays of a path variable: the driver's folders, and all but `entry`, or those that hold `like`, where one is
// named.
static void rest_of(const char *value, const char *entry, const char *like, struct ff_buf *ret)
{
	struct ff_span rest = ff_span_of(value), one;
	for (size_t n = 0; n < ENTRIES_MAX && rest.n && ff_span_next(&rest, ':', &one); n++) {
		bool stays = driver_folder(one) || ((entry || like) && !names(one, entry, like));
		if (!one.n || !stays)
			continue;
		if (ret->n)
			ff_buf_char(ret, ':');
		ff_buf_span(ret, one);
	}
}

// A variable away; of LD_LIBRARY_PATH the driver's folders stay.
static struct ff_error *unset_one(const struct ff_fix_machine *m, const char *name, json_t *fix)
{
	_cleanup_buf_ struct ff_buf kept = {0};
	const char *have = value_here(m, name);
	if (have && strcmp(name, "LD_LIBRARY_PATH") == 0)
		rest_of(have, NULL, NULL, &kept);
	if (kept.failed)
		return &ff_enomem;
	struct ff_error *err = kept.n ? put(fix, name, kept.p) : take_away(fix, name);
	return err ? err : value_goes(m, name, kept.n ? kept.p : NULL, fix);
}

struct ff_error *ff_fix_unset(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	size_t i;
	json_t *value;
	struct ff_error *err = NULL;
	json_array_foreach (json_object_get(intention, "unset"), i, value) {
		const char *name = json_string_value(value);
		if (!name || !is_variable(name))
			return ff_error_create(FF_EUSAGE, "'unset' must be a list of variables");
		err = ff_fix_kind(fix, "env", name);
		if (!err)
			err = unset_one(m, name, fix);
		if (err)
			return err;
	}
	if (!json_object_get(fix, "kind"))
		return ff_error_create(FF_EUSAGE, "'unset' must be a list of variables");
	return write_command(m, fix);
}

static const char *path_variable(const json_t *intention, const char *key, const char **ret_entry)
{
	const char *name = ff_json_text(intention, key);
	*ret_entry = ff_json_text(intention, "entry");
	return name && is_variable(name) && *ret_entry && **ret_entry && is_line(*ret_entry) ? name : NULL;
}

// The value is not known here: the shell works it out.
static struct ff_error *drop_in_shell(
	const struct ff_fix_machine *m, const char *name, const char *entry, const char *like, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	if (m->platform == FF_PLATFORM_WINDOWS)
		return NULL; // cmd.exe cannot
	ff_buf_printf(&b, "export %s=$(printf %%s \"$%s\" | tr : '\\n' | grep -v%sF -e ", name, name, like ? "" : "x");
	ff_shell_word(&b, like ? like : entry);
	ff_buf_str(&b, " | paste -sd: -)");
	_cleanup_buf_ struct ff_buf what = {0};
	ff_buf_printf(&what, "%s on %s", like ? like : entry, name);
	if (what.failed)
		return &ff_enomem;
	struct ff_error *err =
		ff_fix_goal(fix, &(struct ff_goal){.what = what.p, .then = "gone", .words = {like ? like : entry}});
	return err ? err : ff_fix_command(fix, &b);
}

struct ff_error *ff_fix_drop(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *entry = ff_json_text(intention, "entry"), *like = ff_json_text(intention, "like");
	const char *what = like ? like : entry, *name = ff_json_text(intention, "drop");
	if (!name || !is_variable(name) || !what || !*what || !is_line(what))
		return ff_error_create(FF_EUSAGE,
			"'drop' must be a path variable, 'entry' one of its folders or 'like' a part of them");
	const char *have = value_here(m, name);
	bool done = false;
	_cleanup_buf_ struct ff_buf kept = {0};
	struct ff_error *err = ff_fix_kind(fix, "env", name);
	if (!err && strcmp(name, "PYTHONPATH") == 0)
		err = put_behind(m, entry, fix, &done);
	if (err || done)
		return err;
	if (!have)
		return drop_in_shell(m, name, entry, like, fix);
	rest_of(have, entry, like, &kept);
	if (kept.failed)
		return &ff_enomem;
	if (kept.n == strlen(have))
		err = ff_fix_refuse(fix, "%s does not stand on %s", what, name);
	if (!err)
		err = kept.n ? put(fix, name, kept.p) : take_away(fix, name);
	if (!err)
		err = value_goes(m, name, kept.n ? kept.p : NULL, fix);
	return err ? err : write_command(m, fix);
}

// Where a library lies is not known here: the command looks for it. Toolkits have stubs of the same names beside it.
static struct ff_error *prepend_found(
	const struct ff_fix_machine *m, const char *name, const char *library, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "env", name);
	if (err || m->platform == FF_PLATFORM_WINDOWS)
		return err;
	ff_buf_printf(&b, "export %s=\"$(dirname \"$(find / -path /proc -prune -o -name ", name);
	ff_shell_word(&b, library);
	ff_buf_printf(&b, " -not -path '*/stubs/*' -print -quit 2>/dev/null)\")${%s:+:$%s}\"", name, name);
	err = ff_fix_open(fix, "whether %s lies anywhere on this system, the command finds out", library);
	return err ? err : ff_fix_command(fix, &b);
}

struct ff_error *ff_fix_prepend(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *entry, *name = path_variable(intention, "prepend", &entry);
	const char *variable = ff_json_text(intention, "prepend"), *library = ff_json_text(intention, "holds");
	if (!name && variable && is_variable(variable) && library && *library && is_line(library))
		return prepend_found(m, variable, library, fix);
	if (!name)
		return ff_error_create(
			FF_EUSAGE, "'prepend' must be a path variable, 'entry' a folder or 'holds' a library in it");
	const char *have = value_here(m, name);
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_error *err = ff_fix_kind(fix, "env", name);
	if (err)
		return err;
	// Of PATH the facts hold nothing.
	bool known = have || (m->facts && json_object_get(m->facts, "env") && strcmp(name, "PATH") != 0);
	if (known) {
		ff_buf_printf(&b, "%s%s%s", entry, have && *have ? ":" : "", have ? have : "");
		if (b.failed)
			return &ff_enomem;
		err = put(fix, name, b.p);
		return err ? err : write_command(m, fix);
	}
	if (m->platform == FF_PLATFORM_WINDOWS) {
		if (strcmp(name, "PATH") != 0 || !ff_plain_for_windows(entry))
			return NULL; // it has no other variable of folders that programs read
		ff_buf_printf(&b, "set %s=%s;%%%s%%", name, entry, name);
		return ff_fix_command(fix, &b);
	}
	ff_buf_printf(&b, "export %s=", name);
	ff_shell_word(&b, entry);
	ff_buf_printf(&b, "${%s:+:$%s}", name, name);
	return ff_fix_command(fix, &b);
}
