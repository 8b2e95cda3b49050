// Options of `firstfix run`, as cli/cmd_run.c hands them over. options.def is the one list; values are judged here
// alone.
//
//	firstfix-supervise --tool=/usr/bin/firstfix --recover=env --check -- python handler.py --port 80
//	firstfix run: --recover wants off|env|restart, not 'yes'
//
// The environment of a container image may hold a value of another version: that is said and passed over, never fatal.
#include "supervise/options.h"

#include "base/nearest.h"
#include "supervise/say.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { FLAG, COUNT, SECONDS, KIBIBYTES, MEBIBYTES, CHOICE, TEXT, N_KINDS };

struct option_row {
	const char *name;
	enum kind kind;
	size_t offset;
	int preset;
	const char *argument;
};

static const struct option_row rows[] = {
#define OPTION(name, kind, member, preset, argument, help) \
	{name, kind, offsetof(struct options, member), preset, argument},
#include "supervise/options.def"
#undef OPTION
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct {
	long least, most;
	const char *wants;
} ranges[N_KINDS] = {
	[FLAG] = {0, 1, "0 or 1"},
	[COUNT] = {1, 1000, "a number from 1 to 1000"},
	[SECONDS] = {0, 1000000, "seconds from 0 to 1000000"},
	[KIBIBYTES] = {4, 65536, "KiB from 4 to 65536"},
	[MEBIBYTES] = {16, 1048576, "MiB from 16 to 1048576"},
};

// FIRSTFIX_<NAME> beside those of options.def. Nobody who misspells a name meant one that we set ourselves.
static const struct {
	const char *name;
	bool ours;
} others[] = {{"DIR", false}, {"DISABLE", false}, {"GPU_READS", false}, {"HOOKS", false}, {"LOG", false},
	{"LOG_FILE", false}, {"IDLE_AFTER", false}, {"INSECURE", false}, {"MAX_IN_FLIGHT", false},
	{"READY_AFTER", false}, {"REQUEST_MAX", false}, {"STALL_AFTER", false}, {"TOKEN", false}, {"TOKEN_FILE", false},
	{"AGENT_AGAIN", true}, {"PROGRAM", false}, {"RULES", false}, {"TOOL", false}, {"WORKER", false},
	{"ATTEMPT", true}, {"COMMAND_KEY", true}, {"RECOVERED", true}, {"RUN_ID", true}, {"NVML", true}, {"CUDA", true},
	{"FAKE", true}};

enum { N_OTHERS = sizeof(others) / sizeof(others[0]), VARIABLE_MAX = 64 };

static const char prefix[] = "FIRSTFIX_";

static int *member_of(struct options *o, const struct option_row *row)
{
	return (int *)((char *)o + row->offset);
}

static void set_text(struct options *o, const struct option_row *row, const char *text)
{
	*(const char **)((char *)o + row->offset) = text;
}

static const struct option_row *row_of(const char *name, size_t n)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (strlen(rows[i].name) == n && !strncmp(rows[i].name, name, n))
			return &rows[i];
	return NULL;
}

static int choice_of(const char *choices, const char *word)
{
	for (int i = 0; choices; i++) {
		size_t n = strcspn(choices, "|");
		if (strlen(word) == n && !strncmp(choices, word, n))
			return i;
		choices = choices[n] ? choices + n + 1 : NULL;
	}
	return -EINVAL;
}

static int value_of(const struct option_row *row, const char *text)
{
	if (row->kind == CHOICE)
		return choice_of(row->argument, text);
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	bool sane = isdigit((unsigned char)*text) && !*end && !errno;
	return sane && value >= ranges[row->kind].least && value <= ranges[row->kind].most ? (int)value : -EINVAL;
}

static const char *wants(const struct option_row *row)
{
	return row->kind == CHOICE ? row->argument : ranges[row->kind].wants;
}

const char *options_word(const char *name, int value)
{
	static char word[16];
	const char *at = row_of(name, strlen(name))->argument;
	while (value-- > 0)
		at += strcspn(at, "|") + 1;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, "|"), at);
	return word;
}

// "hang-after" -> "FIRSTFIX_HANG_AFTER"
static void variable_of(const char *option, char ret[VARIABLE_MAX])
{
	snprintf(ret, VARIABLE_MAX, "%s%s", prefix, option);
	for (char *c = ret; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

// The setting that somebody meant by FIRSTFIX_<WORD>; false when it is one, or like none.
static bool is_misspelt(struct ff_span word, char ret[VARIABLE_MAX])
{
	static char names[N_ROWS][VARIABLE_MAX];
	char upper[VARIABLE_MAX];
	snprintf(upper, sizeof(upper), "%.*s", (int)(word.n < VARIABLE_MAX ? word.n : VARIABLE_MAX), word.p);
	for (char *c = upper; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	struct ff_nearest near = {.wrong = ff_span_of(upper)};
	for (size_t i = 0; i < N_ROWS; i++) {
		variable_of(rows[i].name, names[i]);
		if (ff_span_eq(word, names[i] + strlen(prefix)))
			return false;
		ff_nearest_try(&near, names[i] + strlen(prefix));
	}
	for (size_t i = 0; i < N_OTHERS; i++) {
		if (ff_span_eq(word, others[i].name))
			return false;
		if (!others[i].ours)
			ff_nearest_try(&near, others[i].name);
	}
	if (near.best)
		snprintf(ret, VARIABLE_MAX, "%s%s", prefix, near.best);
	return near.best;
}

// FIRSTFIX_PORT=tcp://10.0.0.7:80 is what Kubernetes sets for a service of the name "firstfix".
static void say_misspelt(void)
{
	char meant[VARIABLE_MAX];
	for (char **e = environ; e && *e; e++) {
		struct ff_span name = {*e, strcspn(*e, "=")};
		struct ff_span word = {name.p + strlen(prefix), name.n - strlen(prefix)};
		if (ff_span_starts(name, prefix) && !strstr(*e, "://") && is_misspelt(word, meant))
			say("%.*s is no setting: %s?", (int)name.n, name.p, meant);
	}
}

// What others judge for themselves, silently: the Python package, the programs of a step.
static void say_wrong_values(void)
{
	static const struct {
		const char *name, *choices;
	} known[] = {{"FIRSTFIX_LOG", "text|json|off"}, {"FIRSTFIX_GPU_READS", "0|1"}};
	char lower[16];
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const char *text = getenv(known[i].name);
		struct ff_span word = ff_span_trim(ff_span_of(text));
		snprintf(lower, sizeof(lower), "%.*s", (int)(word.n < sizeof(lower) ? word.n : sizeof(lower)), word.p);
		for (char *c = lower; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (word.n && choice_of(known[i].choices, lower) < 0)
			say("%s wants %s, not '%s'; ignored", known[i].name, known[i].choices, text);
	}
}

static void set_presets(struct options *o)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].kind != TEXT)
			*member_of(o, &rows[i]) = rows[i].preset;
		char name[VARIABLE_MAX];
		variable_of(rows[i].name, name);
		const char *text = getenv(name);
		if (!text || !*text)
			continue;
		if (rows[i].kind == TEXT) {
			set_text(o, &rows[i], text);
			continue;
		}
		int value = value_of(&rows[i], text);
		if (value < 0)
			say("%s wants %s, not '%s'; ignored", name, wants(&rows[i]), text);
		else
			*member_of(o, &rows[i]) = value;
	}
}

static int take_option(struct options *o, const char *word)
{
	size_t n = strcspn(word, "=");
	const char *text = word[n] ? word + n + 1 : "1";
	if (n == 4 && !strncmp(word, "tool", n)) {
		o->tool = text;
		return 0;
	}
	const struct option_row *row = row_of(word, n);
	if (!row) {
		say_plain("firstfix run: no option --%.*s (see 'firstfix run --help')", (int)n, word);
		return -EINVAL;
	}
	if (row->kind == TEXT) {
		set_text(o, row, text);
		return 0;
	}
	int value = value_of(row, text);
	if (value < 0) {
		say_plain("firstfix run: --%s wants %s, not '%s'", row->name, wants(row), text);
		return -EINVAL;
	}
	*member_of(o, row) = value;
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret)
{
	struct options o = {0};
	int i = 1, error = 0;
	set_presets(&o);
	say_misspelt();
	say_wrong_values();
	for (; i < argc && strcmp(argv[i], "--") != 0 && !error; i++)
		error = strncmp(argv[i], "--", 2) != 0 ? -EINVAL : take_option(&o, argv[i] + 2);
	const char *tool = getenv("FIRSTFIX_TOOL");
	if (tool && *tool)
		o.tool = tool;
	if (!error && (i >= argc - 1 || !o.tool)) {
		say_plain("firstfix-supervise is started by 'firstfix run [OPTIONS] -- COMMAND [ARGUMENT...]'");
		error = -EINVAL;
	}
	if (error)
		return error;
	o.argv = argv + i + 1;
	*ret = o;
	return 0;
}
