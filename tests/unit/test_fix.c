// What an intention becomes on a machine: the tables in tests/fix. machines.case has the machines; the other files have
// rows:
//
//	== {"install": "einops"}
//	venv: /srv/venv/bin/python -m pip install einops        the command
//	read-only! may not write                                refused, for a reason that holds these words
//	nothing-                                                no command, and not refused
//	wsl, shell: sudo modprobe nvidia                        the same on several machines
//	venv~ {"packages": {"einops": "0.8.2"}}                 what it does to the facts
//	venv= einops: not installed -> 0.8.2                    its first goal; a ? for what the facts do not tell
//	nothing? is not known                                   no goal; these words say what would decide
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "fix/fix.h"

enum { TEXT_MAX = 1 << 20 };

static const char effect_row[] = "(effect)";

static json_t *machines;
static json_t *rows; // {"install": {"venv": true}}: what has a row

static char *text_of(const char *name)
{
	char path[600], *text = calloc(1, TEXT_MAX);
	snprintf(path, sizeof(path), "%s/%s", getenv("FF_FIX_CASES"), name);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(text);
	assert_in_range(fread(text, 1, TEXT_MAX - 1, f), 1, TEXT_MAX - 2);
	return text;
}

static json_t *parsed(const char *name, const char *text, size_t n)
{
	json_t *doc = NULL;
	struct ff_error *err = ff_json_parse(name, text, n, &doc);
	if (err)
		fail_msg("%s: %s", name, err->message);
	return doc;
}

static void read_machines(void)
{
	static const char mark[] = "\n== machine ";
	_cleanup_free_ char *text = text_of("machines.case");
	machines = json_object();
	for (char *at = strstr(text, mark), *next; at; at = next) {
		char *name = at + strlen(mark), *body = strchr(name, '\n');
		assert_non_null(body);
		*body++ = 0;
		next = strstr(body, mark);
		json_object_set_new(machines, name, parsed(name, body, next ? (size_t)(next - body) : strlen(body)));
	}
	assert_true(json_object_size(machines) >= 15);
}

static json_t *fix_of(const char *machine, const json_t *intention)
{
	const json_t *m = json_object_get(machines, machine);
	_cleanup_fix_machine_ struct ff_fix_machine *made = NULL;
	json_t *fix = NULL;
	if (!m)
		fail_msg("no machine %s", machine);
	assert_null(ff_fix_machine_create(json_object_get(m, "facts"), json_object_get(m, "said"), &made));
	struct ff_error *err = ff_fix_write(made, intention, &fix);
	if (err)
		fail_msg("%s: %s", machine, err->message);
	assert_true(ff_fix_kind_ok(ff_json_text(fix, "kind")));
	return fix;
}

// The name of an intention: the first of its fields that is one.
static const char *name_of(const json_t *intention)
{
	const char *key;
	json_t *value;
	json_object_foreach ((json_t *)intention, key, value) {
		if (ff_intention_known(NULL, key))
			return key;
	}
	return "";
}

static void note_row(const json_t *intention, const char *machine)
{
	const char *name = name_of(intention);
	json_t *of = json_object_get(rows, name);
	if (!of)
		json_object_set_new(rows, name, of = json_object());
	json_object_set_new(of, machine, json_true());
}

// Its first goal as a line: "einops: not installed -> 0.8.2".
static bool has_goal(const json_t *fix, const char *want)
{
	const json_t *goal = ff_json_at(fix, "goals.0");
	const char *now = ff_json_text(goal, "now");
	char line[600];
	snprintf(line, sizeof(line), "%s: %s -> %s", ff_json_text(goal, "what"), now ? now : "?",
		ff_json_text(goal, "then"));
	return goal && strcmp(line, want) == 0;
}

static bool has_effect(const char *file, const json_t *fix, const char *want)
{
	_cleanup_json_ json_t *effect = parsed(file, want, strlen(want));
	return json_equal(json_object_get(fix, "effect"), effect);
}

// A goal that decides one cause alone leaves the others open.
static bool has_open(const json_t *fix, const char *open, const char *want)
{
	return open && strstr(open, want) && (!json_object_get(fix, "goals") || ff_json_at(fix, "goals.0.cause"));
}

// What a trial on paper asks of it.
static void check_effect(const char *file, const json_t *intention, const char *machine, char kind, const char *want)
{
	_cleanup_json_ json_t *fix = fix_of(machine, intention);
	const char *open = ff_json_text(fix, "open");
	bool good = kind == '~' ? has_effect(file, fix, want)
		: kind == '='	? has_goal(fix, want)
				: has_open(fix, open, want);
	note_row(intention, effect_row);
	if (!good) {
		_cleanup_free_ char *was = json_dumps(intention, JSON_SORT_KEYS), *got = json_dumps(fix, 0);
		fail_msg("%s: %s on %s\n  want %c %s\n  got  %s", file, was, machine, kind, want, got);
	}
}

static void check_cell(const char *file, const json_t *intention, const char *machine, char kind, const char *want)
{
	_cleanup_json_ json_t *fix = fix_of(machine, intention);
	const char *command = ff_json_text(fix, "command"), *refused = ff_json_text(fix, "refused");
	bool good = kind == '!' ? refused && strstr(refused, want)
		: kind == '-'	? !command && !refused
				: !refused && command && strcmp(command, want) == 0;
	note_row(intention, machine);
	if (!good) {
		_cleanup_free_ char *was = json_dumps(intention, JSON_SORT_KEYS);
		fail_msg("%s: %s on %s\n  want %c %s\n  got  %s%s", file, was, machine, kind, want,
			refused ? "refused: " : "",
			refused		  ? refused
				: command ? command
					  : "no command");
	}
}

// One row: "MACHINES: COMMAND", "MACHINES! REASON", "MACHINES-", or what a trial asks.
static void check_row(const char *file, const json_t *intention, char *line)
{
	size_t n = strcspn(line, ":!~=?");
	char kind = line[n], *save = NULL;
	if (!kind) {
		assert_true(n && line[n - 1] == '-');
		kind = '-';
		n--;
	}
	const char *want = line + n + 1 + (kind != '-' && line[n + 1] == ' ');
	line[n] = 0;
	for (char *one = strtok_r(line, ", ", &save); one; one = strtok_r(NULL, ", ", &save))
		strchr("~=?", kind) ? check_effect(file, intention, one, kind, want)
				    : check_cell(file, intention, one, kind, want);
}

static void check_file(const char *name)
{
	_cleanup_free_ char *text = text_of(name);
	_cleanup_json_ json_t *intention = NULL;
	for (char *line = text, *end; *line; line = end) {
		end = strchr(line, '\n');
		assert_non_null(end);
		*end++ = 0;
		if (ff_starts(line, "== ")) {
			json_decref(intention);
			intention = parsed(name, line + 3, strlen(line + 3));
			if (!json_object_get(intention, "say"))
				json_object_set_new(intention, "say", json_string("Do it."));
		} else if (*line && *line != '#') {
			assert_non_null(intention);
			check_row(name, intention, line);
		}
	}
}

static void every_row(void **state)
{
	(void)state;
	DIR *dir = opendir(getenv("FF_FIX_CASES"));
	size_t files = 0;
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (!ff_ends(entry->d_name, ".case") || strcmp(entry->d_name, "machines.case") == 0)
			continue;
		check_file(entry->d_name);
		files++;
	}
	closedir(dir);
	assert_true(files > 0);
}

// Whoever adds an intention says what it becomes on each of these, and whoever adds one of these says so of each
// intention.
static void every_intention_on_every_machine(void **state)
{
	static const char *const kinds[] = {"nothing", "venv", "uv-venv", "conda", "debian-system",
		"debian-without-pip", "docker-root", "docker-user", "podman", "kubernetes", "runpod", "slurm", "enroot",
		"wsl", "windows", "shell"};
	_cleanup_free_ char *names = strdup(ff_intention_names());
	char *save = NULL;
	(void)state;
	assert_non_null(names);
	for (char *name = strtok_r(names, ", ", &save); name; name = strtok_r(NULL, ", ", &save)) {
		assert_true(ff_intention_known(NULL, name));
		for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
			if (!json_object_get(json_object_get(rows, name), kinds[i]))
				fail_msg("no row says what '%s' becomes on %s", name, kinds[i]);
	}
}

// None is without an effect, or what would decide in place of one.
static void every_intention_has_an_effect(void **state)
{
	_cleanup_free_ char *names = strdup(ff_intention_names());
	char *save = NULL;
	(void)state;
	assert_non_null(names);
	for (char *name = strtok_r(names, ", ", &save); name; name = strtok_r(NULL, ", ", &save))
		if (!json_object_get(json_object_get(rows, name), effect_row))
			fail_msg("no row says what '%s' does to the facts, or what would decide", name);
}

// A name that nobody is known to own never stands in a command, whatever a log calls it.
static void hostile_names(void **state)
{
	static const char *const names[] = {
		"nvidia-cudnn-cu10; rm -rf /", "$(id)", "libnccl-net", "--index-url=evil", "a b"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		_cleanup_json_ json_t *intention = json_pack("{s:s, s:s}", "install", names[i], "say", "Do it.");
		_cleanup_fix_machine_ struct ff_fix_machine *m = NULL;
		_cleanup_json_ json_t *fix = NULL;
		assert_null(ff_fix_machine_create(NULL, NULL, &m));
		_cleanup_error_ struct ff_error *err = ff_fix_write(m, intention, &fix);
		assert_true(err || !ff_json_text(fix, "command"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row),
		cmocka_unit_test(every_intention_on_every_machine), cmocka_unit_test(every_intention_has_an_effect),
		cmocka_unit_test(hostile_names)};
	read_machines();
	rows = json_object();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(rows);
	json_decref(machines);
	return failed;
}
