// Does a model fit on a GPU, how far does the memory go, and what is the cheapest change that makes it fit?
#pragma once

#include "base/json.h"
#include "know/serving.h"
#include "model/read.h"

#include <firstfix/firstfix.h>

/** What there is to serve it. */
struct ff_fit_gpu {
	char name[96];
	char cc[8];	 /**< "9.0"; "" where it is not known */
	uint64_t memory; /**< bytes that a process can have, of an empty GPU */
	uint64_t held;	 /**< bytes that others hold now */
	unsigned count;	 /**< how many there are; 0: not known */
	bool assumed;	 /**< the name is sold with several sizes: the usual one */
};

/** The GPU that `name` means ("h100", "RTX 4090", "24GiB"), or, for NULL, the smallest of the facts' that a worker may
    use. FF_EUSAGE with what to say instead. */
struct ff_error *ff_fit_gpu_find(const char *name, const json_t *facts, struct ff_fit_gpu *ret);

/** A question, complete: what was asked, and defaults for the rest. */
struct ff_fit_question {
	const struct ff_fit_options *asked;
	const struct ff_model_files *files;
	const struct ff_fit_gpu *gpu;
	const json_t *facts; /**< may be NULL */
	struct ff_serving_plan plan;
};

/** The changes that make it fit, cheapest first: [{"say", "settings", "flags", "command", "context",
    "sequences", "gpus", "memory"}]. */
struct ff_error *ff_fit_changes(const struct ff_fit_question *q, json_t **ret);

/** The command that serves the model as the plan says, or the arguments in code; `flags` may be NULL. */
struct ff_error *ff_fit_command(const struct ff_fit_question *q, const char *flags, char **ret);

/** The settings that say what was asked: {"max_model_len": 8192, "tensor_parallel_size": 2}. */
json_t *ff_fit_settings(const struct ff_fit_question *q);

/** The flags of settings: {"max_model_len": 8192}, as the engine of this machine spells them; "" where it has none. */
struct ff_error *ff_fit_flags(const struct ff_fit_question *q, const json_t *settings, char **ret);

/** The answer, firstfix.fit/1. */
struct ff_error *ff_fit_answer(
	const struct ff_fit_options *asked, const struct ff_model_files *files, const json_t *facts, json_t **ret);
