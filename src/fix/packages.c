// Python packages: what to install, through which installer, and what that does to the facts.
//
//	{"install": "transformers", "need": ">=4.51"}  ->  /srv/venv/bin/python -m pip install 'transformers>=4.51'
//
// A version is never guessed: bounds come from the rule, what they lead to from the table of releases. A package that
// is here already within the bounds is no fix, unless its files are to be laid down anew ("fresh").
#include "fix/machine.h"
#include "know/facts.h"
#include "parse/requirement.h"
#include "parse/version.h"

enum { PACKAGE_NAME_MAX = 100, SPEC_MAX = 200 };

// ---- words that go into a command ----

// A distribution's name, or one with extras ("transformers[torch]" comes apart as name and extra).
static bool is_name(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = strlen(s);
	return n && n <= PACKAGE_NAME_MAX && strspn(s, plain) == n && s[0] != '-' && s[0] != '.';
}

// "torch", or several: "cuda,cudnn".
static bool is_extra(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_,") == strlen(s) && *s && strlen(s) <= PACKAGE_NAME_MAX;
}

// Specifiers as pip reads them, and nothing else: they may come from a log.
static bool is_spec(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<>=!~.,*+ ";
	return strlen(s) <= SPEC_MAX && strspn(s, plain) == strlen(s) &&
		ff_version_satisfies("1", s) != FF_SATISFIES_UNKNOWN;
}

// A build's name on PyTorch's index.
static bool is_index(const char *s)
{
	size_t n = strlen(s);
	return strcmp(s, "cpu") == 0 ||
		(n >= 5 && n <= 6 && s[0] == 'c' && s[1] == 'u' && strspn(s + 2, "0123456789") == n - 2);
}

static void requirement(
	const struct ff_fix_machine *m, struct ff_buf *b, const char *name, const char *extra, const char *need)
{
	_cleanup_buf_ struct ff_buf word = {0};
	ff_buf_str(&word, name);
	if (extra)
		ff_buf_printf(&word, "[%s]", extra);
	for (; need && *need; need++)
		if (*need != ' ')
			ff_buf_char(&word, *need);
	b->failed |= word.failed;
	ff_buf_char(b, ' ');
	if (m->platform == FF_PLATFORM_WINDOWS && word.p && strpbrk(word.p, "<>"))
		ff_buf_printf(b, "\"%s\"", word.p); // cmd.exe reads < and > between single quotes
	else
		ff_shell_word(b, word.p ? word.p : "");
}

// ---- what is there, and which way the bounds go ----

enum fits {
	FITS_UNKNOWN,
	FITS_YES,
	FITS_ABSENT,
	FITS_TOO_NEW, // an older release is needed
	FITS_TOO_OLD,
};

static bool only_upper(const char *need)
{
	struct ff_span rest = ff_span_of(need), one;
	bool any = false;
	while (rest.n && ff_span_next(&rest, ',', &one)) {
		one = ff_span_trim(one);
		if (!one.n || one.p[0] != '<')
			return false;
		any = true;
	}
	return any;
}

// The installed version is above every lower bound, so it is an upper one that it breaks.
static bool above_lower_bounds(const char *have, const char *need)
{
	struct ff_span rest = ff_span_of(need), one;
	while (rest.n && ff_span_next(&rest, ',', &one)) {
		one = ff_span_trim(one);
		bool exact = ff_span_starts(one, "==") || ff_span_starts(one, "~=");
		bool lower = one.n && one.p[0] == '>';
		if (exact) {
			struct ff_span version = {one.p + 2, one.n - 2};
			return ff_version_compare_spans(ff_span_of(have), ff_span_trim(version)) > 0;
		}
		if (lower && ff_version_satisfies_spans(ff_span_of(have), one) == FF_SATISFIES_NO)
			return false;
	}
	return true;
}

static enum fits fits(const struct ff_fix_machine *m, const char *name, const char *need)
{
	bool absent = false;
	const char *have = ff_machine_package(m, name, &absent);
	if (absent)
		return FITS_ABSENT;
	if (!have || !need)
		return FITS_UNKNOWN;
	switch (ff_version_satisfies(have, need)) {
	case FF_SATISFIES_YES:
		return FITS_YES;
	case FF_SATISFIES_NO:
		return above_lower_bounds(have, need) ? FITS_TOO_NEW : FITS_TOO_OLD;
	case FF_SATISFIES_UNKNOWN:
		break;
	}
	return FITS_UNKNOWN;
}

// ---- install ----

struct wish {
	const char *name, *need, *extra, *arch, *importer;
	const char *index; // "cu128", "cpu": a build of PyTorch's own index
	const char *after; // a command that must come before
	bool fresh, alone, build, older, newest, upgrade, absent, replace;
	const json_t *with; // names of packages that must move too, or names with bounds
};

// A package that moves along: upwards, and not past what is known.
static void requirement_along(const struct ff_fix_machine *m, const char *name, struct ff_buf *b)
{
	_cleanup_buf_ struct ff_buf need = {0};
	bool absent;
	if (ff_machine_package(m, name, &absent))
		ff_fix_both_bounds(name, NULL, &need);
	requirement(m, b, name, NULL, need.p);
	b->failed |= need.failed;
}

// "with": names, or names with bounds, besides the one that is installed.
static void write_with(const struct ff_fix_machine *m, const char *besides, const json_t *with, struct ff_buf *b)
{
	size_t i;
	json_t *item;
	const char *name;
	json_array_foreach (with, i, item) {
		name = json_string_value(item);
		if (name && is_name(name) && strcmp(name, besides) != 0 && ff_fix_package_known(m, name))
			requirement_along(m, name, b);
	}
	json_object_foreach ((json_t *)with, name, item) {
		const char *need = json_string_value(item);
		if (need && is_name(name) && ff_fix_package_known(m, name) && is_spec(need))
			requirement(m, b, name, NULL, need);
	}
}

// A name alone does nothing for what is installed: an installer is satisfied.
static bool names_installed(const struct ff_fix_machine *m, const struct wish *w)
{
	size_t i;
	json_t *item;
	bool absent;
	json_array_foreach (w->with, i, item) {
		const char *name = json_string_value(item);
		if (name && strcmp(name, w->name) != 0 && ff_machine_package(m, name, &absent))
			return true;
	}
	return false;
}

static bool flag(const json_t *intention, const char *name)
{
	return json_is_true(json_object_get(intention, name));
}

// What is asked for, behind the installer's own words.
static void write_requirements(
	const struct ff_fix_machine *m, const struct wish *w, const json_t *also, const json_t *joint, struct ff_buf *b)
{
	size_t i;
	json_t *other;
	requirement(m, b, w->name, w->extra, w->need);
	write_with(m, w->name, w->with, b);
	write_with(m, w->name, joint, b);
	json_array_foreach (also, i, other)
		requirement_along(m, json_string_value(other), b);
}

// The tool of a project adds requirements to it; beside that stands what does the same to the environment alone.
static struct ff_error *write_added(const struct ff_fix_machine *m, const struct wish *w, const json_t *also,
	const json_t *joint, struct ff_buf *command, json_t *fix)
{
	_cleanup_buf_ struct ff_buf direct = {0};
	char *text = NULL;
	write_requirements(m, w, also, joint, command);
	ff_installer_words(m, "install", &direct);
	write_requirements(m, w, also, joint, &direct);
	struct ff_error *err = ff_buf_finish(&direct, &text);
	if (!err && json_object_set_new(fix, "in_environment", json_string(text)) < 0)
		err = &ff_enomem;
	free(text);
	return err ? err : ff_fix_command(fix, command);
}

// A torch of another build, where nothing is known of the machine: the same release counts as installed already, and
// upgrading it alone leaves its partners behind. On Windows the registry has no build for GPUs.
static struct ff_error *write_replaced(const struct ff_fix_machine *m, json_t *fix)
{
	static const char family[] = " torch torchvision torchaudio";
	_cleanup_buf_ struct ff_buf b = {0};
	ff_installer_words(m, "uninstall", &b);
	ff_buf_printf(&b, "%s && ", family);
	ff_installer_words(m, "install", &b);
	ff_buf_printf(&b, "%s%s", family,
		m->platform == FF_PLATFORM_WINDOWS ? " --index-url https://download.pytorch.org/whl/cu128" : "");
	return ff_fix_command(fix, &b);
}

static struct ff_error *write_install(const struct ff_fix_machine *m, const struct wish *w, const json_t *also,
	const json_t *joint, enum fits how, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	bool uv = m->installer == FF_INSTALLER_UV;
	if (w->after)
		ff_buf_printf(&b, "%s; ", w->after);
	if (w->replace && strcmp(w->name, "torch") == 0)
		return write_replaced(m, fix);
	bool newest = (w->upgrade && how != FITS_ABSENT) || (!w->fresh && names_installed(m, w));
	bool as_is = w->fresh || w->alone || w->build || newest; // a project's tool adds a requirement and does no more
	if (!as_is && ff_installer_adds(m, &b))
		return write_added(m, w, also, joint, &b, fix);
	ff_installer_words(m, "install", &b);
	if (w->fresh)
		ff_buf_str(&b, uv ? " --reinstall --no-cache" : " --force-reinstall --no-cache-dir");
	else if (newest)
		ff_buf_str(&b, " -U");
	if (w->alone || (w->fresh && how != FITS_ABSENT)) // its files alone: what it asks for stays as it is
		ff_buf_str(&b, " --no-deps");
	if (w->build)
		ff_buf_str(&b, " --no-build-isolation");
	write_requirements(m, w, also, joint, &b);
	if (w->index)
		ff_buf_printf(&b, " --index-url https://download.pytorch.org/whl/%s", w->index);
	return ff_fix_command(fix, &b);
}

// The same release again, where a copy is broken.
static const char *same_release(const struct ff_fix_machine *m, const char *name, char ret[SPEC_MAX])
{
	bool absent;
	const char *have = ff_machine_package(m, name, &absent);
	struct ff_version v;
	if (!have || !ff_version_parse(ff_span_of(have), &v) || v.local.n || strlen(have) > SPEC_MAX - 3)
		return NULL;
	snprintf(ret, SPEC_MAX, "==%s", have);
	return ret;
}

static struct ff_error *read_wish(const json_t *intention, struct wish *ret)
{
	*ret = (struct wish){.name = ff_json_text(intention, "install"),
		.need = ff_json_text(intention, "need"),
		.extra = ff_json_text(intention, "extra"),
		.arch = ff_json_text(intention, "arch"),
		.importer = ff_json_text(intention, "importer"),
		.index = ff_json_text(intention, "index"),
		.fresh = flag(intention, "fresh"),
		.replace = flag(intention, "replace") && !json_object_get(intention, "need"),
		.alone = flag(intention, "alone"),
		.build = flag(intention, "build"),
		.older = flag(intention, "older"),
		.newest = flag(intention, "newest"),
		.absent = flag(intention, "absent"),
		.with = json_object_get(intention, "with")};
	if (!ret->name)
		return ff_error_create(FF_EUSAGE, "'install' must be the name of a package or of a shared library");
	if (ret->need && (!*ret->need || !is_spec(ret->need)))
		ret->need = NULL;
	if (ret->extra && !is_extra(ret->extra))
		ret->extra = NULL;
	if (ret->index && !is_index(ret->index))
		ret->index = NULL;
	return NULL;
}

// A release later than the one here, nobody says how much later: the newest is wanted, and not the nearest that fits.
static bool wants_newer(const char *need, bool absent)
{
	if (!need)
		return !absent;
	for (const char *c = strchr(need, '>'); c; c = strchr(c + 1, '>'))
		if (c[1] != '=')
			return true;
	return false;
}

// What no index has (a folder's or an address's own package) cannot move: another's package may have its name there.
static struct ff_error *who_moves(const struct ff_fix_machine *m, const char *name, json_t *also, json_t *fix)
{
	struct ff_error *err = NULL;
	for (size_t i = 0; i < json_array_size(also) && !err;) {
		const char *by = json_string_value(json_array_get(also, i)), *pin = ff_fix_pin(m, name, by);
		pin = pin ? pin : "";
		if (strcmp(by, "torch") == 0)
			return ff_fix_refuse(fix, "torch asks for %s%s", name, pin);
		if (ff_fix_package_known(m, by)) {
			err = ff_fix_side_effect(fix, "%s, which asks for %s%s, moves too.", by, name, pin);
			i++;
		} else {
			err = ff_fix_side_effect(
				fix, "%s, which is from no index, asks for %s%s: change that there.", by, name, pin);
			json_array_remove(also, i);
		}
	}
	return err;
}

// Bounds that others hold it in; whoever cannot live with the need moves too, but not torch, which is no small thing to
// move.
static struct ff_error *within_bounds(
	const struct ff_fix_machine *m, struct wish *w, struct ff_buf *need, json_t *also, json_t *joint, json_t *fix)
{
	_cleanup_buf_ struct ff_buf open = {0};
	bool absent = false;
	const char *have = ff_machine_package(m, w->name, &absent);
	absent |= w->absent && !have;
	if (!w->need && !absent)
		ff_fix_both_bounds(w->name, have, &open);
	if (open.failed)
		return &ff_enomem;
	struct ff_error *err = ff_fix_bounds(m, w->name, open.n ? open.p : w->need, need, also);
	if (!err)
		err = ff_fix_wheel_here(m, w->name, need->p, fix);
	if (!err && !wants_newer(w->need, absent))
		err = ff_fix_joint(m, w->name, w->importer, need, also, joint, fix);
	if (!err)
		err = who_moves(m, w->name, also, fix);
	w->upgrade = w->newest || (!w->need && (!open.n || open.p[0] != '>'));
	if (!err && need->n)
		w->need = need->p;
	return err;
}

static struct ff_error *effect_of(const struct ff_fix_machine *m, const struct wish *w, const char *need,
	const char *asked, bool chosen, json_t *fix)
{
	return ff_fix_package_effect(m,
		&(struct ff_package_change){
			w->name, need, asked, w->absent, w->fresh, w->extra != NULL, chosen, w->with},
		fix);
}

static struct ff_error *install_plain(
	const struct ff_fix_machine *m, const struct wish *wanted, enum fits how, json_t *fix)
{
	char same[SPEC_MAX];
	struct wish wish = *wanted, *w = &wish; // it may point into this frame
	_cleanup_buf_ struct ff_buf need = {0};
	_cleanup_json_ json_t *also = json_array(), *joint = json_object();
	struct ff_error *err = NULL;
	if (w->fresh && !w->need)
		w->need = same_release(m, w->name, same);
	else if (!w->alone && !w->fresh)
		err = within_bounds(m, w, &need, also, joint, fix);
	if (!err)
		err = write_install(m, w, also, joint, how, fix);
	return err ? err : effect_of(m, w, w->need, wanted->need, false, fix);
}

// A need may name the build itself: "==2.5.1+cu121".
static struct ff_error *install_torch(const struct ff_fix_machine *m, const struct wish *w, json_t *fix, bool *ret_done)
{
	char need[SPEC_MAX + 1], *tag = NULL;
	snprintf(need, sizeof(need), "%s", w->need ? w->need : "");
	if (ff_starts(need, "==") && (tag = strchr(need, '+')))
		*tag++ = 0;
	return ff_fix_torch(m, &(struct ff_torch_wish){w->need ? need : NULL, w->arch, tag, w->fresh}, fix, ret_done);
}

static struct ff_error *install(const struct ff_fix_machine *m, struct wish *w, json_t *fix)
{
	bool done = false, absent = false;
	enum fits how = fits(m, w->name, w->need);
	how = how == FITS_UNKNOWN && w->absent && !ff_machine_package(m, w->name, &absent) ? FITS_ABSENT : how;
	bool older = how == FITS_TOO_NEW || (how == FITS_UNKNOWN && (w->older || (w->need && only_upper(w->need))));
	enum ff_shadow shadow = FF_SHADOW_NONE;
	if (!is_name(w->name)) // what a log calls a package
		return ff_fix_kind(fix, "pip", "package");
	if (!ff_fix_package_known(m, w->name)) // a name that nobody is known to own gets no command
		return ff_fix_kind(fix, older ? "pip-downgrade" : "pip", w->name);
	struct ff_error *err = ff_fix_shadow(m, w->name, w->need, fix, &shadow);
	if (!err)
		err = ff_fix_kind(fix, older ? "pip-downgrade" : "pip", w->name);
	if (err || shadow == FF_SHADOW_CURES)
		return err;
	w->after = shadow ? ff_json_text(fix, "command") : NULL;
	if (w->older && !w->need)
		return NULL; // which release would be a guess
	if (how == FITS_YES && !w->fresh)
		err = ff_fix_refuse(fix, "%s is within %s already", w->name, w->need);
	if (err || !ff_installer_reaches(m, fix, &err))
		return err;
	if (strcmp(w->name, "torch") == 0)
		err = install_torch(m, w, fix, &done);
	if (!err)
		err = done ? effect_of(m, w, w->need, w->need, true, fix) : install_plain(m, w, how, fix);
	return err ? err : ff_installer_notes(m, fix);
}

struct ff_error *ff_fix_install(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	struct wish w;
	bool absent = false;
	_cleanup_buf_ struct ff_buf package = {0};
	struct ff_error *err = read_wish(intention, &w);
	if (err)
		return err;
	if (is_name(w.name) && strstr(w.name, ".so")) { // the package that brings this library, as torch asks for it
		const char *name = ff_fix_library_package(m, w.name, &package);
		if (!name)
			return ff_fix_kind(fix, "pip", "torch");
		w.name = name;
		const char *pin = ff_fix_pin(m, name, "torch");
		w.need = pin ? pin : w.need;
		w.fresh = ff_machine_package(m, name, &absent) != NULL;
		w.alone = w.fresh;
	}
	return install(m, &w, fix);
}

// In the user's own folder of packages, which needs nobody else.
static bool is_users(const struct ff_fix_machine *m, const char *name)
{
	const json_t *entry = m->facts ? ff_facts_package(ff_json_at(m->facts, "python.packages"), name) : NULL;
	const char *location = entry ? ff_json_text(entry, "location") : NULL;
	const char *user = m->facts ? ff_json_text(m->facts, "python.user_site.path") : NULL;
	return location && user && ff_starts(location, user);
}

struct ff_error *ff_fix_remove(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *name = ff_json_text(intention, "remove");
	if (!name)
		return ff_error_create(FF_EUSAGE, "'remove' must be the name of a package");
	if (!is_name(name))
		return ff_fix_kind(fix, "pip", "package");
	_cleanup_buf_ struct ff_buf b = {0};
	bool absent = false;
	ff_machine_package(m, name, &absent);
	struct ff_error *err = ff_fix_kind(fix, "pip", name);
	if (!err && absent)
		err = ff_fix_refuse(fix, "%s is not installed", name);
	bool named = ff_fix_package_known(m, name) || ff_machine_package(m, name, &absent);
	if (err || !named || !ff_installer_reaches(m, fix, &err))
		return err;
	ff_installer_words(m, "uninstall", &b);
	requirement(m, &b, name, NULL, NULL);
	err = ff_fix_command(fix, &b);
	if (!err && !is_users(m, name))
		err = ff_installer_by_others(m, fix);
	return err ? err : ff_fix_removal_effect(m, name, fix);
}

// A variable of this one build; cmd.exe knows none of one command, and keeps it.
static void build_variable(const struct ff_fix_machine *m, const char *name, const char *value, struct ff_buf *b)
{
	if (m->platform == FF_PLATFORM_WINDOWS) {
		ff_buf_printf(b, "set \"%s=%s\" && ", name, value);
		return;
	}
	ff_buf_printf(b, "%s=", name);
	ff_shell_word(b, value);
	ff_buf_char(b, ' ');
}

// The installer's words with variables in front of the command that builds, and not of one before it.
static void installer_with(const struct ff_fix_machine *m, const char *variables, struct ff_buf *b)
{
	_cleanup_buf_ struct ff_buf words = {0};
	ff_installer_words(m, "install", &words);
	const char *text = words.p ? words.p : "", *last = text, *next;
	if (m->platform != FF_PLATFORM_WINDOWS)
		while ((next = strstr(last, " && ")))
			last = next + strlen(" && ");
	ff_buf_add(b, text, (size_t)(last - text));
	ff_buf_printf(b, "%s%s", variables, last);
	b->failed |= words.failed;
}

// What a build takes, by what torch here was built for.
static const char *build_cost(const struct ff_fix_machine *m)
{
	bool absent = false;
	const char *torch = ff_machine_package(m, "torch", &absent);
	if (torch && strstr(torch, "+rocm"))
		return "Compiles for minutes to an hour; needs hipcc of torch's ROCm version.";
	if (torch && strstr(torch, "+cu"))
		return "Compiles for minutes to an hour; needs nvcc of torch's CUDA version.";
	return "Compiles for minutes to an hour; needs the compiler of torch's CUDA (nvcc) or ROCm (hipcc).";
}

// Compile it here against what is installed: wheels and build environments would bring another torch.
struct ff_error *ff_fix_rebuild(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *name = ff_json_text(intention, "rebuild"), *need = ff_json_text(intention, "need");
	const char *arch = ff_json_text(intention, "arch");
	int64_t jobs = 0;
	if (!name)
		return ff_error_create(FF_EUSAGE, "'rebuild' must be the name of a package");
	if (!is_name(name))
		return ff_fix_kind(fix, "rebuild", "package");
	struct ff_error *err = ff_fix_kind(fix, "rebuild", name);
	if (err || !ff_fix_package_known(m, name) || !ff_installer_reaches(m, fix, &err))
		return err;
	_cleanup_buf_ struct ff_buf b = {0}, variables = {0};
	char same[SPEC_MAX], number[16];
	if (!need || !is_spec(need))
		need = same_release(m, name, same);
	if (ff_json_int(intention, "jobs", &jobs) && jobs > 0) {
		snprintf(number, sizeof(number), "%d", (int)jobs);
		build_variable(m, "MAX_JOBS", number, &variables);
	}
	if (arch && strspn(arch, "0123456789.;+PTXaf ") == strlen(arch))
		build_variable(m, "TORCH_CUDA_ARCH_LIST", arch, &variables);
	installer_with(m, variables.p ? variables.p : "", &b);
	b.failed |= variables.failed;
	ff_buf_printf(&b, " %s --no-deps --no-build-isolation --no-binary %s",
		m->installer == FF_INSTALLER_UV ? "--reinstall --no-cache" : "--force-reinstall --no-cache-dir", name);
	requirement(m, &b, name, NULL, need);
	err = ff_fix_command(fix, &b);
	if (!err)
		err = ff_installer_by_others(m, fix);
	if (!err)
		err = ff_fix_build_effect(m, name, arch != NULL, fix);
	return err ? err : ff_fix_side_effect(fix, "%s", build_cost(m));
}

// Which of them is here, NULL for none.
static const char *conda_here(const struct ff_fix_machine *m)
{
	static const char *const tools[] = {"conda", "mamba", "micromamba"};
	for (size_t i = 0; m->facts && i < sizeof(tools) / sizeof(*tools); i++) {
		char path[40];
		snprintf(path, sizeof(path), "python.tools.%s", tools[i]);
		if (ff_json_text(m->facts, path))
			return tools[i];
	}
	return NULL;
}

// Another Python: an environment of its own, made by what is there.
static struct ff_error *new_environment(const struct ff_fix_machine *m, const char *version, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	const char *kind = m->facts ? ff_json_text(m->facts, "python.kind") : NULL, *tool = conda_here(m);
	if (!tool && kind && strcmp(kind, "conda") == 0)
		tool = "conda";
	if (m->facts && ff_json_text(m->facts, "python.tools.uv"))
		ff_buf_printf(&b, "uv venv%s%s worker-env", version ? " --python " : "", version ? version : "");
	else if (tool) // micromamba knows no channel by itself
		ff_buf_printf(&b, "%s create -y -n worker -c conda-forge python%s%s", tool, version ? "=" : "",
			version ? version : "");
	else if (m->platform == FF_PLATFORM_WINDOWS) // its launcher; there is no python3.10 on the path
		ff_buf_printf(&b, "py -%s -m venv worker-env", version ? version : "3");
	else
		ff_buf_printf(&b, "python%s -m venv worker-env", version ? version : "3");
	struct ff_error *err = ff_fix_side_effect(fix, "What the worker needs has to be installed into it.");
	if (!err && version)
		err = ff_fix_python_effect(m, version, fix);
	return err ? err : ff_fix_command(fix, &b);
}

struct ff_error *ff_fix_conda(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *name = ff_json_text(intention, "conda"), *need = ff_json_text(intention, "need");
	const char *kind = m->facts ? ff_json_text(m->facts, "python.kind") : NULL;
	if (!name || !is_name(name))
		return ff_error_create(FF_EUSAGE, "'conda' must be the name of a package");
	struct ff_error *err = ff_fix_kind(fix, "conda", NULL);
	if (!err && strcmp(name, "python") == 0)
		return new_environment(m, need && strspn(need, "0123456789.") == strlen(need) ? need : NULL, fix);
	if (err || (kind && strcmp(kind, "conda") != 0))
		return err ? err : ff_fix_refuse(fix, "this Python is no conda environment");
	_cleanup_buf_ struct ff_buf b = {0};
	const char *prefix = kind ? ff_json_text(m->facts, "python.prefix") : NULL;
	const char *tool = conda_here(m);
	ff_buf_printf(&b, "%s install -y -c conda-forge", tool ? tool : "conda");
	if (prefix) {
		ff_buf_str(&b, " -p ");
		ff_shell_word(&b, prefix);
	}
	requirement(m, &b, name, NULL, need && is_spec(need) ? need : NULL);
	return ff_fix_command(fix, &b);
}
