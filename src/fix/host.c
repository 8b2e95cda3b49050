// What belongs to the host below the worker: its driver, its services, settings of its GPUs, the CUDA toolkit, logins.
//
//	{"driver": "upgrade", "need": "570.26"}   ubuntu   ->  sudo apt-get update && sudo apt-get install -y nvidia-driver-570
//	                                          RunPod   ->  no command: whoever runs the host must do it, and the sentence says so
//	{"setting": "compute-mode", "index": 3}            ->  sudo nvidia-smi -i 3 -c 0
//	{"restart": "docker"}                              ->  sudo systemctl restart docker; stops every container on this host
//
// rules/data/host_steps.tsv holds the commands. From within a container the host's distribution is not known: Ubuntu is
// assumed then, and said.
#include "base/table.h"
#include "fix/machine.h"
#include "parse/version.h"

FF_EMBEDDED(ff_table, host_steps);

enum { STEP_LENGTH_MAX = 96, VALUE_LENGTH_MAX = 48, WORD_LENGTH_MAX = 200, ID_LENGTH = 12 };

// The branches of the driver that Ubuntu packages, each good for what an older one was asked for.
static const char *const branches[] = {"470", "535", "550", "570", "580", "590", "595"};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

// A log that shows apptainer and no scheduler comes from a machine of one's own, for all that is known.
static bool on_cluster(const struct ff_fix_machine *m)
{
	const json_t *list = m->said ? json_object_get(m->said, "runtime") : NULL, *item;
	bool scheduled = json_array_size(list) == 0;
	size_t i;
	json_array_foreach (list, i, item)
		scheduled |= strcmp(json_string_value(item), "slurm") == 0;
	return scheduled;
}

// Who rents a pod or a node of a cluster cannot reach the host below it.
static bool out_of_reach(const struct ff_fix_machine *m)
{
	return m->runtime == FF_RUNTIME_RUNPOD || m->runtime == FF_RUNTIME_SLURM || m->runtime == FF_RUNTIME_ENROOT ||
		(m->runtime == FF_RUNTIME_APPTAINER && on_cluster(m));
}

static bool in_container(const struct ff_fix_machine *m)
{
	return m->runtime > FF_RUNTIME_SHELL;
}

// Root's own shell on the host needs no sudo.
static bool needs_sudo(const struct ff_fix_machine *m)
{
	int64_t uid = -1;
	return m->runtime != FF_RUNTIME_SHELL || !m->facts || !ff_json_int(m->facts, "process.uid", &uid) || uid != 0;
}

// ---- the row of a step ----

static bool find_row(const char *family, const char *what, const char *at, struct ff_table_row *ret)
{
	char step[STEP_LENGTH_MAX];
	int n = snprintf(step, sizeof(step), "%s:%s%s%s", family, what, at ? "@" : "", at ? at : "");
	return n > 0 && n < (int)sizeof(step) && ff_table_find(ff_table_host_steps, ff_span_of(step), ret);
}

// That of this distribution, of its package manager, or the one that is the same everywhere.
static bool find_step(const struct ff_fix_machine *m, const char *family, const char *what, bool *ret_assumed,
	struct ff_table_row *ret)
{
	const char *id = in_container(m) || !m->distribution ? NULL : m->distribution;
	const char *manager = id ? ff_fix_package_manager(id) : "apt";
	*ret_assumed = false;
	if (m->platform == FF_PLATFORM_WINDOWS)
		return find_row(family, what, "windows", ret);
	if (m->platform == FF_PLATFORM_WSL && find_row(family, what, "wsl", ret))
		return true;
	if ((id && find_row(family, what, id, ret)) || (manager && id && find_row(family, what, manager, ret)))
		return true;
	if (!id && (find_row(family, what, "ubuntu", ret) || find_row(family, what, "apt", ret))) {
		*ret_assumed = true;
		return true;
	}
	return find_row(family, what, NULL, ret);
}

// ---- its command ----

// A version, a number or a place on the PCI bus, and nothing that a shell would read otherwise.
static bool is_plain(const char *value)
{
	static const char plain[] = "0123456789abcdefABCDEF.:";
	return *value && strlen(value) < VALUE_LENGTH_MAX && strspn(value, plain) == strlen(value);
}

// A name, a path or an address in a command: of characters that no shell reads otherwise where they stand, and no
// option. A tilde means a home at the beginning of a word, and behind : and = of an assignment.
static bool is_word(const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:@=~-";
	bool home = memmem(value, strlen(value), ":~", 2) || memmem(value, strlen(value), "=~", 2);
	return *value && *value != '-' && *value != '~' && !home && strlen(value) < WORD_LENGTH_MAX &&
		strspn(value, plain) == strlen(value);
}

static void write_text(struct ff_span text, const char *value, bool sudo, struct ff_buf *ret)
{
	for (size_t i = 0; i < text.n; i++) {
		if (!sudo && text.n - i > 5 && memcmp(text.p + i, "sudo ", 5) == 0) {
			i += 4;
		} else if (text.p[i] == '%' && i + 1 < text.n && (text.p[i + 1] == 'v' || text.p[i + 1] == 'b')) {
			i++;
			ff_buf_add(ret, value, text.p[i] == 'v' ? strlen(value) : strcspn(value, "."));
		} else {
			ff_buf_char(ret, text.p[i]);
		}
	}
}

// What stands in [] needs the value; false when something else does and there is none.
static bool write_step(struct ff_span text, const char *value, bool sudo, struct ff_buf *ret)
{
	const char *open = memchr(text.p, '[', text.n);
	const char *close = open ? memchr(open, ']', text.n - (size_t)(open - text.p)) : NULL;
	bool optional = close && memmem(open, (size_t)(close - open), "%v", 2);
	if (!optional) {
		bool wants = memmem(text.p, text.n, "%v", 2) || memmem(text.p, text.n, "%b", 2);
		if (wants && !value)
			return false;
		write_text(text, value ? value : "", sudo, ret);
		return true;
	}
	size_t before = (size_t)(open - text.p), inside = (size_t)(close - open - 1);
	write_text((struct ff_span){text.p, before}, "", sudo, ret);
	if (value)
		write_text((struct ff_span){open + 1, inside}, value, sudo, ret);
	write_text((struct ff_span){close + 1, text.n - before - inside - 2}, "", sudo, ret);
	return true;
}

// A change of the host, not a variable of the worker's own next start, nor a question to the cluster.
static bool changes_host(struct ff_span command)
{
	return memmem(command.p, command.n, "sudo ", 5) != NULL;
}

// Fill in the command of a step where it can be taken at all; *ret_written says so.
static struct ff_error *take_step(const struct ff_fix_machine *m, const char *family, const char *what,
	const char *value, json_t *fix, bool *ret_written)
{
	_cleanup_buf_ struct ff_buf b = {0};
	struct ff_table_row row;
	bool assumed = false;
	*ret_written = false;
	if ((value && !is_word(value)) || !find_step(m, family, what, &assumed, &row))
		return NULL;
	bool host = changes_host(row.cells[1]);
	if ((host && out_of_reach(m)) || !write_step(row.cells[1], value, needs_sudo(m), &b))
		return NULL;
	*ret_written = true;
	struct ff_span effect = row.cells[2];
	struct ff_error *err = ff_fix_command(fix, &b);
	if (!err)
		err = ff_fix_step_effect(m, family, what, value, fix);
	if (!err && effect.n)
		err = ff_fix_side_effect(fix, "%.*s", (int)effect.n, effect.p);
	if (!err && host && in_container(m) && m->platform != FF_PLATFORM_WINDOWS)
		err = ff_fix_say_more(fix,
			assumed ? "Run it on the host (Ubuntu's way)." : "Run it on the host, not in the container.");
	else if (!err && host && assumed)
		err = ff_fix_say_more(fix, "The command is for Ubuntu and Debian.");
	return err;
}

// ---- intentions ----

struct ff_error *ff_fix_setting(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "setting"), *need = ff_json_text(intention, "need");
	char number[32];
	int64_t index = 0;
	bool written;
	if (!what || !*what)
		return ff_error_create(FF_EUSAGE, "'setting' must be a text");
	if (!need && ff_json_int(intention, "index", &index) && index >= 0) {
		snprintf(number, sizeof(number), "%lld", (long long)index);
		need = number;
	}
	struct ff_error *err = ff_fix_kind(fix, "os", NULL);
	return err ? err : take_step(m, "setting", what, need, fix, &written);
}

static int branch_of(const char *version)
{
	return version ? (int)strtol(version, NULL, 10) : 0;
}

// The packaged branch that has at least the needed release; of an upgrade that names none, one that is newer than what
// is here.
static const char *packaged_branch(const char *need, const char *here, bool upgrade)
{
	static const char usual[] = "580"; // the last one that knows every card from Maxwell on
	bool newer = !need && upgrade && branch_of(here) >= branch_of(usual);
	int wanted = newer ? branch_of(here) + 1 : branch_of(need);
	for (size_t i = 0; (need || newer) && i < COUNT(branches); i++)
		if (branch_of(branches[i]) >= wanted)
			return branches[i];
	return need || newer ? NULL : usual;
}

// A driver that is loaded answers with the version of its user library.
static struct ff_error *driver_effect(const struct ff_fix_machine *m, const char *what, const char *need, json_t *fix)
{
	const char *library = m->facts ? ff_json_text(m->facts, "driver.user_library_version") : NULL;
	const char *version = need;
	if (!need && (strcmp(what, "load") == 0 || strcmp(what, "build") == 0))
		version = library;
	if (!version)
		return NULL;
	struct ff_error *err = ff_fix_effect(fix, "facts", "driver.version", json_string(version));
	if (!err)
		err = ff_fix_effect(fix, "facts", "driver.kernel_module", json_string(version));
	bool failed = m->facts && json_is_object(ff_json_at(m->facts, "driver.error"));
	if (!err && failed)
		err = ff_fix_effect(fix, "facts", "driver.error", json_null());
	struct ff_goal goal = {.what = "the driver",
		.now = m->facts ? ff_json_text(m->facts, "driver.version") : NULL,
		.then = version,
		.fact = "driver.version",
		.words = {need},
		.required = need != NULL};
	return err || !need ? err : ff_fix_goal(fix, &goal);
}

struct ff_error *ff_fix_driver(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "driver"), *need = ff_json_text(intention, "need");
	const char *here = m->facts ? ff_json_text(m->facts, "driver.version") : NULL;
	const char *said = m->said ? ff_json_text(m->said, "driver.version") : NULL;
	bool written = false;
	if (!what || !*what)
		return ff_error_create(FF_EUSAGE, "'driver' must be a text");
	bool upgrade = strcmp(what, "upgrade") == 0;
	if (upgrade && here && need && ff_version_compare(here, need) >= 0)
		return ff_fix_refuse(fix, "the driver is %s already", here);
	struct ff_error *err = driver_effect(m, what, need, fix);
	if (err)
		return err;
	if (m->platform == FF_PLATFORM_WSL || m->platform == FF_PLATFORM_WINDOWS)
		return ff_fix_say_more(fix, "The driver is the one of Windows: install it there, from NVIDIA.");
	if (m->runtime == FF_RUNTIME_RUNPOD)
		return ff_fix_say_more(
			fix, "On RunPod that is another pod: filter by CUDA version when you deploy it.");
	const char *branch = packaged_branch(need, here ? here : said, upgrade);
	if (branch)
		err = take_step(m, "driver", what, branch, fix, &written);
	if (!err && !written)
		err = ff_fix_side_effect(fix, "Every program that uses a GPU must be stopped, and the host rebooted.");
	return err;
}

// This container by its id, where the facts know it; else all that were given a GPU.
static struct ff_error *restart_container(const struct ff_fix_machine *m, json_t *fix)
{
	const char *id = m->facts ? ff_json_text(m->facts, "system.container.id") : NULL;
	bool podman = m->runtime == FF_RUNTIME_PODMAN;
	bool docker = m->runtime == FF_RUNTIME_DOCKER || m->runtime == FF_RUNTIME_COMPOSE;
	bool written;
	_cleanup_buf_ struct ff_buf b = {0};
	if (!podman && !docker && m->runtime > FF_RUNTIME_SHELL)
		return NULL;
	if (!id || strspn(id, "0123456789abcdef") < ID_LENGTH || (!podman && !docker))
		return take_step(m, "restart", podman ? "container-podman" : "container", NULL, fix, &written);
	ff_buf_printf(&b, "%s restart %.*s", podman ? "podman" : "docker", ID_LENGTH, id);
	struct ff_error *err = ff_fix_command(fix, &b);
	return err ? err : ff_fix_say_more(fix, "Run it on the host, not in the container.");
}

struct ff_error *ff_fix_restart(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "restart");
	bool written;
	if (what && strcmp(what, "container") == 0)
		return restart_container(m, fix);
	return what ? take_step(m, "restart", what, NULL, fix, &written) : NULL;
}

// ---- the toolkit ----

// "12.4" of a torch for CUDA: what it says itself, else its build's name, "2.5.1+cu124".
static bool cuda_of_torch(const struct ff_fix_machine *m, char *ret, size_t size)
{
	const char *cuda = m->facts ? ff_json_text(m->facts, "torch.cuda") : NULL;
	bool absent;
	const char *torch = cuda ? NULL : ff_machine_package(m, "torch", &absent),
		   *tag = torch ? strstr(torch, "+cu") : NULL;
	size_t n = tag ? strspn(tag + 3, "0123456789") : 0;
	if (cuda)
		snprintf(ret, size, "%s", cuda);
	else if (n == 3)
		snprintf(ret, size, "%.2s.%c", tag + 3, tag[5]);
	return cuda || n == 3;
}

// The conda environment that the interpreter is of, by the facts or by the paths that conda's installers choose.
static const char *conda_prefix(const struct ff_fix_machine *m)
{
	static const char *const marks[] = {"conda", "mamba", "miniforge"};
	const char *kind = m->facts ? ff_json_text(m->facts, "python.kind") : NULL;
	if (kind)
		return strcmp(kind, "conda") == 0 ? ff_json_text(m->facts, "python.prefix") : NULL;
	const char *prefix = m->said ? ff_json_text(m->said, "python.prefix") : NULL;
	for (size_t i = 0; prefix && i < COUNT(marks); i++)
		if (strstr(prefix, marks[i]))
			return prefix;
	return NULL;
}

// A release of the toolkit has a channel of its own at NVIDIA, and needs neither root nor a repository there.
static struct ff_error *toolkit_of_conda(const char *prefix, const char *version, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	ff_buf_str(&b, "conda install -y -p ");
	ff_shell_word(&b, prefix);
	ff_buf_printf(&b, " -c nvidia/label/cuda-%s.0 cuda-toolkit", version);
	struct ff_error *err = ff_fix_command(fix, &b);
	return err ? err : ff_fix_say_more(fix, "Build with that environment active, so that its nvcc comes first.");
}

static const char repository[] = "The package comes from NVIDIA's CUDA repository, which has to be set up.";

// NVIDIA's own packages bring the compiler and the libraries of one release beside those of others.
static struct ff_error *toolkit_of_system(const struct ff_fix_machine *m, const char *version, json_t *fix)
{
	const char *manager = m->distribution ? ff_fix_package_manager(m->distribution) : "apt";
	const char *minor = strchr(version, '.') + 1;
	_cleanup_buf_ struct ff_buf b = {0};
	if (!manager || (strcmp(manager, "apt") != 0 && strcmp(manager, "dnf") != 0))
		return NULL;
	ff_buf_printf(&b, "%s%s install -y cuda-toolkit-%.*s-%s", m->root ? "" : "sudo ",
		strcmp(manager, "apt") == 0 ? "apt-get" : "dnf", (int)(minor - 1 - version), version, minor);
	struct ff_error *err = ff_fix_command(fix, &b);
	return err ? err : ff_fix_say_more(fix, repository);
}

// Of a torch whose CUDA nothing tells, its interpreter does where the command runs.
static struct ff_error *toolkit_asked_of_torch(const struct ff_fix_machine *m, const char *prefix, json_t *fix)
{
	const char *manager = m->distribution ? ff_fix_package_manager(m->distribution) : "apt";
	_cleanup_buf_ struct ff_buf b = {0};
	if (prefix && prefix[0] == '/') {
		ff_buf_str(&b, "conda install -y -p ");
		ff_shell_word(&b, prefix);
		ff_buf_str(&b, " -c nvidia \"cuda-toolkit=$(");
	} else if (manager && (strcmp(manager, "apt") == 0 || strcmp(manager, "dnf") == 0)) {
		ff_buf_printf(&b, "%s%s install -y \"cuda-toolkit-$(", m->root ? "" : "sudo ",
			strcmp(manager, "apt") == 0 ? "apt-get" : "dnf");
		prefix = NULL;
	} else {
		return NULL;
	}
	ff_shell_word(&b, m->python ? m->python : "python3");
	ff_buf_printf(
		&b, " -c 'import torch; print(torch.version.cuda%s)')\"", prefix ? "" : ".replace(chr(46), chr(45))");
	struct ff_error *err = ff_fix_command(fix, &b);
	return err || prefix ? err : ff_fix_say_more(fix, repository);
}

// A line that misses the compiler asks for all of it.
static struct ff_error *toolkit_becomes(const struct ff_fix_machine *m, const char *need, json_t *fix)
{
	static const char path[] = "cuda.toolkit.version";
	const char *here = m->facts ? ff_json_text(m->facts, path) : NULL;
	bool none = m->facts && json_is_false(ff_json_at(m->facts, "cuda.toolkit.nvcc"));
	struct ff_goal goal = {.what = "the CUDA toolkit",
		.now = here    ? here
			: none ? "without nvcc"
			       : NULL,
		.then = need,
		.fact = path,
		.words = {"nvcc"},
		.required = true};
	struct ff_error *err = ff_fix_effect(fix, "facts", path, json_string(need));
	return err ? err : ff_fix_goal(fix, &goal);
}

struct ff_error *ff_fix_toolkit(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	char of_torch[VALUE_LENGTH_MAX], version[VALUE_LENGTH_MAX];
	const char *need = ff_json_text(intention, "need"), *prefix = conda_prefix(m);
	if (need && strcmp(need, "torch") == 0) {
		need = cuda_of_torch(m, of_torch, sizeof(of_torch)) ? of_torch : NULL;
		if (!need && !m->facts && m->platform == FF_PLATFORM_LINUX && (m->root || !in_container(m)))
			return toolkit_asked_of_torch(m, prefix, fix);
	}
	if (!need)
		return NULL;
	struct ff_error *err = toolkit_becomes(m, need, fix);
	const char *minor = strchr(need, '.');
	bool linux_host = m->platform == FF_PLATFORM_LINUX || m->platform == FF_PLATFORM_WSL;
	if (err || !is_plain(need) || !minor || !minor[1] || !linux_host)
		return err;
	snprintf(version, sizeof(version), "%.*s", (int)(minor + 1 + strcspn(minor + 1, ".") - need), need);
	if (prefix && prefix[0] == '/')
		return toolkit_of_conda(prefix, version, fix);
	return in_container(m) && !m->root ? NULL : toolkit_of_system(m, version, fix);
}

// A pod gets the login of who runs this as a secret, which its manifest has to name.
static struct ff_error *login_registry(const struct ff_fix_machine *m, const char *registry, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	bool pod = m->runtime == FF_RUNTIME_KUBERNETES;
	bool known = pod || m->runtime == FF_RUNTIME_PODMAN || m->runtime <= FF_RUNTIME_COMPOSE;
	if (!known || (registry && !is_word(registry)))
		return NULL;
	ff_buf_printf(&b, "%s login%s%s", m->runtime == FF_RUNTIME_PODMAN ? "podman" : "docker", registry ? " " : "",
		registry ? registry : "");
	if (!pod)
		return ff_fix_command(fix, &b);
	ff_buf_str(&b,
		" && kubectl create secret generic regcred --type=kubernetes.io/dockerconfigjson "
		"--from-file=.dockerconfigjson=$HOME/.docker/config.json");
	struct ff_error *err = ff_fix_command(fix, &b);
	return err ? err
		   : ff_fix_say_more(fix,
			     "Make it in the pod's namespace (-n), and name regcred under the manifest's "
			     "spec.imagePullSecrets.");
}

struct ff_error *ff_fix_login(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *where = ff_json_text(intention, "login");
	bool absent = false;
	if (where && strcmp(where, "registry") == 0)
		return login_registry(m, ff_json_text(intention, "need"), fix);
	_cleanup_buf_ struct ff_buf b = {0};
	ff_machine_package(m, "huggingface-hub", &absent);
	if (!where || strcmp(where, "hub") != 0 || absent)
		return NULL;
	ff_buf_printf(&b, "%s login", ff_machine_has_hf(m) ? "hf auth" : "huggingface-cli");
	return ff_fix_command(fix, &b);
}
