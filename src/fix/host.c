// What belongs to the machine below the worker: packages of the distribution, the driver, the CUDA toolkit, restarts, logins.
//
//	{"system": "libgl1"}                  debian, root    ->  apt-get update && apt-get install -y libgl1
//	                                      fedora, a user  ->  sudo dnf install -y mesa-libGL
//	{"driver": "upgrade", "need": "570.26"}  no command: whoever runs the host must do it, and it needs a reboot
//
// rules/data/system_packages.tsv says what each distribution calls a thing; one that it does not know gets no command.
#include "base/table.h"
#include "fix/machine.h"

FF_EMBEDDED(ff_table, system_packages);

static const struct {
	const char *id, *column, *install;
} distributions[] = {
	{"debian", "apt", "apt-get update && apt-get install -y"},
	{"ubuntu", "apt", "apt-get update && apt-get install -y"},
	{"linuxmint", "apt", "apt-get update && apt-get install -y"},
	{"pop", "apt", "apt-get update && apt-get install -y"},
	{"fedora", "dnf", "dnf install -y"},
	{"rhel", "dnf", "dnf install -y"},
	{"centos", "dnf", "dnf install -y"},
	{"rocky", "dnf", "dnf install -y"},
	{"almalinux", "dnf", "dnf install -y"},
	{"ol", "dnf", "dnf install -y"},
	{"amzn", "dnf", "dnf install -y"},
	{"alpine", "apk", "apk add"},
	{"opensuse-leap", "zypper", "zypper --non-interactive install"},
	{"opensuse-tumbleweed", "zypper", "zypper --non-interactive install"},
	{"sles", "zypper", "zypper --non-interactive install"},
};

struct ff_error *ff_fix_system(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "system");
	struct ff_table table = ff_table_of(ff_table_system_packages);
	struct ff_table_row row;
	bool known = false;
	if (!what || !*what)
		return ff_error_create(FF_EUSAGE, "'system' must be a text");
	struct ff_error *err = ff_fix_kind(fix, "apt", what);
	while (!known && ff_table_next(&table, &row))
		known = ff_span_eq(row.cells[0], what);
	if (err || !known || m->platform == FF_PLATFORM_WINDOWS || m->platform == FF_PLATFORM_MACOS)
		return err;
	size_t d = 0, n = sizeof(distributions) / sizeof(*distributions);
	while (m->distribution && d < n && strcmp(distributions[d].id, m->distribution) != 0)
		d++;
	if (d == n)
		return NULL;
	struct ff_span names = ff_table_cell(&table, &row, distributions[d].column);
	if (!names.n)
		return NULL;
	_cleanup_buf_ struct ff_buf b = {0};
	const char *sudo = m->root ? "" : "sudo ";
	const char *install = distributions[d].install, *second = strstr(install, "&& ");
	if (second)
		ff_buf_printf(&b, "%s%.*s%s%s ", sudo, (int)(second + 3 - install), install, sudo, second + 3);
	else
		ff_buf_printf(&b, "%s%s ", sudo, install);
	ff_buf_span(&b, names);
	return ff_fix_command(fix, &b);
}

static struct ff_error *needed_version(const json_t *intention, const char *path, json_t *fix)
{
	const char *need = ff_json_text(intention, "need");
	return need ? ff_fix_effect(fix, "facts", path, json_string(need)) : NULL;
}

struct ff_error *ff_fix_driver(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	(void)m;
	struct ff_error *err = needed_version(intention, "driver.version", fix);
	return err ? err
		   : ff_fix_side_effect(fix, "Every program that uses the GPU must be stopped, and the host rebooted.");
}

struct ff_error *ff_fix_toolkit(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	(void)m;
	return needed_version(intention, "cuda.toolkit.version", fix);
}

// What is to be started anew, by its name.
struct ff_error *ff_fix_restart(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	static const struct {
		const char *what, *command, *effect;
	} known[] = {
		{"docker", "systemctl restart docker", "Stops every container on this host."},
		{"fabricmanager", "systemctl restart nvidia-fabricmanager",
			"Stops what runs on the GPUs of this host."},
		{"persistenced", "systemctl restart nvidia-persistenced", NULL},
		{"host", "reboot", "Stops everything on this host."},
	};
	const char *what = ff_json_text(intention, "restart");
	for (size_t i = 0; what && i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(known[i].what, what) != 0)
			continue;
		_cleanup_buf_ struct ff_buf b = {0};
		struct ff_error *err = known[i].effect ? ff_fix_side_effect(fix, "%s", known[i].effect) : NULL;
		ff_buf_printf(&b, "sudo %s", known[i].command);
		bool inside = m->runtime > FF_RUNTIME_SHELL; // the host is not to be reached from a container
		return err || inside ? err : ff_fix_command(fix, &b);
	}
	return NULL;
}

struct ff_error *ff_fix_login(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *where = ff_json_text(intention, "login");
	bool absent = false;
	const char *hub = ff_machine_package(m, "huggingface-hub", &absent);
	_cleanup_buf_ struct ff_buf b = {0};
	if (!where || strcmp(where, "hub") != 0 || absent)
		return NULL;
	bool old = hub && *hub == '0' && strncmp(hub, "0.3", 3) != 0; // `hf` came with 0.34
	ff_buf_str(&b, old ? "huggingface-cli login" : "hf auth login");
	return ff_fix_command(fix, &b);
}
