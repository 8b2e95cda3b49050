// Packages of the distribution: libraries, programs and headers that a worker misses.
//
//	{"system": "libGL.so.1"}    debian, root    ->  apt-get update && apt-get install -y libgl1
//	                            fedora, a user  ->  sudo dnf install -y mesa-libGL
//	                            in a container, not root  ->  no command; the sentence says what to put into the image
//	{"system": "gcc-12", "variables": {"CC": "gcc-12"}}  ->  apt-get update && apt-get install -y gcc-12 g++-12 && export CC=gcc-12
//
// rules/data/system_packages.tsv says what each distribution calls a thing; what stands in no row gets no command,
// since a name that was guessed may be anybody's.
#include "base/table.h"
#include "fix/machine.h"

FF_EMBEDDED(ff_table, system_packages);

static const struct {
	const char *id, *manager;
} distributions[] = {
	{"debian", "apt"},
	{"ubuntu", "apt"},
	{"linuxmint", "apt"},
	{"pop", "apt"},
	{"kali", "apt"},
	{"fedora", "dnf"},
	{"rhel", "dnf"},
	{"centos", "dnf"},
	{"rocky", "dnf"},
	{"almalinux", "dnf"},
	{"ol", "dnf"},
	{"amzn", "dnf"},
	{"alpine", "apk"},
	{"opensuse-leap", "zypper"},
	{"opensuse-tumbleweed", "zypper"},
	{"sles", "zypper"},
};

static const struct {
	const char *manager, *refresh, *install;
} managers[] = {
	{"apt", "apt-get update && ", "apt-get install -y"},
	{"dnf", "", "dnf install -y"},
	{"apk", "", "apk add"},
	{"zypper", "", "zypper --non-interactive install"},
	{"brew", "", "brew install"},
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

const char *ff_fix_package_manager(const char *distribution)
{
	for (size_t i = 0; i < COUNT(distributions); i++)
		if (strcmp(distributions[i].id, distribution) == 0)
			return distributions[i].manager;
	return NULL;
}

// "libGL.so.1" and "libGL.so" are what a row calls libGL.so: a number behind does not matter.
static bool provides(struct ff_span list, const char *what)
{
	struct ff_span one;
	while (list.n && ff_span_next(&list, ' ', &one)) {
		bool library = one.n > 3 && memcmp(one.p + one.n - 3, ".so", 3) == 0;
		if (one.n && strncmp(what, one.p, one.n) == 0 && (!what[one.n] || (library && what[one.n] == '.')))
			return true;
	}
	return false;
}

static bool find_package(const char *what, struct ff_table *table, struct ff_table_row *ret)
{
	*table = ff_table_of(ff_table_system_packages);
	while (ff_table_next(table, ret))
		if (ff_span_eq(ret->cells[0], what) || provides(ff_table_cell(table, ret, "provides"), what))
			return true;
	return false;
}

bool ff_fix_system_known(const char *what)
{
	struct ff_table table;
	struct ff_table_row row;
	return *what && find_package(what, &table, &row);
}

static void write_install(size_t manager, const char *sudo, struct ff_span names, struct ff_buf *ret)
{
	if (managers[manager].refresh[0])
		ff_buf_printf(ret, "%s%s", sudo, managers[manager].refresh);
	ff_buf_printf(ret, "%s%s %.*s", sudo, managers[manager].install, (int)names.n, names.p);
}

static struct ff_error *say_image(const struct ff_buf *install, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	ff_buf_printf(&b, "This user may not install packages in this container: put it into the image (RUN %s).",
		install->p ? install->p : "");
	return b.failed ? &ff_enomem : ff_fix_say_more(fix, b.p);
}

static const char *manager_of(const struct ff_fix_machine *m)
{
	if (m->platform == FF_PLATFORM_WINDOWS)
		return NULL;
	if (m->platform == FF_PLATFORM_MACOS)
		return "brew";
	return m->distribution ? ff_fix_package_manager(m->distribution) : "apt";
}

// Variables by which the build finds it, in the shell that builds: a compiler beside the usual one.
static void write_variables(const json_t *variables, struct ff_buf *ret)
{
	const char *name;
	json_t *value;
	const char *sign = " && export ";
	json_object_foreach ((json_t *)variables, name, value) {
		ff_buf_printf(ret, "%s%s=", sign, name);
		ff_shell_word(ret, json_string_value(value));
		sign = " ";
	}
}

static struct ff_error *write_command(
	const struct ff_fix_machine *m, const char *name, struct ff_span packages, const json_t *variables, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	size_t i = 0;
	while (i < COUNT(managers) && strcmp(managers[i].manager, name) != 0)
		i++;
	bool container = m->runtime > FF_RUNTIME_SHELL, brew = strcmp(name, "brew") == 0;
	bool foreign = container && !m->root;
	write_install(i, m->root || brew || foreign ? "" : "sudo ", packages, &b);
	if (foreign)
		return b.failed ? &ff_enomem : say_image(&b, fix);
	write_variables(variables, &b);
	if (b.failed)
		return &ff_enomem;
	struct ff_error *err = ff_fix_command(fix, &b);
	if (!err && !m->distribution && strcmp(name, "apt") == 0)
		err = ff_fix_say_more(fix, "The command is for Debian and Ubuntu.");
	return err;
}

// The table says that the package brings it; that it is missing, a program's fact or the line says.
static struct ff_error *thing_comes(const struct ff_fix_machine *m, const char *what, json_t *fix)
{
	_cleanup_buf_ struct ff_buf path = {0};
	ff_buf_printf(&path, "system.programs.%s", what);
	bool program = path.p && !strchr(what, '.') && m->facts;
	const json_t *here = program ? ff_json_at(m->facts, path.p) : NULL;
	struct ff_goal goal = {.what = what,
		.now = json_is_false(here) ? "not there" : NULL,
		.then = "installed",
		.fact = here ? path.p : NULL,
		.words = {what},
		.required = true};
	return path.failed ? &ff_enomem : ff_fix_goal(fix, &goal);
}

struct ff_error *ff_fix_system(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "system");
	struct ff_table table;
	struct ff_table_row row;
	if (!what || !*what)
		return ff_error_create(FF_EUSAGE, "'system' must be a text");
	bool known = find_package(what, &table, &row);
	_cleanup_free_ char *name = known ? ff_span_dup(row.cells[0]) : strdup(what);
	struct ff_error *err = name ? ff_fix_kind(fix, "apt", name) : &ff_enomem;
	const char *manager = manager_of(m);
	if (err || !known || !manager)
		return err;
	struct ff_span packages = ff_table_cell(&table, &row, manager);
	if (!packages.n)
		return NULL;
	err = thing_comes(m, what, fix);
	return err ? err : write_command(m, manager, packages, json_object_get(intention, "variables"), fix);
}
