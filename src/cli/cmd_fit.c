// firstfix fit: does a model fit on a GPU, before anything is loaded.
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

#include <stdlib.h>

// "8192", "32k", "1M": tokens. False on anything else.
static bool tokens_of(const char *text, unsigned long *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10), unit = 1;
	if (*end && !end[1])
		unit = *end == 'k' || *end == 'K' ? 1024 : *end == 'm' || *end == 'M' ? 1024 * 1024 : 0;
	else if (*end)
		unit = 0;
	*ret = n * unit;
	return text[0] >= '0' && text[0] <= '9' && n && unit && n <= (1UL << 28) / unit;
}

static bool share_of(const char *text, double *ret)
{
	char *end;
	*ret = strtod(text, &end);
	return end != text && !*end && *ret > 0 && *ret <= 1;
}

int ff_cmd_fit(int argc, char **argv)
{
	struct ff_fit_options fit = {0};
	struct ff_output output = {0};
	const char *context = NULL, *share = NULL;
	char engines[FF_ENGINES_WORDS];
	const struct ff_option options[] = {
		{"gpu", 0, FF_OPT_TEXT, "NAME", "h100, rtx4090, 24GiB (default: the GPU of this machine)", &fit.gpu},
		{"tp", 0, FF_OPT_UINT, "N", "share the model out to so many GPUs", &fit.gpus},
		{"context", 0, FF_OPT_TEXT, "TOKENS", "of one sequence: 8192, 32k (default: 8192)", &context},
		{"batch", 0, FF_OPT_UINT, "N", "sequences at once", &fit.sequences},
		{"engine", 0, FF_OPT_TEXT, "ENGINE",
			ff_engine_words("one of", " (default: by files and packages)", engines), &fit.engine},
		{"quantization", 0, FF_OPT_TEXT, "HOW", "make the weights smaller while loading: fp8, 4bit",
			&fit.quantization},
		{"utilization", 0, FF_OPT_TEXT, "SHARE", "of the GPU's memory that vllm may take (default: 0.9)",
			&share},
		{"offline", 0, FF_OPT_FLAG, NULL, "ask nobody: a model that is not on this machine is an error",
			&fit.offline},
		FF_OUTPUT_OPTIONS(&output),
		FF_PYTHON_OPTION(fit.collect.python),
		FF_ROOT_OPTION(fit.collect.root),
	};
	const struct ff_usage usage = {
		.command = "fit",
		.operands = "MODEL",
		.summary = "does a model fit on a GPU before it is loaded, and what would make it fit",
		.details =
			"MODEL is a folder, a .gguf file, or OWNER/NAME: what the hub's cache has of it, else the hub "
			"itself\n"
			"(HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE count); OWNER/NAME:Q4_K_M picks one of several GGUF "
			"files. Only\n"
			"headers are read. Exit code 1 when it does not fit.\n"
			"\n"
			"    firstfix fit Qwen/Qwen2.5-72B-Instruct --gpu h100 --context 32k --tp 2\n"
			"    firstfix fit ./qwen-Q4_K_M.gguf --gpu rtx4090",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_min = 1,
		.operands_max = 1,
	};
	struct ff_parsed parsed = ff_options_parse(&usage, argc, argv);
	if (parsed.leave)
		return parsed.exit_code;
	fit.model = parsed.operands[0];
	int wrong = 0;
	if (context && !tokens_of(context, &fit.context))
		wrong = ff_usage_error("fit", "--context %.20s: a number of tokens, as 8192 or 32k", context);
	else if (share && !share_of(share, &fit.share))
		wrong = ff_usage_error("fit", "--utilization %.20s: a share above 0, up to 1", share);
	else if (fit.gpus > 64 || fit.sequences > 1 << 16)
		wrong = ff_usage_error("fit", "--tp goes to 64, --batch to 65536");
	struct ff_style style = ff_output_style(&output);
	char *text = NULL;
	bool fits = false;
	struct ff_error *err = wrong ? NULL : ff_fit(&fit, ff_output_format(&output), &style, &fits, &text);
	free(parsed.operands);
	return wrong ? wrong : ff_answer("fit", &output, err, text, !fits);
}
