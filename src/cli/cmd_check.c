// firstfix check: what will fail on this machine, said before the first request.
#include "cli/command.h"
#include "cli/container.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"

#include "base/complain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEADLINE_S = 60, DEADLINE_MAX_S = 3600 };

struct check {
	struct ff_collect_options collect;
	struct ff_container_request in;
	const char *facts, *rules, *engine;
	bool deep, matrix;
	unsigned deadline_s;
};

static int check(const struct check *c, const struct ff_output *output)
{
	struct ff_facts *facts = NULL;
	struct ff_diagnosis *diagnosis = NULL;
	char *text = NULL;
	char of[FF_CONTAINER_WORDS_MAX];
	struct ff_error *err =
		c->facts ? ff_facts_read(c->facts, &facts) : ff_container_collect(&c->in, &c->collect, of, &facts);
	if (!err && c->collect.root)
		snprintf(of, sizeof(of), "the files below %s", c->collect.root);
	if (!err && c->collect.image)
		snprintf(of, sizeof(of), "image %s", c->collect.image);
	if (!err && c->collect.requirements)
		snprintf(of, sizeof(of), "%s", c->collect.requirements);
	if (!err)
		err = ff_explain(&(struct ff_explain_options){.facts = facts,
					 .log_fd = -1,
					 .rules_dir = c->rules,
					 .check = true,
					 .facts_of = c->facts ? NULL : of,
					 .engine = c->engine,
					 .deep_ms = c->deep ? c->deadline_s * 1000 : 0},
			&diagnosis);
	struct ff_style style = ff_output_style(output);
	if (!err)
		err = ff_diagnosis_render(diagnosis, ff_output_format(output), &style, &text);
	int code = ff_answer("check", output, err, text, !err && ff_diagnosis_is_error(diagnosis));
	ff_diagnosis_free(diagnosis);
	ff_facts_free(facts);
	return code;
}

static int matrix(const struct check *c, const struct ff_output *output)
{
	char *text = NULL;
	bool runs = false;
	struct ff_style style = ff_output_style(output);
	struct ff_error *err = ff_matrix(
		&(struct ff_matrix_options){.collect = c->collect, .engine = c->engine, .rules_dir = c->rules},
		ff_output_format(output), &style, &runs, &text);
	return ff_answer("check", output, err, text, !err && !runs);
}

static bool engine_known(const char *engine)
{
	const char *known;
	for (size_t i = 0; (known = ff_engine_at(i)); i++)
		if (strcmp(known, engine) == 0)
			return true;
	return false;
}

// What does not go together; 0 when all does, else the exit code.
static int refuse(const struct check *c, const struct ff_output *output)
{
	char words[FF_ENGINES_WORDS];
	bool inside = c->in.container || c->in.pod;
	bool files = c->collect.root || c->collect.image || c->collect.requirements;
	if (!!c->facts + !!c->collect.root + !!c->collect.image + !!c->collect.requirements + inside > 1)
		return ff_usage_error(
			"check", "--facts, --image, --requirements, --root and a container exclude each other");
	bool planned = c->collect.gpu || c->collect.driver || c->collect.disk || c->collect.model;
	if (planned && !files)
		return ff_usage_error("check",
			"--gpu, --driver, --disk and --model go with --image, --requirements or --root: this machine "
			"has its own, and 'firstfix fit' is for a model on it");
	if (c->matrix && (c->collect.disk || c->collect.model))
		return ff_usage_error("check", "--disk and --model go with one place, and not with --matrix");
	if (c->deep && (c->facts || files || inside))
		return ff_usage_error("check", "--deep runs programs of this machine, and these are not of it");
	if (c->deadline_s == 0 || c->deadline_s > DEADLINE_MAX_S)
		return ff_usage_error("check", "--deadline takes 1 to %d seconds", DEADLINE_MAX_S);
	if (c->engine && !engine_known(c->engine))
		return ff_usage_error("check", "%s '%s'", ff_engine_words("--for takes", ", not", words), c->engine);
	if (c->matrix && (!files || output->sarif))
		return ff_usage_error(
			"check", "--matrix goes with --image, --requirements or --root, and not with --sarif");
	return 0;
}

static const char details[] =
	"An image, before it runs anywhere:\n"
	"  docker save worker:1 -o worker.tar\n"
	"  firstfix check --image worker.tar --gpu h100 --driver 550.54.14\n"
	"  firstfix check --image worker.tar --gpu h100 --disk 20G --model Qwen/Qwen3-8B\n"
	"Packages, before they are installed:\n"
	"  firstfix check --requirements requirements.txt --gpu rtx5090\n"
	"Exit code 0: nothing that would fail; 1: something is wrong and was said; 2: wrong use or "
	"unreadable input.";

int ff_cmd_check(int argc, char **argv)
{
	struct check c = {.collect.trigger = "check", .deadline_s = DEADLINE_S};
	struct ff_output output = {0};
	char engines[FF_ENGINES_WORDS];
	const struct ff_option options[] = {
		FF_OUTPUT_OPTIONS(&output),
		FF_LINE_OPTION(&output),
		{"deep", 0, FF_OPT_FLAG, NULL,
			"prove it: import and use torch, bitsandbytes and transformers, a process a step", &c.deep},
		{"deadline", 0, FF_OPT_UINT, "S", "seconds that a step of --deep may take (default 60)", &c.deadline_s},
		{"for", 0, FF_OPT_TEXT, "ENGINE", ff_engine_words("only what concerns", "", engines), &c.engine},
		FF_IMAGE_OPTION(c.collect.image),
		{"gpu", 0, FF_OPT_TEXT, "NAME",
			"with --image, --requirements, --root: will it run on this one? h100, rtx5090", &c.collect.gpu},
		{"driver", 0, FF_OPT_TEXT, "VERSION",
			"with --image, --requirements, --root: and with this driver? 550.54.14", &c.collect.driver},
		{"disk", 0, FF_OPT_TEXT, "SIZE",
			"with --image, --requirements, --root: and with so much free space? 20G, 500GB",
			&c.collect.disk},
		{"model", 0, FF_OPT_TEXT, "MODEL",
			"with --image, --requirements, --root: and this model (as 'firstfix fit' takes it; headers "
			"alone are read)",
			&c.collect.model},
		{"facts", 0, FF_OPT_TEXT, "FILE", "facts of another machine ('firstfix report --json')", &c.facts},
		FF_ROOT_OPTION(c.collect.root),
		{"requirements", 0, FF_OPT_TEXT, "FILE",
			"packages before they are installed: requirements.txt, uv.lock, poetry.lock, pylock.toml, "
			"environment.yml, Dockerfile, compose.yaml",
			&c.collect.requirements},
		{"matrix", 0, FF_OPT_FLAG, NULL,
			"with --image, --requirements, --root: on which of the usual GPUs and drivers (or of the lists "
			"--gpu h100,l4 and --driver) it runs",
			&c.matrix},
		{"sarif", 0, FF_OPT_FLAG, NULL, "SARIF 2.1.0, for code review", &output.sarif},
		FF_CONTAINER_OPTIONS(&c.in),
		FF_PYTHON_OPTION(c.collect.python),
		FF_RULES_OPTION(c.rules),
	};
	const struct ff_usage usage = {
		.command = "check",
		.operands = "",
		.summary = "what will fail on this machine, before anything does",
		.details = details,
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	free(parsed.operands);
	if (output.line)
		ff_complain_as_asked();
	int wrong = refuse(&c, &output);
	if (wrong)
		return wrong;
	if (c.collect.image)
		ff_interrupt_torn(
			"firstfix check: the image was cut short while it was read: ask again once it is whole");
	return c.matrix ? matrix(&c, &output) : check(&c, &output);
}
