// Which installer reaches the failing interpreter, and how it is called.
//
//	a pip in the environment                /srv/venv/bin/python -m pip install
//	made by uv, without one                 uv pip install --python /srv/venv/bin/python; with pip's own index
//	uv at work in the log, no pip seen      uv pip install
//	without pip and without uv              /srv/venv/bin/python -m ensurepip && /srv/venv/bin/python -m pip install
//	a distribution's own Python (PEP 668)   /usr/bin/python3 -m pip install --break-system-packages
//	somebody else's folder                  sudo /opt/venv/bin/python -m pip install; --user where Python looks there;
//	                                        a line of the Dockerfile in a container
//	pixi, without pip                       pixi add --manifest-path /app --pypi
//	a project of uv, poetry or pdm          uv add --project /app: where the facts show the project and the tool
//	pipx                                    pipx inject --force NAME: without --force it leaves what is there already
#include "fix/machine.h"

static bool text_is(const struct ff_fix_machine *m, const char *path, const char *word)
{
	const char *text = m->facts ? ff_json_text(m->facts, path) : NULL;
	return text && strcmp(text, word) == 0;
}

static bool has_tool(const struct ff_fix_machine *m, const char *path)
{
	return m->facts && ff_json_text(m->facts, path);
}

enum ff_installer ff_installer_of(const struct ff_fix_machine *m)
{
	bool no_pip = false;
	const char *has_pip = ff_machine_package(m, "pip", &no_pip);
	const char *said = m->said ? ff_json_text(m->said, "installer.name") : NULL;
	if (!no_pip && !has_pip && said && strcmp(said, "uv") == 0) // environments that uv makes have no pip
		return FF_INSTALLER_UV;
	if (!no_pip)
		return FF_INSTALLER_PIP;
	if (has_tool(m, "python.tools.uv"))
		return FF_INSTALLER_UV;
	if (text_is(m, "python.made_by", "pixi") && has_tool(m, "python.tools.pixi"))
		return FF_INSTALLER_PIXI;
	if (m->externally_managed)
		return FF_INSTALLER_NONE;
	return m->python ? FF_INSTALLER_ENSURE : FF_INSTALLER_PIP;
}

static bool is_venv(const struct ff_fix_machine *m)
{
	return text_is(m, "python.kind", "venv");
}

static void pip(const struct ff_fix_machine *m, const char *verb, struct ff_buf *b)
{
	bool windows = m->platform == FF_PLATFORM_WINDOWS;
	const char *version = m->said ? ff_json_text(m->said, "python.version") : NULL;
	bool user = !m->python && !windows && version && json_is_true(ff_json_at(m->said, "python.user_site"));
	if (m->python && windows)
		ff_path_word(m, b, m->python);
	else if (m->python)
		ff_shell_word(b, m->python);
	else if (user)
		ff_buf_printf(b, "python%s", version);
	ff_buf_printf(b, "%s %s", m->python || user ? " -m pip" : windows ? "python -m pip" : "pip", verb);
	if (user && strcmp(verb, "install") == 0)
		ff_buf_str(b, " --user");
	if (m->externally_managed)
		ff_buf_str(b, " --break-system-packages");
	if (!m->site_writable && !is_venv(m) && strcmp(verb, "install") == 0)
		ff_buf_str(b, " --user");
}

// "/app" of /app/.pixi/envs/default.
static void pixi_project(const struct ff_fix_machine *m, struct ff_buf *b)
{
	const char *prefix = ff_json_text(m->facts, "python.prefix");
	const char *at = prefix ? strstr(prefix, "/.pixi/envs/") : NULL;
	_cleanup_free_ char *folder = at && at > prefix ? strndup(prefix, (size_t)(at - prefix)) : NULL;
	if (!folder)
		return;
	ff_buf_str(b, " --manifest-path ");
	ff_shell_word(b, folder);
}

void ff_installer_words(const struct ff_fix_machine *m, const char *verb, struct ff_buf *b)
{
	bool removes = strcmp(verb, "uninstall") == 0;
	switch (m->installer) {
	case FF_INSTALLER_UV:
		if (!removes && text_is(m, "python.index_from", "PIP_INDEX_URL"))
			ff_buf_str(b, "UV_DEFAULT_INDEX=\"$PIP_INDEX_URL\" "); // uv does not read pip's
		ff_buf_printf(b, "uv pip %s", verb);
		if (m->python) {
			ff_buf_str(b, " --python ");
			ff_shell_word(b, m->python);
		}
		if (m->externally_managed)
			ff_buf_str(b, " --break-system-packages");
		return;
	case FF_INSTALLER_PIXI:
		ff_buf_printf(b, "pixi %s", removes ? "remove" : "add");
		pixi_project(m, b);
		ff_buf_str(b, " --pypi");
		return;
	case FF_INSTALLER_ENSURE:
		if (m->python) {
			ff_shell_word(b, m->python);
			ff_buf_str(b, " -m ensurepip && ");
		}
		break;
	case FF_INSTALLER_NONE:
	case FF_INSTALLER_PIP:
		break;
	}
	pip(m, removes ? "uninstall -y" : verb, b);
}

// ---- projects ----

// "vllm" of /root/.local/share/pipx/venvs/vllm.
static const char *pipx_name(const struct ff_fix_machine *m)
{
	static const char folder[] = "/pipx/venvs/";
	const char *prefix = m->facts ? ff_json_text(m->facts, "python.prefix") : NULL;
	const char *at = prefix ? strstr(prefix, folder) : NULL;
	const char *name = at ? at + strlen(folder) : NULL;
	return name && *name && !strchr(name, '/') && *name != '-' ? name : NULL;
}

// Tools that write what they install into the project's own files.
static const struct {
	const char *name, *tool, *words, *folder;
} projects[] = {{"uv", "python.tools.uv", "uv add", "--project"}, {"poetry", "python.tools.poetry", "poetry add", "-C"},
	{"pdm", "python.tools.pdm", "pdm add", "-p"}};

bool ff_installer_adds(const struct ff_fix_machine *m, struct ff_buf *b)
{
	const char *folder = m->facts ? ff_json_text(m->facts, "python.project_folder") : NULL;
	if (!m->site_writable)
		return false;
	for (size_t i = 0; i < sizeof(projects) / sizeof(*projects); i++) {
		if (!text_is(m, "python.project", projects[i].name) || !has_tool(m, projects[i].tool) || !folder)
			continue;
		ff_buf_printf(b, "%s %s ", projects[i].words, projects[i].folder);
		ff_shell_word(b, folder);
		return true;
	}
	const char *name =
		text_is(m, "python.made_by", "pipx") && has_tool(m, "python.tools.pipx") ? pipx_name(m) : NULL;
	if (!name)
		return false;
	ff_buf_str(b, "pipx inject --force ");
	ff_shell_word(b, name);
	return true;
}

// ---- what is to be said of it ----

static struct ff_error *note_project(const struct ff_fix_machine *m, json_t *fix)
{
	const char *command = ff_json_text(fix, "command");
	for (size_t i = 0; command && i < sizeof(projects) / sizeof(*projects); i++)
		if (ff_starts(command, projects[i].words))
			return ff_fix_side_effect(fix, "It writes the bounds into the project's pyproject.toml.");
	const char *tool = m->facts ? ff_json_text(m->facts, "python.project") : NULL;
	if (!tool)
		tool = text_is(m, "python.made_by", "pixi") ? "pixi" : NULL;
	if (!tool || m->installer == FF_INSTALLER_PIXI)
		return NULL;
	return ff_fix_side_effect(fix, "The next %s sync or install undoes this: write it into the project too.", tool);
}

struct ff_error *ff_installer_notes(const struct ff_fix_machine *m, json_t *fix)
{
	struct ff_error *err = note_project(m, fix);
	if (!err && m->installer == FF_INSTALLER_UV && text_is(m, "python.index_from", "pip.conf"))
		err = ff_fix_side_effect(fix, "uv does not read the index of pip.conf: UV_DEFAULT_INDEX names it.");
	if (!err && m->externally_managed)
		err = ff_fix_side_effect(fix,
			"Changes packages beside those that the distribution manages (PEP 668); a virtual environment "
			"keeps them apart.");
	if (!err && is_venv(m))
		err = ff_installer_by_others(m, fix);
	return err;
}

// ---- an environment that this process may not change ----

// "sudo " before each step, which stand behind variables.
static void with_sudo(const char *command, struct ff_buf *b)
{
	const char *at = command, *next;
	while ((next = strstr(at, "; ")))
		at = next + 2;
	ff_buf_printf(b, "%.*ssudo ", (int)(at - command), command);
	for (; (next = strstr(at, "&& ")); at = next + 3)
		ff_buf_printf(b, "%.*ssudo ", (int)(next + 3 - at), at);
	ff_buf_str(b, at);
}

static bool has_dockerfile(enum ff_runtime runtime)
{
	return runtime == FF_RUNTIME_DOCKER || runtime == FF_RUNTIME_COMPOSE || runtime == FF_RUNTIME_PODMAN ||
		runtime == FF_RUNTIME_KUBERNETES || runtime == FF_RUNTIME_RUNPOD;
}

struct ff_error *ff_installer_by_others(const struct ff_fix_machine *m, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	const char *command = ff_json_text(fix, "command");
	bool container = m->runtime > FF_RUNTIME_SHELL, image = has_dockerfile(m->runtime) && command;
	struct ff_error *err;
	if (m->site_writable || !command || strstr(command, " --user "))
		return NULL;
	if (image && !strstr(command, "; ")) {
		ff_buf_printf(&b, "RUN %s", command);
		err = ff_fix_side_effect(fix,
			"The environment cannot be written to from here: it goes into the Dockerfile "
			"of its image, above the USER line.");
	} else if (container || m->root) {
		err = ff_fix_refuse(fix,
			m->root ? "the environment's file system is read-only here"
				: "this user may not write to the environment");
	} else {
		with_sudo(command, &b);
		err = ff_fix_side_effect(fix, "This user may not write to that environment, so its owner must do it.");
	}
	if (!err && json_object_set(fix, "in_environment", json_object_get(fix, "command")) < 0)
		err = &ff_enomem;
	if (!err && !b.n)
		json_object_del(fix, "command");
	return err || !b.n ? err : ff_fix_command(fix, &b);
}

bool ff_installer_reaches(const struct ff_fix_machine *m, json_t *fix, struct ff_error **ret_err)
{
	*ret_err = m->installer == FF_INSTALLER_NONE
		? ff_fix_refuse(fix, "the distribution's Python has no pip: install python3-pip first")
		: NULL;
	return m->installer != FF_INSTALLER_NONE;
}
