// Lets a Python test ask the parsers: reads lines of tab-separated fields, prints one answer a line.
//
//	compare\t1.0rc1\t1.0            prints -1, 0 or 1
//	satisfies\t2.3.1+cu121\t>=2,<3  prints yes, no or unknown
//	format\tv1.0-RC1                prints the normal form, or nothing when it is no version
#include "parse/version.h"

#include <stdio.h>

enum { FIELDS_MAX = 3 };

static void answer_compare(char *const *fields)
{
	printf("%d\n", ff_version_compare(fields[1], fields[2]));
}

static void answer_satisfies(char *const *fields)
{
	static const char *const names[] = {
		[FF_SATISFIES_NO] = "no", [FF_SATISFIES_YES] = "yes", [FF_SATISFIES_UNKNOWN] = "unknown"};
	puts(names[ff_version_satisfies(fields[1], fields[2])]);
}

static void answer_format(char *const *fields)
{
	struct ff_version v;
	_cleanup_buf_ struct ff_buf b = {0};
	if (ff_version_parse(ff_span_of(fields[1]), &v))
		ff_version_format(&v, &b);
	puts(b.p ? b.p : "");
}

static const struct {
	const char *name;
	void (*answer)(char *const *fields);
} questions[] = {
	{"compare", answer_compare},
	{"satisfies", answer_satisfies},
	{"format", answer_format},
};

static void answer_line(char *line)
{
	char *fields[FIELDS_MAX] = {"", "", ""};
	for (size_t n = 0; n < FIELDS_MAX && line; n++)
		fields[n] = strsep(&line, "\t");
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (strcmp(fields[0], questions[i].name) == 0)
			questions[i].answer(fields);
}

int main(void)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		answer_line(line);
	}
	return 0;
}
