// The machine as the families see it: which interpreter, which installer reaches it, which distribution, runtime and
// engine. What was read here (facts) comes before what the log says of its own machine.
//
//	facts  python.executable /srv/venv/bin/python, python.packages without pip (uv made it), system.os.id ubuntu
//	said   {"engine": {"name": "vllm", "version": "0.8.5"}, "runtime": ["docker"], "platform": "linux"}
//
// How it lies: the interpreter on PATH is not always the one that failed; where the log's frames name another prefix,
// that one counts.
#include "fix/machine.h"

#include "know/facts.h"
#include "parse/version.h"

static const char *text_of(const struct ff_fix_machine *m, const char *path)
{
	const char *text = m->facts ? ff_json_text(m->facts, path) : NULL;
	if (!text)
		text = m->said ? ff_json_text(m->said, path) : NULL;
	return text && *text ? text : NULL;
}

// ---- packages ----

const char *ff_machine_package(const struct ff_fix_machine *m, const char *name, bool *ret_absent)
{
	const json_t *here = m->facts ? ff_facts_package(ff_json_at(m->facts, "python.packages"), name) : NULL;
	const json_t *told = m->said ? ff_facts_package(json_object_get(m->said, "packages"), name) : NULL;
	*ret_absent = m->facts && !here && ff_facts_complete(m->facts, "python.packages");
	if (here)
		return ff_json_text(here, "version");
	if (!told && m->said && !*ret_absent) // an installer's words, before what failed
		told = ff_facts_package(ff_json_at(m->said, "installer.packages"), name);
	return told ? json_string_value(told) : NULL;
}

// ---- what it is ----

static enum ff_platform platform_of(const struct ff_fix_machine *m)
{
	static const struct {
		const char *word;
		enum ff_platform platform;
	} words[] = {{"windows", FF_PLATFORM_WINDOWS}, {"macos", FF_PLATFORM_MACOS}, {"wsl", FF_PLATFORM_WSL}};
	const char *said = m->said ? ff_json_text(m->said, "platform") : NULL;
	for (size_t i = 0; said && i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(said, words[i].word) == 0)
			return words[i].platform;
	const char *kernel = text_of(m, "system.kernel");
	return kernel && (strstr(kernel, "icrosoft") || strstr(kernel, "WSL")) ? FF_PLATFORM_WSL : FF_PLATFORM_LINUX;
}

// "containerd 1.7.34" is containerd.
static enum ff_runtime runtime_named(const char *name)
{
	static const struct {
		const char *name;
		enum ff_runtime runtime;
	} names[] = {{"docker-compose", FF_RUNTIME_COMPOSE}, {"compose", FF_RUNTIME_COMPOSE},
		{"docker", FF_RUNTIME_DOCKER}, {"containerd", FF_RUNTIME_DOCKER}, {"gvisor", FF_RUNTIME_DOCKER},
		{"podman", FF_RUNTIME_PODMAN}, {"crio", FF_RUNTIME_KUBERNETES}, {"kubernetes", FF_RUNTIME_KUBERNETES},
		{"apptainer", FF_RUNTIME_APPTAINER}, {"singularity", FF_RUNTIME_APPTAINER},
		{"enroot", FF_RUNTIME_ENROOT}, {"pyxis", FF_RUNTIME_ENROOT}, {"slurm", FF_RUNTIME_SLURM},
		{"runpod", FF_RUNTIME_RUNPOD}};
	for (size_t i = 0; name && i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(names[i].name);
		if (strncmp(name, names[i].name, n) == 0 && (!name[n] || name[n] == ' ' || name[n] == ','))
			return names[i].runtime;
	}
	return FF_RUNTIME_UNKNOWN;
}

// Who orchestrates decides how a limit is written, so it comes before the runtime below it.
static enum ff_runtime runtime_of(const struct ff_fix_machine *m)
{
	static const char *const facts[] = {
		"system.container.platform", "system.container.orchestrator", "system.container.runtime"};
	enum ff_runtime found = FF_RUNTIME_UNKNOWN, one;
	size_t i;
	json_t *item;
	json_array_foreach (m->said ? json_object_get(m->said, "runtime") : NULL, i, item) {
		one = runtime_named(json_string_value(item));
		found = one > found ? one : found;
	}
	for (i = 0; i < 3 && !found; i++)
		found = runtime_named(text_of(m, facts[i]));
	if (!found && m->facts && json_object_get(m->facts, "system") && ff_facts_complete(m->facts, "env") &&
		!ff_json_at(m->facts, "system.container"))
		return FF_RUNTIME_SHELL;
	return found;
}

// On a cluster a job belongs to whoever sent it, inside its container too.
static bool runs_as_user(enum ff_runtime runtime)
{
	return runtime == FF_RUNTIME_SLURM || runtime == FF_RUNTIME_ENROOT || runtime == FF_RUNTIME_APPTAINER;
}

// ---- the interpreter ----

static char *join(const char *prefix, const char *program)
{
	_cleanup_buf_ struct ff_buf b = {0};
	char *path = NULL;
	ff_buf_printf(&b, "%s/%s", prefix, program);
	ff_error_destroy(ff_buf_finish(&b, &path));
	return path;
}

static bool is_path(const char *text)
{
	return text && text[0] == '/' && !text[strcspn(text, "\n\r")];
}

// Of a system's own there may be several, and python3 is one of them.
static char *python_in(const struct ff_fix_machine *m, const char *prefix)
{
	const char *version = strcmp(prefix, "/usr") == 0 ? ff_json_text(m->said, "python.version") : NULL;
	_cleanup_free_ char *program = NULL;
	if (asprintf(&program, "bin/python%s", version ? version : "3") < 0)
		program = NULL;
	return program ? join(prefix, program) : NULL;
}

// Virtual environments keep it in Scripts; conda, python.org and portable bundles beside their Lib.
static char *windows_python(const char *prefix)
{
	const char *name = strrchr(prefix, '\\');
	bool venv = name && !strstr(prefix, "\\envs\\") && !strcasestr(name, "conda") && !strcasestr(name, "python");
	_cleanup_buf_ struct ff_buf b = {0};
	char *path = NULL;
	if (strpbrk(prefix, " \n\r") || !ff_plain_for_windows(prefix)) // quoted, it needs another form in each shell
		return NULL;
	ff_buf_printf(&b, "%s\\%spython.exe", prefix, venv ? "Scripts\\" : "");
	ff_error_destroy(ff_buf_finish(&b, &path));
	return path;
}

static void find_python(struct ff_fix_machine *m)
{
	const char *here = m->facts ? ff_json_text(m->facts, "python.executable") : NULL;
	const char *said = m->said ? ff_json_text(m->said, "python.executable") : NULL;
	const char *prefix = m->said ? ff_json_text(m->said, "python.prefix") : NULL;
	if (is_path(here))
		m->python = strdup(here);
	else if (is_path(said))
		m->python = strdup(said);
	else if (is_path(prefix))
		m->python = python_in(m, prefix);
	else if (prefix && m->platform == FF_PLATFORM_WINDOWS)
		m->python = windows_python(prefix);
	m->externally_managed = m->facts && json_is_true(ff_json_at(m->facts, "python.externally_managed"));
	m->site_writable = !(m->facts && json_is_false(ff_json_at(m->facts, "python.site_writable")));
	m->installer = ff_installer_of(m);
}

bool ff_machine_may(const struct ff_fix_machine *m, const char *capability)
{
	const json_t *list = m->facts ? ff_json_at(m->facts, "system.security.capabilities") : NULL;
	size_t i;
	json_t *one;
	json_array_foreach (list, i, one) {
		if (json_is_string(one) && strcmp(json_string_value(one), capability) == 0)
			return true;
	}
	return !json_is_array(list);
}

bool ff_machine_has_hf(const struct ff_fix_machine *m)
{
	bool absent = false;
	const char *hub = ff_machine_package(m, "huggingface-hub", &absent);
	return !hub || ff_version_compare(hub, "0.34") >= 0;
}

struct ff_error *ff_fix_machine_create(const json_t *facts, const json_t *said, struct ff_fix_machine **ret)
{
	struct ff_fix_machine *m = calloc(1, sizeof(*m));
	if (!m)
		return &ff_enomem;
	*m = (struct ff_fix_machine){.facts = facts, .said = said};
	int64_t uid = 0;
	m->platform = platform_of(m);
	m->runtime = runtime_of(m);
	bool knows_user = facts && ff_json_int(facts, "process.uid", &uid);
	m->distribution = text_of(m, "system.os.id");
	m->engine = said ? ff_json_text(said, "engine.name") : NULL;
	m->settings = said ? ff_json_at(said, "engine.settings") : NULL;
	m->called = said && json_is_true(ff_json_at(said, "engine.called"));
	find_python(m);
	bool home = m->python && ff_starts(m->python, "/home/"); // nobody's that is root's
	m->root = knows_user ? uid == 0 : !runs_as_user(m->runtime) && m->platform != FF_PLATFORM_WSL && !home;
	*ret = m;
	return NULL;
}

void ff_fix_machine_destroy(struct ff_fix_machine *machine)
{
	if (!machine)
		return;
	free(machine->python);
	free(machine);
}

bool ff_plain_for_windows(const char *value)
{
	return !value[strcspn(value, "&|<>^%!\"()`$;'*?[]{}~#")];
}

bool ff_path_word(const struct ff_fix_machine *m, struct ff_buf *b, const char *path)
{
	if (m->platform != FF_PLATFORM_WINDOWS) {
		ff_shell_word(b, path);
		return true;
	}
	if (!ff_plain_for_windows(path))
		return false;
	bool quoted = strchr(path, ' ') != NULL;
	ff_buf_str(b, quoted ? "\"" : "");
	for (; *path; path++)
		ff_buf_char(b, *path == '/' ? '\\' : *path); // move and del take what follows a slash for an option
	ff_buf_str(b, quoted ? "\"" : "");
	return true;
}

void ff_shell_word(struct ff_buf *b, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
	if (*word && !word[strspn(word, plain)]) {
		ff_buf_str(b, word);
		return;
	}
	ff_buf_char(b, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			ff_buf_str(b, "'\\''");
		else
			ff_buf_char(b, *word);
	}
	ff_buf_char(b, '\'');
}
