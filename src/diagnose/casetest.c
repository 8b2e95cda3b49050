// Cases of rules: a log (or only facts), and the cause and first fix that must come out. The same files and format as
// tests/test_rule_cases.py reads for the built-in rules.
//
//	== log a name
//	RuntimeError: ...
//	== facts
//	{"driver": {"version": "470.82.01"}}
//	== expect
//	{"cause": "torch.driver-too-old", "fix": "driver"}
#include "diagnose/casetest.h"

#include "base/io.h"
#include "diagnose/diagnose.h"
#include "diagnose/matcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>

enum { CASE_FILE_MAX = 4 << 20 };

struct one_case {
	const char *file;
	struct ff_span name, log, facts, expect;
	bool check; // no log: the facts alone
	unsigned line;
};

// All cases are asked of the same rules: to compile the patterns of a large folder takes seconds.
struct test {
	struct ff_rules *rules;
	struct ff_matcher *matcher;
	json_t *list; // what came out
};

static struct ff_error *diagnose_case(const struct test *t, const struct one_case *c, json_t **ret)
{
	_cleanup_json_ json_t *facts = NULL;
	_cleanup_close_ int fd = -1;
	struct ff_error *err = c->facts.n ? ff_json_parse(c->file, c->facts.p, c->facts.n, &facts) : NULL;
	if (!err && !c->check) {
		fd = memfd_create("firstfix-case", MFD_CLOEXEC);
		err = fd < 0 ? ff_error_os(errno, "memfd") : ff_write_all(fd, c->file, c->log.p, c->log.n);
		if (!err)
			lseek(fd, 0, SEEK_SET);
	}
	return err ? err
		   : ff_diagnose_with(
			     &(struct ff_diagnose_options){
				     .facts = facts, .log_fd = fd, .log_name = c->file, .checks = c->check},
			     t->rules, t->matcher, ret);
}

// NULL when it came out as expected.
static char *mismatch(const json_t *want, const json_t *got)
{
	const char *cause = ff_json_text(want, "cause"), *found = ff_json_text(got, "diagnoses.0.cause");
	const char *fix = ff_json_text(want, "fix"), *kind = ff_json_text(got, "diagnoses.0.fixes.0.kind");
	const char *why = ff_json_text(want, "why"), *said = ff_json_text(got, "diagnoses.0.why");
	const json_t *least = json_object_get(want, "confidence_min"), *most = json_object_get(want, "confidence_max");
	double confidence = json_number_value(ff_json_at(got, "diagnoses.0.confidence"));
	char *text = NULL;
	int n = 0;
	if (cause && strcmp(cause, found ? found : "none") != 0)
		n = asprintf(&text, "cause is %s, not %s", found ? found : "none", cause);
	else if (fix && (!kind || strcmp(fix, kind) != 0))
		n = asprintf(&text, "the first fix is %s, not %s", kind ? kind : "none", fix);
	else if (why && (!said || !strstr(said, why)))
		n = asprintf(&text, "'%s' does not stand in: %s", why, said ? said : "");
	else if ((least && confidence < json_number_value(least)) || (most && confidence > json_number_value(most)))
		n = asprintf(&text, "confidence is %.2f", confidence);
	return n < 0 ? NULL : text;
}

static struct ff_error *run_case(const struct test *t, const struct one_case *c)
{
	_cleanup_json_ json_t *want = NULL, *got = NULL;
	if (!c->expect.n)
		return ff_error_create(FF_EUSAGE, "%s:%u: this case has no '== expect'", c->file, c->line);
	struct ff_error *err = ff_json_parse(c->file, c->expect.p, c->expect.n, &want);
	if (!err)
		err = diagnose_case(t, c, &got);
	if (err)
		return err;
	_cleanup_free_ char *why = mismatch(want, got);
	json_t *entry = json_pack("{s:s, s:o, s:b, s:s*}", "file", c->file, "name",
		ff_json_string(c->name.n ? c->name.p : "", c->name.n), "ok", (int)!why, "why", why);
	return json_array_append_new(t->list, entry) < 0 ? &ff_enomem : NULL;
}

// Where the body of the section that was just opened goes; NULL for a section of no such name.
static struct ff_span *section(struct one_case *c, struct ff_span head)
{
	struct ff_span word;
	ff_span_next(&head, ' ', &word);
	bool log = ff_span_eq(word, "log"), check = ff_span_eq(word, "check");
	if (!log && !check)
		return ff_span_eq(word, "facts") ? &c->facts : ff_span_eq(word, "expect") ? &c->expect : NULL;
	*c = (struct one_case){.file = c->file, .name = head, .check = check, .line = c->line};
	return &c->log;
}

static struct ff_error *run_file(const struct test *t, const char *path, struct ff_span text)
{
	struct one_case c = {.file = path};
	struct ff_span line, *body = NULL;
	bool open = false;
	unsigned number = 0;
	struct ff_error *err = NULL;
	while (!err && text.n && ff_span_next(&text, '\n', &line)) {
		number++;
		if (!ff_span_starts(line, "== ")) {
			if (body && !body->p)
				body->p = line.p;
			if (body)
				body->n = (size_t)(line.p + line.n - body->p) + (text.n > 0);
			continue;
		}
		struct ff_span head = {line.p + 3, line.n - 3};
		bool begins = ff_span_starts(head, "log ") || ff_span_starts(head, "check ");
		if (begins && open)
			err = run_case(t, &c);
		if (begins)
			c.line = number;
		open |= begins;
		body = section(&c, head);
		if (!body && !err)
			err = ff_error_create(FF_EUSAGE, "%s:%u: no section '%.*s'", path, number, (int)head.n, head.p);
	}
	return err || !open ? err : run_case(t, &c);
}

static int is_case(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && ff_ends(entry->d_name, ".case");
}

static struct ff_error *run_path(const struct test *t, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_buf_ struct ff_buf text = {0};
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	struct ff_error *err = ff_read_all(fd, path, CASE_FILE_MAX, &text);
	return err ? err : run_file(t, path, (struct ff_span){text.p ? text.p : "", text.n});
}

static struct ff_error *run_folder(const struct test *t, const char *folder)
{
	struct dirent **entries = NULL;
	struct ff_error *err = NULL;
	int n = scandir(folder, &entries, is_case, alphasort);
	for (int i = 0; i < n; i++) {
		_cleanup_buf_ struct ff_buf path = {0};
		ff_buf_printf(&path, "%s/%s", folder, entries[i]->d_name);
		if (!err)
			err = path.failed ? &ff_enomem : run_path(t, path.p);
		free(entries[i]);
	}
	free(entries);
	return err;
}

static struct ff_error *run_all(const struct test *t, const char *dir)
{
	_cleanup_buf_ struct ff_buf cases = {0};
	ff_buf_printf(&cases, "%s/cases", dir);
	struct ff_error *err = t->list && !cases.failed ? run_folder(t, dir) : &ff_enomem;
	if (!err)
		err = run_folder(t, cases.p);
	if (!err && !json_array_size(t->list))
		err = ff_error_create(FF_EUSAGE, "%s: there is no *.case in it", dir);
	return err;
}

struct ff_error *ff_rules_test(const char *dir, json_t **ret)
{
	struct test t = {.list = json_array()};
	struct ff_error *err = ff_rules_load(dir, true, &t.rules);
	if (!err)
		err = ff_matcher_create(t.rules, &t.matcher);
	if (!err)
		err = run_all(&t, dir);
	if (!err)
		*ret = ff_take(&t.list);
	ff_matcher_destroy(t.matcher);
	ff_rules_destroy(t.rules);
	json_decref(t.list);
	return err;
}
