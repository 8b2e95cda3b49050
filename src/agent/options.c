// Options of the agent, as cli/cmd_agent.c and the supervisor hand them over: --name=VALUE, judged here alone.
//
//	firstfix-agent --pid=4711 --listen=127.0.0.1:9464
//	firstfix agent: --pid wants a whole number from 1, not 'x'
#include "agent/options.h"

#include "base/complain.h"
#include "base/str.h"

#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { FLAG, COUNT, SECONDS, TEXT, N_KINDS };

static const struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	int preset;
} rows[] = {
#define OPTION(name, kind, member, preset, argument, help) \
	{name, kind, offsetof(struct ff_agent_options, member), preset},
#include "agent/options.def"
#undef OPTION
	{"run", TEXT, offsetof(struct ff_agent_options, run), 0},
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]), VARIABLE_MAX = 64 };

static const struct {
	uint64_t least, most;
	const char *wants;
} ranges[N_KINDS] = {
	[FLAG] = {0, 1, "0 or 1"},
	[COUNT] = {1, INT_MAX, "a whole number from 1"},
	[SECONDS] = {0, 1000000, "seconds from 0 to 1000000"},
};

static bool set(struct ff_agent_options *o, const struct row *row, const char *value)
{
	void *member = (char *)o + row->offset;
	uint64_t number;
	if (row->kind == TEXT) {
		*(const char **)member = value;
		return true;
	}
	if (!ff_span_u64(ff_span_of(value), &number) || number < ranges[row->kind].least ||
		number > ranges[row->kind].most)
		return false;
	*(int *)member = (int)number;
	return true;
}

static void preset(struct ff_agent_options *o, const struct row *row)
{
	char name[VARIABLE_MAX];
	snprintf(name, sizeof(name), "FIRSTFIX_%s", row->name);
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	if (row->kind != TEXT)
		*(int *)((char *)o + row->offset) = row->preset;
	const char *value = getenv(name);
	if (value && *value && !strstr(value, "://") && !set(o, row, value))
		ff_complain("firstfix agent: %s wants %s, not '%s'; ignored", name, ranges[row->kind].wants, value);
}

static bool take(struct ff_agent_options *o, const char *word)
{
	size_t n = strcspn(word, "=");
	const char *value = word[n] ? word + n + 1 : "1";
	for (size_t i = 0; i < N_ROWS; i++) {
		if (strlen(rows[i].name) != n || strncmp(rows[i].name, word, n) != 0)
			continue;
		if (set(o, &rows[i], value))
			return true;
		ff_complain("firstfix agent: --%s wants %s, not '%s'", rows[i].name, ranges[rows[i].kind].wants, value);
		return false;
	}
	ff_complain("firstfix agent: no option --%.*s (see 'firstfix agent --help')", (int)n, word);
	return false;
}

bool ff_agent_options_parse(int argc, char **argv, struct ff_agent_options *ret)
{
	struct ff_agent_options o = {0};
	for (size_t i = 0; i < N_ROWS; i++)
		if (strcmp(rows[i].name, "pid") != 0 && strcmp(rows[i].name, "run") != 0)
			preset(&o, &rows[i]);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--gpu-helper") == 0)
			o.gpu_helper = true;
		else if (strcmp(argv[i], "--health-once") == 0)
			o.health_once = true;
		else if (strncmp(argv[i], "--", 2) != 0 || !take(&o, argv[i] + 2))
			return false;
	}
	*ret = o;
	return true;
}
