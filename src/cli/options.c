// Table-driven option parsing over getopt_long.
//
//	$ firstfix report --deadline soon
//	firstfix report: --deadline wants a whole number, not 'soon' (see 'firstfix report --help')
#include "cli/options.h"

#include "cli/columns.h"

#include "base/complain.h"
#include "base/nearest.h"
#include "base/str.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>

enum { OPTIONS_MAX = 48, HELP_COLUMN = 26, FIRST_LONG = 256 };

int ff_usage_error(const char *command, const char *format, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	ff_complain("firstfix %s: %s (see 'firstfix %s --help')", command, text ? text : "wrong use", command);
	free(text);
	return 2;
}

static void print_option(const struct ff_option *o)
{
	char left[80];
	int n = o->letter ? snprintf(left, sizeof(left), "  -%c, --%s", o->letter, o->name)
			  : snprintf(left, sizeof(left), "      --%s", o->name);
	if (o->value && n > 0 && (size_t)n < sizeof(left))
		n += snprintf(left + n, sizeof(left) - (size_t)n, " %s", o->value);
	if (n < HELP_COLUMN)
		printf("%-*s  ", HELP_COLUMN, left);
	else
		printf("%s\n%*s  ", left, HELP_COLUMN, "");
	ff_print_wrapped(stdout, o->help, HELP_COLUMN + 2, HELP_COLUMN + 2);
}

// A line that does not end a sentence goes on in the next: on a terminal they are one paragraph of its width. Off one,
// and where a line is indented (an example to copy), lines stay as they were written.
static void print_details(const char *details)
{
	_cleanup_buf_ struct ff_buf paragraph = {0};
	struct ff_span rest = ff_span_of(details), line;
	while (ff_span_next(&rest, '\n', &line)) {
		bool example = line.n && line.p[0] == ' ',
		     ends = !line.n || example || strchr(".:", line.p[line.n - 1]);
		ff_buf_printf(&paragraph, "%s%.*s", paragraph.n ? " " : "", (int)line.n, line.p);
		bool goes_on = ff_columns(stdout) && !ends && rest.n && rest.p[0] != ' ' && rest.p[0] != '\n';
		if (goes_on)
			continue;
		ff_print_wrapped(stdout, paragraph.p ? paragraph.p : "", example ? SIZE_MAX : 0, 0);
		ff_buf_deinit(&paragraph);
		paragraph = (struct ff_buf){0};
	}
}

static void print_help(const struct ff_usage *u)
{
	char line[512];
	snprintf(line, sizeof(line), "firstfix %s - %s", u->command, u->summary);
	ff_print_wrapped(stdout, line, 0, 0);
	snprintf(line, sizeof(line), "usage: firstfix %s [OPTIONS]%s%s", u->command, u->operands[0] ? " " : "",
		u->operands);
	puts("");
	ff_print_wrapped(stdout, line, 4, 0);
	puts("\noptions:");
	for (size_t i = 0; i < u->n_options; i++)
		print_option(&u->options[i]);
	print_option(&(struct ff_option){.name = "help", .letter = 'h', .help = "this text"});
	if (u->details) {
		puts("");
		print_details(u->details);
	}
}

static bool store(const struct ff_usage *u, const struct ff_option *o, const char *value)
{
	uint64_t number;
	switch (o->kind) {
	case FF_OPT_FLAG:
		*(bool *)o->to = true;
		return true;
	case FF_OPT_TEXT:
		*(const char **)o->to = value;
		return true;
	case FF_OPT_UINT:
		if (!ff_span_u64(ff_span_of(value), &number) || number > UINT_MAX) {
			ff_usage_error(u->command, "--%s wants a whole number, not '%s'", o->name, value);
			return false;
		}
		*(unsigned *)o->to = (unsigned)number;
		return true;
	}
	return false;
}

static void to_getopt(const struct ff_usage *u, struct option longs[OPTIONS_MAX + 2], char shorts[3 * OPTIONS_MAX])
{
	char *s = shorts;
	*s++ = '+';
	*s++ = ':';
	*s++ = 'h';
	for (size_t i = 0; i < u->n_options && i < OPTIONS_MAX; i++) {
		const struct ff_option *o = &u->options[i];
		longs[i] = (struct option){
			o->name, o->kind == FF_OPT_FLAG ? no_argument : required_argument, NULL, FIRST_LONG + (int)i};
		if (!o->letter)
			continue;
		*s++ = o->letter;
		if (o->kind != FF_OPT_FLAG)
			*s++ = ':';
	}
	longs[u->n_options] = (struct option){"help", no_argument, NULL, 'h'};
	*s = 0;
}

static const struct ff_option *option_of(const struct ff_usage *u, int c)
{
	if (c >= FIRST_LONG)
		return &u->options[c - FIRST_LONG];
	for (size_t i = 0; i < u->n_options; i++) {
		if (u->options[i].letter == c)
			return &u->options[i];
	}
	return NULL;
}

static struct ff_parsed leave(int exit_code)
{
	return (struct ff_parsed){.leave = true, .exit_code = exit_code};
}

static int no_option(const struct ff_usage *u, const char *word)
{
	const char *name = word + strspn(word, "-");
	struct ff_nearest near = {.wrong = {name, strcspn(name, "=")}};
	for (size_t i = 0; i < u->n_options; i++)
		ff_nearest_try(&near, u->options[i].name);
	if (!near.best)
		return ff_usage_error(u->command, "no option %s", word);
	return ff_usage_error(u->command, "no option %s; did you mean '--%s'?", word, near.best);
}

static int no_verb(const char *command, const struct ff_verb *verbs, size_t n, const char *word)
{
	char hint[128];
	_cleanup_buf_ struct ff_buf list = {0};
	struct ff_nearest near = {.wrong = ff_span_of(word)};
	for (size_t i = 0; i < n; i++) {
		ff_nearest_try(&near, verbs[i].name);
		ff_buf_printf(&list, "%s%s", i + 1 == n ? " or " : i ? ", " : "", verbs[i].name);
	}
	return ff_usage_error(
		command, "%s, not '%s'%s", list.p ? list.p : "a verb", word, ff_nearest_hint(&near, hint));
}

int ff_verb_run(const char *command, const struct ff_verb *verbs, size_t n, const char *word, void *request)
{
	for (size_t i = 0; i < n; i++) {
		if (!word || strcmp(verbs[i].name, word) == 0)
			return verbs[i].run(request);
	}
	return no_verb(command, verbs, n, word);
}

static int too_many(const struct ff_usage *u, const char *word)
{
	if (u->operands_max)
		return ff_usage_error(u->command, "'%s' is one too many: it wants %s", word, u->operands);
	return ff_usage_error(u->command, "'%s' means nothing here: it takes options alone", word);
}

static int no_value(const struct ff_usage *u, const char *word)
{
	for (size_t i = 0; i < u->n_options; i++)
		if (u->options[i].value && (u->options[i].letter == optopt || FIRST_LONG + (int)i == optopt))
			return ff_usage_error(u->command, "%s wants %s", word, u->options[i].value);
	return ff_usage_error(u->command, "%s wants a value", word);
}

// Moves operands behind the options ("explain LOG --json" works) without reading past "--".
static int next_option(
	int argc, char **argv, const char *shorts, const struct option *longs, char **operands, size_t *n)
{
	for (;;) {
		int c = getopt_long(argc, argv, shorts, longs, NULL);
		if (c != -1 || optind >= argc)
			return c;
		if (optind > 1 && strcmp(argv[optind - 1], "--") == 0)
			return -1;
		operands[(*n)++] = argv[optind++];
	}
}

struct ff_parsed ff_options_parse(const struct ff_usage *u, int argc, char **argv)
{
	struct option longs[OPTIONS_MAX + 2] = {0};
	char shorts[3 * OPTIONS_MAX];
	to_getopt(u, longs, shorts);
	char **operands = calloc((size_t)argc + 1, sizeof(*operands)); // lives as long as the program
	if (!operands)
		return leave(2);
	size_t n = 0;
	opterr = 0;
	optind = 1;
	for (int c; (c = next_option(argc, argv, shorts, longs, operands, &n)) != -1;) {
		if (c == 'h') {
			print_help(u);
			free(operands);
			return leave(0);
		}
		if (c == '?' || c == ':') {
			free(operands);
			return leave(c == ':' ? no_value(u, argv[optind - 1]) : no_option(u, argv[optind - 1]));
		}
		if (!store(u, option_of(u, c), optarg)) {
			free(operands);
			return leave(2);
		}
	}
	while (optind < argc)
		operands[n++] = argv[optind++];
	if (n < u->operands_min || n > u->operands_max) {
		int surplus = n > u->operands_max ? too_many(u, operands[u->operands_max]) : 0;
		free(operands);
		if (n < u->operands_min)
			return leave(ff_usage_error(u->command, "wants %s", u->operands));
		return leave(surplus);
	}
	return (struct ff_parsed){.operands = operands, .n_operands = n};
}
