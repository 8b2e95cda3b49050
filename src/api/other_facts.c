// Facts to use where those of this machine contradict the log: the interpreter that the log's own paths name, if it is
// here; then the start-up reports that `firstfix run` stored, newest first.
//
//	STATE/reports/RUN.json      a firstfix.facts/1 document, made when a worker started
#include "api/api.h"
#include "base/io.h"
#include "base/statedir.h"
#include "base/str.h"
#include "diagnose/diagnose.h"
#include "host/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REPORTS_MAX = 24, REPORT_MAX = 64 << 20, COLLECT_MS = 3000, LOOK_MS = 1000, SHORT_ID = 12 };

struct report {
	char *name;
	time_t made;
};

static int newest_first(const void *a, const void *b)
{
	const struct report *x = a, *y = b;
	return x->made != y->made ? (x->made < y->made ? 1 : -1) : strcmp(x->name, y->name);
}

static size_t list_reports(const char *folder, struct report reports[REPORTS_MAX])
{
	DIR *dir = opendir(folder);
	size_t n = 0;
	for (const struct dirent *e; dir && n < REPORTS_MAX && (e = readdir(dir));) {
		struct stat st;
		if (!ff_ends(e->d_name, ".json") || fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode) || st.st_uid != geteuid()) // what is not ours is not believed
			continue;
		char *name = strdup(e->d_name);
		if (name)
			reports[n++] = (struct report){name, st.st_mtime};
	}
	if (dir)
		closedir(dir);
	qsort(reports, n, sizeof(*reports), newest_first);
	return n;
}

static json_t *read_report(const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_buf_ struct ff_buf text = {0};
	json_t *doc = NULL;
	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return NULL;
	}
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct ff_error *err = fd < 0 ? ff_error_os(errno, "%s", path) : ff_read_all(fd, path, REPORT_MAX, &text);
	if (!err)
		err = ff_json_parse(path, text.p ? text.p : "", text.n, &doc);
	ff_error_destroy(err); // one that cannot be read is passed over
	return doc;
}

// "0199...json": the run's id, its container's, or a word of the command line that it ran.
static bool is_of(const json_t *report, const char *name, const char *worker)
{
	size_t i, n = worker ? strlen(worker) : 0;
	json_t *word;
	const char *container = ff_json_text(report, "system.container.id");
	if (!worker || strncmp(name, worker, n) == 0 || (container && n >= SHORT_ID && ff_starts(container, worker)))
		return true;
	json_array_foreach (ff_json_at(report, "process.cmdline"), i, word) {
		const char *text = json_string_value(word);
		if (text && strstr(text, worker))
			return true;
	}
	return false;
}

static void take_report(const char *worker, unsigned index, json_t **ret_facts, char **ret_what)
{
	struct report reports[REPORTS_MAX];
	_cleanup_free_ char *state = NULL, *folder = NULL;
	_cleanup_error_ struct ff_error *none = ff_statedir_path(NULL, &state);
	if (none || asprintf(&folder, "%s/reports", state) < 0)
		return;
	size_t n = list_reports(folder, reports);
	if (index < n) {
		json_t *doc = read_report(folder, reports[index].name);
		if (doc && is_of(doc, reports[index].name, worker))
			*ret_facts = json_incref(doc);
		json_decref(doc);
		int made = asprintf(ret_what, "start-up report of %.*s",
			(int)(strlen(reports[index].name) - strlen(".json")), reports[index].name);
		if (made < 0)
			*ret_what = NULL;
	}
	for (size_t i = 0; i < n; i++)
		free(reports[i].name);
}

static struct ff_error *collect_for(const json_t *said, json_t **ret_facts, char **ret_what)
{
	const char *prefix = ff_json_text(said, "python.prefix");
	_cleanup_free_ char *python = NULL;
	struct ff_facts *facts = NULL;
	if (asprintf(&python, "%s/bin/python3", prefix ? prefix : "") < 0) {
		python = NULL;
		return &ff_enomem;
	}
	*ret_what = strdup("this machine");
	if (!prefix || prefix[0] != '/' || access(python, F_OK) != 0)
		return NULL;
	_cleanup_error_ struct ff_error *failed = ff_collect(
		&(struct ff_collect_options){.python = python, .trigger = "report", .deadline_ms = COLLECT_MS}, &facts);
	if (!failed)
		*ret_facts = json_incref((json_t *)ff_facts_document(facts));
	ff_facts_free(facts);
	return NULL;
}

struct look {
	const json_t *files;
	bool missing;
};

// In the helper: it may hang on a dead network mount.
static void look_for(struct ff_helper_out *out, void *arg)
{
	const struct look *look = arg;
	size_t i;
	json_t *file;
	json_array_foreach (look->files, i, file) {
		struct stat st;
		const char *path = json_string_value(file);
		if (!path || stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
			return;
	}
	ff_helper_send(out, json_pack("{s:b}", "missing", true));
}

static void note_missing(json_t *document, void *arg)
{
	struct look *look = arg;
	look->missing = json_is_true(json_object_get(document, "missing"));
}

static bool are_missing(const json_t *files)
{
	struct look look = {.files = files};
	struct ff_helper helper = {.name = "files", .work = look_for, .receive = note_missing, .arg = &look};
	ff_helpers_run(&helper, 1, LOOK_MS);
	ff_error_destroy(helper.err);
	return look.missing;
}

const struct ff_here *ff_here(void)
{
	static _Thread_local char name[HOST_NAME_MAX + 1];
	static _Thread_local struct ff_here here = {.are_missing = are_missing};
	here.host = gethostname(name, sizeof(name)) == 0 ? name : NULL;
	name[sizeof(name) - 1] = '\0';
	return &here;
}

struct ff_error *ff_other_facts(
	const json_t *said, unsigned index, const char *worker, json_t **ret_facts, char **ret_what)
{
	if (worker) // whoever names one does not mean this machine
		return ff_other_reports(said, index, worker, ret_facts, ret_what);
	if (index == 0)
		return collect_for(said, ret_facts, ret_what);
	take_report(worker, index - 1, ret_facts, ret_what);
	return NULL;
}

struct ff_error *ff_other_reports(
	const json_t *said, unsigned index, const char *worker, json_t **ret_facts, char **ret_what)
{
	(void)said;
	take_report(worker, index, ret_facts, ret_what);
	return NULL;
}
