// A newer system below Python: the image that a worker's own is made from.
//
//	{"image": "glibc", "need": "2.38"}    debian, docker   ->  FROM debian:trixie
//	                                      apptainer        ->  apptainer pull docker://debian:trixie
//	                                      a bare host      ->  no command; the sentence names the release that has it
//	{"image": "python", "need": "3.12"}   docker           ->  FROM python:3.12
//
// rules/data/base_images.tsv has what each image brings. The oldest that is new enough is taken, of the same
// distribution where that has one: what the image installs by the distribution's package manager goes on working.
//
// How it lies: what the old image held beside its system (Python, CUDA) is not in the new one. Where the environment
// shows that the image is one of the official Python ones, the same Python upon the newer system is named instead.
#include "base/table.h"
#include "fix/machine.h"
#include "parse/version.h"

FF_EMBEDDED(ff_table, base_images);

enum { VERSION_LENGTH_MAX = 16 };

// What os-release calls the relatives of a family that has rows.
static const struct {
	const char *id, *family;
} relatives[] = {{"rhel", "rhel"}, {"centos", "rhel"}, {"rocky", "rhel"}, {"almalinux", "rhel"}, {"ol", "rhel"}};

static const char *family_of(const char *distribution)
{
	for (size_t i = 0; distribution && i < sizeof(relatives) / sizeof(*relatives); i++)
		if (strcmp(relatives[i].id, distribution) == 0)
			return relatives[i].family;
	return distribution ? distribution : "any";
}

static bool is_version(const char *text)
{
	return text && *text && strlen(text) < VERSION_LENGTH_MAX && strspn(text, "0123456789.") == strlen(text);
}

// The oldest row of the family that has what is needed; without a need the newest.
static bool find_image(
	const char *family, const char *column, const char *need, struct ff_table_row *ret, struct ff_span *ret_has)
{
	struct ff_table table = ff_table_of(ff_table_base_images);
	struct ff_table_row row;
	bool found = false;
	while (ff_table_next(&table, &row)) {
		if (!ff_span_eq(row.cells[1], family))
			continue;
		struct ff_span has = ff_table_cell(&table, &row, column);
		char text[VERSION_LENGTH_MAX] = "";
		memcpy(text, has.p, has.n < sizeof(text) ? has.n : 0);
		if (need && ff_version_compare(text, need) < 0)
			continue;
		*ret = row;
		*ret_has = has;
		found = true;
		if (need)
			break;
	}
	return found;
}

// "3.11" of the official Python image that this container was made from; those are built upon Debian's releases.
static bool official_python(const struct ff_fix_machine *m, struct ff_span image, struct ff_buf *ret)
{
	const char *version = m->facts ? ff_json_text(m->facts, "env.PYTHON_VERSION") : NULL;
	const char *dot = version && is_version(version) ? strchr(version, '.') : NULL;
	bool own = m->python && ff_starts(m->python, "/usr/local/bin/python");
	struct ff_span release = image;
	if (!dot || !own || !ff_span_starts(image, "debian:"))
		return false;
	release.p += strlen("debian:");
	release.n -= strlen("debian:");
	ff_buf_printf(ret, "python:%.*s-%.*s", (int)(dot - version + 1 + (ptrdiff_t)strcspn(dot + 1, ".")), version,
		(int)release.n, release.p);
	return true;
}

// How each runtime takes an image; the host's own system is not replaced by a command.
static struct ff_error *use_image(const struct ff_fix_machine *m, const char *image, json_t *fix)
{
	static const char *const forms[FF_RUNTIME_COUNT] = {
		[FF_RUNTIME_APPTAINER] = "apptainer pull docker://",
		[FF_RUNTIME_ENROOT] = "enroot import docker://",
		[FF_RUNTIME_SLURM] = "#SBATCH --container-image=",
	};
	_cleanup_buf_ struct ff_buf b = {0};
	if (m->platform == FF_PLATFORM_WINDOWS || m->platform == FF_PLATFORM_MACOS)
		return NULL;
	if (m->runtime == FF_RUNTIME_SHELL || m->platform == FF_PLATFORM_WSL) {
		ff_buf_printf(&b,
			"No command does that on a running system: run the worker in a container of %s, or "
			"install that release.",
			image);
		return b.failed ? &ff_enomem : ff_fix_say_more(fix, b.p);
	}
	ff_buf_printf(&b, "%s%s", forms[m->runtime] ? forms[m->runtime] : "FROM ", image);
	struct ff_error *err = ff_fix_command(fix, &b);
	return err ? err
		   : ff_fix_side_effect(fix,
			     "The image has to be built anew upon that one; what the old one brought "
			     "besides its system has to be installed in it.");
}

static struct ff_error *write_python(const struct ff_fix_machine *m, const char *need, json_t *fix)
{
	_cleanup_buf_ struct ff_buf image = {0};
	ff_buf_printf(&image, "python:%s", need);
	if (image.failed)
		return &ff_enomem;
	struct ff_error *err = ff_fix_python_effect(m, need, fix);
	return err ? err : use_image(m, image.p, fix);
}

static struct ff_error *write_system(const struct ff_fix_machine *m, const char *column, const char *need, json_t *fix)
{
	struct ff_table_row row;
	struct ff_span has = {NULL, 0};
	_cleanup_buf_ struct ff_buf image = {0};
	const char *here =
		m->facts && strcmp(column, "glibc") == 0 ? ff_json_text(m->facts, "system.libc.version") : NULL;
	if (need && here && ff_version_compare(here, need) >= 0)
		return ff_fix_refuse(fix, "glibc is %s already", here);
	if (!find_image(family_of(m->distribution), column, need, &row, &has) &&
		!find_image("any", column, need, &row, &has))
		return ff_fix_refuse(fix, "no release of a distribution is known that has %s", need ? need : "it");
	if (!official_python(m, row.cells[0], &image))
		ff_buf_printf(&image, "%.*s", (int)row.cells[0].n, row.cells[0].p);
	if (image.failed)
		return &ff_enomem;
	struct ff_error *err = use_image(m, image.p, fix);
	if (err || strcmp(column, "glibc") != 0)
		return err;
	_cleanup_free_ char *version = ff_span_dup(has);
	if (!version)
		return &ff_enomem;
	return ff_fix_fact_becomes(m, "system.libc.version", "glibc", version, json_string(version), fix);
}

struct ff_error *ff_fix_image(const struct ff_fix_machine *m, const json_t *intention, json_t *fix)
{
	const char *what = ff_json_text(intention, "image"), *need = ff_json_text(intention, "need");
	bool python = what && strcmp(what, "python") == 0;
	if (ff_fix_engine_has_image(what))
		return ff_fix_engine_image(m, intention, fix);
	if (!what || (!python && strcmp(what, "glibc") != 0 && strcmp(what, "glibcxx") != 0))
		return ff_error_create(FF_EUSAGE,
			"'image' must be glibc, glibcxx, python or an engine of "
			"rules/data/engine_images.tsv");
	struct ff_error *err = ff_fix_kind(fix, "os", NULL);
	if (err || (need && !is_version(need)) || (python && !need))
		return err; // a need that is no version came from a log: the sentence is all there is
	return python ? write_python(m, need, fix) : write_system(m, what, need, fix);
}
