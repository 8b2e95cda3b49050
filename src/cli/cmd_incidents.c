// firstfix incidents: what is stored about failures.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
	struct ff_output output;
	const char *dir;
	unsigned keep, keep_mib;
	char **operands;
	size_t n;
};

static int list(void *request)
{
	const struct request *r = request;
	char *text = NULL;
	struct ff_style style = ff_output_style(&r->output);
	struct ff_error *err = ff_incidents_render(r->dir, ff_output_format(&r->output), &style, &text);
	unsigned n = ff_incidents_unreported(r->dir);
	if (n)
		fprintf(stderr,
			"firstfix: %u run%s ended without a word, killed with %s supervisor; the next 'firstfix run' "
			"reports %s\n",
			n, n == 1 ? "" : "s", n == 1 ? "its" : "their", n == 1 ? "it" : "them");
	return ff_answer("incidents", &r->output, err, text, 0);
}

static int show_as(const struct request *r, enum ff_format format)
{
	char *text = NULL;
	struct ff_incident *incident = NULL;
	struct ff_style style = ff_output_style(&r->output);
	struct ff_error *err = ff_incident_read(r->dir, r->n > 1 ? r->operands[1] : "last", &incident);
	if (!err)
		err = ff_incident_render(incident, format, &style, &text);
	ff_incident_free(incident);
	return ff_answer("incidents", &r->output, err, text, 0);
}

static int show(void *request)
{
	const struct request *r = request;
	return show_as(r, ff_output_format(&r->output));
}

static int export(void *request)
{
	return show_as(request, FF_JSON);
}

static int diff(void *request)
{
	const struct request *r = request;
	char *text = NULL;
	struct ff_incident *a = NULL, *b = NULL;
	struct ff_style style = ff_output_style(&r->output);
	if (r->n != 3)
		return ff_usage_error("incidents", "diff wants two incidents");
	struct ff_error *err = ff_incident_read(r->dir, r->operands[1], &a);
	if (!err)
		err = ff_incident_read(r->dir, r->operands[2], &b);
	if (!err)
		err = ff_incident_diff(a, b, ff_output_format(&r->output), &style, &text);
	ff_incident_free(a);
	ff_incident_free(b);
	return ff_answer("incidents", &r->output, err, text, 0);
}

static int prune(void *request)
{
	const struct request *r = request;
	unsigned deleted = 0;
	struct ff_error *err = ff_incidents_prune(r->dir, r->keep, r->keep_mib, &deleted);
	if (err)
		return ff_fail("incidents", err);
	printf("%u incident%s deleted\n", deleted, deleted == 1 ? "" : "s");
	return 0;
}

static const struct ff_verb verbs[] = {
	{"list", list}, {"show", show}, {"diff", diff}, {"export", export}, {"prune", prune}};

int ff_cmd_incidents(int argc, char **argv)
{
	struct request r = {.keep = 200, .keep_mib = 256};
	const struct ff_option options[] = {
		FF_OUTPUT_OPTIONS(&r.output),
		FF_DIR_OPTION(r.dir),
		{"keep", 0, FF_OPT_UINT, "N", "with prune: how many stay (default 200)", &r.keep},
		{"keep-mib", 0, FF_OPT_UINT, "MIB", "with prune: how large they may be together (default 256)",
			&r.keep_mib},
	};
	const struct ff_usage usage = {.command = "incidents",
		.operands = "[list | show ID | diff A B | export ID | prune]",
		.summary = "what is stored about failures",
		.details = "ID is an id of the list, the beginning of one, 'last', or the path of a bundle made on "
			   "another machine.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_max = 3};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	r.operands = parsed.operands;
	r.n = parsed.n_operands;
	int code = ff_verb_run("incidents", verbs, sizeof(verbs) / sizeof(verbs[0]), r.n ? r.operands[0] : NULL, &r);
	free(parsed.operands);
	return code;
}
