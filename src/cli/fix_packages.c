// Runs pip or uv. The resolver that will do the work is the one that is asked what it would do.
//
//	$ PYTHON -m pip install 'numpy<2' --dry-run --quiet --report FILE     {"install": [{"metadata": {"name": "numpy", "version": "1.26.4"}}]}
//	$ uv pip install --python PYTHON 'numpy<2' --dry-run                   - numpy==2.1.3
//	                                                                       + numpy==1.26.4
#include "cli/fix_packages.h"

#include "base/io.h"
#include "cli/fix_variables.h"
#include "cli/interrupt.h"
#include "host/command.h"
#include "parse/requirement.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { REPORT_MAX = 64 << 20, EXTRA_WORDS = 5, SAID_MAX = 400 };

static const char *version_here(const json_t *packages, struct ff_span name)
{
	const char *key;
	json_t *entry;
	json_object_foreach ((json_t *)packages, key, entry) {
		if (ff_package_name_equal(ff_span_of(key), name))
			return ff_json_text(entry, "version");
	}
	return NULL;
}

static struct ff_error *note(const json_t *packages, struct ff_span name, struct ff_span version, json_t *ret)
{
	const char *have = version_here(packages, name);
	_cleanup_free_ char *key = ff_span_dup(name);
	json_t *change = json_pack(
		"{s:s?, s:o}", "from", have, "to", version.n ? json_stringn(version.p, version.n) : json_null());
	return key && change && json_object_set_new(ret, key, change) == 0 ? NULL : &ff_enomem;
}

// The line that says what is wrong, else the last one.
static struct ff_span telling_line(const struct ff_buf *output)
{
	struct ff_span rest = {output->p, output->n}, line;
	while (rest.n && ff_span_next(&rest, '\n', &line)) {
		line = ff_span_trim(line);
		if (ff_span_starts(line, "ERROR:") || ff_span_starts(line, "error:"))
			return line;
	}
	return ff_span_last_line((struct ff_span){output->p, output->n});
}

// What stands in the output of pip or uv where no index answers; their own last words ("from versions: none") hide it.
static const char *unreachable(const struct ff_buf *output)
{
	static const char *const reasons[] = {"Temporary failure in name resolution", "Name or service not known",
		"Network is unreachable", "No route to host", "Connection refused", "Connection reset by peer",
		"Cannot connect to proxy", "Tunnel connection failed", "CERTIFICATE_VERIFY_FAILED",
		"certificate verify failed", "invalid peer certificate", "dns error", "Read timed out",
		"operation timed out"};
	for (size_t i = 0; output->n && i < sizeof(reasons) / sizeof(*reasons); i++)
		if (memmem(output->p, output->n, reasons[i], strlen(reasons[i])))
			return reasons[i];
	return NULL;
}

static struct ff_error *run_until(
	char *const argv[], unsigned deadline_ms, const volatile int *stop, struct ff_command_result *ret)
{
	struct ff_error *err = ff_command_run_until(argv, deadline_ms, stop, ret);
	if (err || ret->exit_code == 0)
		return err;
	const char *program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	struct ff_span said = telling_line(&ret->output);
	if (!said.n)
		said = FF_SPAN("it failed without a word");
	const char *reason = unreachable(&ret->output);
	bool old = memmem(said.p, said.n, "no such option: --dry-run", strlen("no such option: --dry-run"));
	if (ret->timed_out)
		err = ff_error_create(FF_ETIMEOUT, "%s: no answer within %u s", program, deadline_ms / 1000);
	else if (reason)
		err = ff_error_create(
			FF_EABSENT, "%s: the index of packages cannot be reached from here (%s)", program, reason);
	else
		err = ff_error_create(old ? FF_EUNSUPPORTED : FF_EFORMAT, "%s: %.*s", program,
			(int)(said.n < SAID_MAX ? said.n : SAID_MAX), said.p);
	ff_buf_deinit(&ret->output);
	return err;
}

static struct ff_error *run(char *const argv[], unsigned deadline_ms, struct ff_command_result *ret)
{
	return run_until(argv, deadline_ms, &ff_interrupted, ret);
}

struct step {
	char **words; // of the plan, borrowed
	char *argv[FF_PLAN_WORDS_MAX + EXTRA_WORDS + 4];
	char *path;
	bool uv, install, uninstall, ensurepip;
};

static void step_deinit(struct step *s)
{
	free(s->path);
}

static struct ff_error *step_of(char **words, const struct ff_fix_plan *plan, const char *python, struct step *ret)
{
	struct step s = {.words = words, .uv = strcmp(words[0], "uv") == 0};
	for (size_t i = 0, n = 0; words[i]; i++) {
		bool own = strcmp(words[i], plan->python) == 0;
		s.install |= strcmp(words[i], "install") == 0;
		s.uninstall |= strcmp(words[i], "uninstall") == 0;
		s.ensurepip |= strcmp(words[i], "ensurepip") == 0;
		if (!python || strcmp(words[i], "--user") != 0) // a copy has no user's folder: that is the real one
			s.argv[n++] = own && python ? (char *)python : words[i];
	}
	s.path = ff_command_find(s.argv[0]);
	if (!s.path)
		return ff_error_create(FF_EABSENT, "%s is not on PATH", s.argv[0]);
	s.argv[0] = s.path;
	*ret = s;
	return NULL;
}

static struct ff_error *read_pip_report(int fd, const json_t *packages, json_t *ret)
{
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_json_ json_t *report = NULL;
	struct ff_error *err = lseek(fd, 0, SEEK_SET) < 0 ? ff_error_os(errno, "pip's report")
							  : ff_read_all(fd, "pip's report", REPORT_MAX, &text);
	if (!err)
		err = ff_json_parse("pip's report", text.p ? text.p : "", text.n, &report);
	size_t i;
	json_t *item;
	json_array_foreach (json_object_get(report, "install"), i, item) {
		const char *name = ff_json_text(item, "metadata.name"),
			   *version = ff_json_text(item, "metadata.version");
		if (!err && name && version)
			err = note(packages, ff_span_of(name), ff_span_of(version), ret);
	}
	return err;
}

// Before ensurepip has run there is the pip that it would unpack: Debian and Fedora keep it in a folder of their own.
static void use_bundled_pip(struct step *s)
{
	static const char code[] = "import ensurepip, glob, os, runpy, sys, sysconfig; "
				   "here = [os.path.join(os.path.dirname(ensurepip.__file__), '_bundled'), "
				   "sysconfig.get_config_var('WHEEL_PKG_DIR') or '/usr/share/python-wheels']; "
				   "sys.path[:0] = [p for d in here for p in glob.glob(os.path.join(d, 'pip-*.whl'))]; "
				   "sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__')";
	for (size_t i = 0; s->argv[i] && s->argv[i + 1]; i++) {
		if (strcmp(s->argv[i], "-m") != 0 || strcmp(s->argv[i + 1], "pip") != 0)
			continue;
		s->argv[i] = (char *)"-c";
		s->argv[i + 1] = (char *)code;
		return;
	}
}

static struct ff_error *ask_pip(struct step *s, const json_t *packages, unsigned deadline_ms, json_t *ret)
{
	_cleanup_close_ int fd = memfd_create("firstfix-report", 0);
	char report[64];
	size_t n = 0;
	if (fd < 0)
		return ff_error_os(errno, "memfd");
	snprintf(report, sizeof(report), "/proc/%d/fd/%d", (int)getpid(), fd);
	while (s->argv[n])
		n++;
	const char *const more[] = {"--dry-run", "--quiet", "--report", report};
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
		s->argv[n++] = (char *)more[i];
	struct ff_command_result r = {0};
	struct ff_error *err = run(s->argv, deadline_ms, &r);
	if (err)
		return err;
	ff_buf_deinit(&r.output);
	return read_pip_report(fd, packages, ret);
}

static struct ff_error *ask_uv(struct step *s, const json_t *packages, unsigned deadline_ms, json_t *ret)
{
	size_t n = 0;
	while (s->argv[n])
		n++;
	s->argv[n] = (char *)"--dry-run";
	struct ff_command_result r = {0};
	struct ff_error *err = run(s->argv, deadline_ms, &r);
	if (err)
		return err;
	struct ff_span rest = {r.output.p, r.output.n}, line;
	while (!err && rest.n && ff_span_next(&rest, '\n', &line)) {
		line = ff_span_trim(line);
		bool comes = line.n > 4 && (line.p[0] == '+' || line.p[0] == '~'); // '~': the same one again
		char *eq = comes ? memmem(line.p, line.n, "==", 2) : NULL;
		if (eq)
			err = note(packages, ff_span_trim((struct ff_span){line.p + 1, (size_t)(eq - line.p) - 1}),
				(struct ff_span){eq + 2, line.n - (size_t)(eq + 2 - line.p)}, ret);
	}
	ff_buf_deinit(&r.output);
	return err;
}

// The packages that a removal names are gone after it.
static struct ff_error *note_removed(const struct step *s, const json_t *packages, json_t *ret)
{
	bool behind = false;
	struct ff_error *err = NULL;
	for (size_t i = 0; s->words[i] && !err; i++) {
		const char *word = s->words[i];
		if (behind && word[0] != '-' && version_here(packages, ff_span_of(word)))
			err = note(packages, ff_span_of(word), (struct ff_span){0}, ret);
		behind |= strcmp(word, "uninstall") == 0;
	}
	return err;
}

struct ff_error *ff_fix_resolve(
	const struct ff_fix_plan *plan, const json_t *packages, unsigned deadline_ms, json_t **ret)
{
	_cleanup_json_ json_t *changes = json_object(), *old = ff_fix_variables_put(plan->fix);
	struct ff_error *err = changes && old ? NULL : &ff_enomem;
	bool bundled = false;
	for (size_t i = 0; i < plan->n_steps && !err; i++) {
		struct step s = {NULL};
		err = step_of(plan->steps[i], plan, NULL, &s);
		if (err)
			break;
		bundled |= s.ensurepip;
		if (bundled && s.install)
			use_bundled_pip(&s);
		if (s.uninstall)
			err = note_removed(&s, packages, changes);
		else if (s.install)
			err = s.uv ? ask_uv(&s, packages, deadline_ms, changes)
				   : ask_pip(&s, packages, deadline_ms, changes);
		step_deinit(&s);
	}
	ff_fix_variables_put_back(old);
	if (!err)
		*ret = json_incref(changes);
	return err;
}

struct ff_error *ff_fix_packages_change(const struct ff_fix_plan *plan, const char *python, unsigned deadline_ms)
{
	_cleanup_json_ json_t *old = ff_fix_variables_put(plan->fix);
	struct ff_error *err = old ? NULL : &ff_enomem;
	for (size_t i = 0; i < plan->n_steps && !err; i++) {
		struct step s = {NULL};
		struct ff_command_result r = {0};
		err = step_of(plan->steps[i], plan, python, &s);
		if (err)
			break;
		err = run(s.argv, deadline_ms, &r);
		ff_buf_deinit(&r.output);
		step_deinit(&s);
	}
	ff_fix_variables_put_back(old);
	return err;
}

// ---- the way back ----

// The words before the packages: this environment's own installer.
static size_t installer(const char *python, bool uv, const char *verb, char **argv)
{
	const char *const pip[] = {python, "-m", "pip", verb},
			  *const with_uv[] = {"uv", "pip", verb, "--python", python};
	size_t n = uv ? 5 : 4;
	for (size_t i = 0; i < n; i++)
		argv[i] = (char *)(uv ? with_uv[i] : pip[i]);
	return n;
}

static struct ff_error *run_program(char **argv, unsigned deadline_ms)
{
	_cleanup_free_ char *path = ff_command_find(argv[0]);
	struct ff_command_result r = {0};
	if (!path)
		return ff_error_create(FF_EABSENT, "%s is not on PATH", argv[0]);
	static const volatile int never; // what is being undone is undone whole
	argv[0] = path;
	struct ff_error *err = run_until(argv, deadline_ms, &never, &r);
	ff_buf_deinit(&r.output);
	return err;
}

static struct ff_error *install_back(const char *python, bool uv, const json_t *changes, unsigned deadline_ms)
{
	char **argv = calloc(json_object_size(changes) + 8, sizeof(*argv));
	if (!argv)
		return &ff_enomem;
	size_t first = installer(python, uv, "install", argv), n = first;
	argv[n++] = (char *)"--no-deps";
	first = n;
	const char *name;
	json_t *change;
	struct ff_error *err = NULL;
	json_object_foreach ((json_t *)changes, name, change) {
		const char *old = ff_json_text(change, "from");
		if (err || !old)
			continue;
		if (asprintf(&argv[n], "%s==%s", name, old) < 0)
			err = &ff_enomem;
		else
			n++;
	}
	if (!err && n > first)
		err = run_program(argv, deadline_ms);
	for (size_t i = first; i < n; i++)
		free(argv[i]);
	free(argv);
	return err;
}

static struct ff_error *remove_new(const char *python, bool uv, const json_t *changes, unsigned deadline_ms)
{
	const char *name;
	json_t *change;
	struct ff_error *err = NULL;
	json_object_foreach ((json_t *)changes, name, change) {
		if (err || ff_json_text(change, "from"))
			continue;
		char *argv[9] = {NULL};
		size_t n = installer(python, uv, "uninstall", argv);
		if (!uv)
			argv[n++] = (char *)"-y";
		argv[n] = (char *)name;
		err = run_program(argv, deadline_ms);
	}
	return err;
}

struct ff_error *ff_fix_packages_restore(const char *python, bool uv, const json_t *changes, unsigned deadline_ms)
{
	struct ff_error *err = install_back(python, uv, changes, deadline_ms);
	return err ? err : remove_new(python, uv, changes, deadline_ms);
}
