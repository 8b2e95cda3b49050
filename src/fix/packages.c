// Python packages: what to install, through which installer, and what that does to the facts.
//
//	{"install": "transformers", "need": ">=4.51"}  ->  /srv/venv/bin/python -m pip install 'transformers>=4.51'
//
// A version is never guessed: bounds come from the rule, what they lead to from the table of releases. A package that is here already
// within the bounds is no fix, unless its files are to be laid down anew ("fresh").
#include "fix/machine.h"
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

// Specifiers as pip reads them, and nothing else: they may come from a log.
static bool is_spec(const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<>=!~.,*+ ";
	return strlen(s) <= SPEC_MAX && strspn(s, plain) == strlen(s) &&
		ff_version_satisfies("1", s) != FF_SATISFIES_UNKNOWN;
}

static void requirement(struct ff_buf *b, const char *name, const char *extra, const char *need)
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
	ff_shell_word(b, word.p ? word.p : "");
}

// "PYTHON -m pip install", or what reaches that environment instead.
static void installer(const struct ff_fix_machine *m, const char *verb, struct ff_buf *b)
{
	const char *python = m->python;
	if (m->installer == FF_INSTALLER_UV && python) {
		ff_buf_printf(b, "uv pip %s --python ", verb);
		ff_shell_word(b, python);
		return;
	}
	if (m->installer == FF_INSTALLER_ENSURE && python) {
		ff_shell_word(b, python);
		ff_buf_str(b, " -m ensurepip && ");
	}
	if (python)
		ff_shell_word(b, python);
	ff_buf_printf(b, "%s %s",
		python					     ? " -m pip"
			: m->platform == FF_PLATFORM_WINDOWS ? "python -m pip"
							     : "pip",
		verb);
	if (m->externally_managed)
		ff_buf_str(b, " --break-system-packages");
	if (!m->site_writable && strcmp(verb, "install") == 0)
		ff_buf_str(b, " --user");
}

static struct ff_error *note_environment(const struct ff_fix_machine *m, json_t *fix)
{
	if (!m->externally_managed)
		return NULL;
	return ff_fix_side_effect(fix,
		"Changes packages that the distribution manages (PEP 668); a virtual environment keeps them apart.");
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

static struct ff_error *effect_of(json_t *fix, const char *name, const char *need)
{
	_cleanup_buf_ struct ff_buf release = {0};
	ff_fix_release(name, need, &release);
	if (release.failed)
		return &ff_enomem;
	return release.n ? ff_fix_effect(fix, "packages", name, json_string(release.p)) : NULL;
}

// ---- install ----

struct wish {
	const char *name, *need, *extra;
	bool fresh, alone, build, older;
	const json_t *with; // names of packages that must move too
};

static bool flag(const json_t *intention, const char *name)
{
	return json_is_true(json_object_get(intention, name));
}

static struct ff_error *write_install(const struct ff_fix_machine *m, const struct wish *w, enum fits how, json_t *fix)
{
	_cleanup_buf_ struct ff_buf b = {0};
	installer(m, "install", &b);
	if (w->fresh)
		ff_buf_str(&b, " --force-reinstall --no-cache-dir");
	else if (!w->need && how != FITS_ABSENT)
		ff_buf_str(&b, " -U");
	if (w->alone)
		ff_buf_str(&b, " --no-deps");
	if (w->build)
		ff_buf_str(&b, " --no-build-isolation");
	requirement(&b, w->name, w->extra, w->need);
	size_t i;
	json_t *also;
	json_array_foreach (w->with, i, also) {
		const char *other = json_string_value(also);
		if (other && is_name(other) && ff_fix_package_known(m, other))
			requirement(&b, other, NULL, NULL);
	}
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

struct ff_error *ff_fix_install(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	char same[SPEC_MAX];
	struct wish w = {.name = ff_json_text(intention, "install"),
		.need = ff_json_text(intention, "need"),
		.extra = ff_json_text(intention, "extra"),
		.fresh = flag(intention, "fresh"),
		.alone = flag(intention, "alone"),
		.build = flag(intention, "build"),
		.older = flag(intention, "older"),
		.with = json_object_get(intention, "with")};
	if (!w.name || !is_name(w.name))
		return ff_error_create(FF_EUSAGE, "'install' must be the name of a package");
	if (w.need && (!*w.need || !is_spec(w.need)))
		w.need = NULL;
	if (w.extra && !is_name(w.extra))
		w.extra = NULL;
	enum fits how = fits(m, w.name, w.need);
	bool older = how == FITS_TOO_NEW || (how == FITS_UNKNOWN && (w.older || (w.need && only_upper(w.need))));
	struct ff_error *err = ff_fix_kind(fix, older ? "pip-downgrade" : "pip", w.name);
	if (err || !ff_fix_package_known(m, w.name))
		return err; // a name that nobody is known to own gets no command
	if (how == FITS_YES && !w.fresh)
		err = ff_fix_refuse(fix, "%s is within %s already", w.name, w.need);
	else if (w.older && !w.need)
		return NULL; // which release would be a guess
	if (w.fresh && !w.need)
		w.need = same_release(m, w.name, same);
	if (!err)
		err = write_install(m, &w, how, fix);
	if (!err)
		err = note_environment(m, fix);
	return err || w.fresh ? err : effect_of(fix, w.name, w.need);
}

struct ff_error *ff_fix_remove(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *name = ff_json_text(intention, "remove");
	if (!name || !is_name(name))
		return ff_error_create(FF_EUSAGE, "'remove' must be the name of a package");
	_cleanup_buf_ struct ff_buf b = {0};
	bool absent = false;
	ff_machine_package(m, name, &absent);
	struct ff_error *err = ff_fix_kind(fix, "pip", name);
	if (!err && absent)
		err = ff_fix_refuse(fix, "%s is not installed", name);
	installer(m, m->installer == FF_INSTALLER_UV ? "uninstall" : "uninstall -y", &b);
	requirement(&b, name, NULL, NULL);
	if (!err)
		err = ff_fix_command(fix, &b);
	return err ? err : ff_fix_effect(fix, "packages", name, json_null());
}

// Compile it here against what is installed: wheels and build environments would bring another torch.
struct ff_error *ff_fix_rebuild(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *name = ff_json_text(intention, "rebuild"), *need = ff_json_text(intention, "need");
	const char *arch = ff_json_text(intention, "arch");
	int64_t jobs = 0;
	if (!name || !is_name(name))
		return ff_error_create(FF_EUSAGE, "'rebuild' must be the name of a package");
	struct ff_error *err = ff_fix_kind(fix, "rebuild", name);
	if (err || !ff_fix_package_known(m, name))
		return err;
	_cleanup_buf_ struct ff_buf b = {0};
	char same[SPEC_MAX];
	if (!need || !is_spec(need))
		need = same_release(m, name, same);
	if (ff_json_int(intention, "jobs", &jobs) && jobs > 0)
		ff_buf_printf(&b, "MAX_JOBS=%d ", (int)jobs);
	if (arch) {
		ff_buf_str(&b, "TORCH_CUDA_ARCH_LIST=");
		ff_shell_word(&b, arch);
		ff_buf_char(&b, ' ');
	}
	installer(m, "install", &b);
	ff_buf_printf(&b, " --force-reinstall --no-deps --no-cache-dir --no-build-isolation --no-binary %s", name);
	requirement(&b, name, NULL, need);
	err = ff_fix_command(fix, &b);
	return err ? err
		   : ff_fix_side_effect(fix, "Compiles for minutes to an hour; needs nvcc of torch's CUDA version.");
}

struct ff_error *ff_fix_conda(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *name = ff_json_text(intention, "conda"), *need = ff_json_text(intention, "need");
	const char *kind = m->facts ? ff_json_text(m->facts, "python.kind") : NULL;
	if (!name || !is_name(name))
		return ff_error_create(FF_EUSAGE, "'conda' must be the name of a package");
	struct ff_error *err = ff_fix_kind(fix, "conda", NULL);
	if (err || (kind && strcmp(kind, "conda") != 0))
		return err ? err : ff_fix_refuse(fix, "this Python is no conda environment");
	_cleanup_buf_ struct ff_buf b = {0};
	const char *prefix = kind ? ff_json_text(m->facts, "python.prefix") : NULL;
	ff_buf_str(&b, "conda install -y -c conda-forge");
	if (prefix) {
		ff_buf_str(&b, " -p ");
		ff_shell_word(&b, prefix);
	}
	requirement(&b, name, NULL, need && is_spec(need) ? need : NULL);
	return ff_fix_command(fix, &b);
}
