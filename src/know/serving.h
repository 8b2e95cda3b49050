// How a model is to be served, made complete by what engines take when nobody says otherwise; and the changes that
// make it fit, cheapest first. `firstfix fit` and the rules of an out-of-memory ask the same.
#pragma once

#include "base/json.h"
#include "know/model_memory.h"

/** A question, complete. */
struct ff_serving_question {
	const struct ff_model *model;
	struct ff_serving_plan plan;
	const char *cc;					  /**< the GPU's compute capability; "" where it is not known */
	uint64_t held;					  /**< bytes that others hold on it now */
	unsigned gpus_here;				  /**< 0: not known */
	bool context_asked, sequences_asked, share_asked; /**< said by the user: given up last */
};

/** "vllm", "transformers", "llama.cpp", "sglang": as rules/data/engine_flags.tsv calls it. */
const char *ff_know_serving_name(enum ff_serving engine);

/** The engine of that name; false for another. */
bool ff_know_serving_engine(const char *name, enum ff_serving *ret);

/** Does it compute with torch? */
bool ff_know_serving_on_torch(enum ff_serving engine);

/** Is the compute capability this one at least? False where it is not known. */
bool ff_know_has_capability(const char *cc, unsigned major, unsigned minor);

/** Fill what is 0 in the plan (all but engine and memory) by the engine's own defaults on such a GPU. */
void ff_know_serving_usual(const struct ff_model *model, const char *cc, struct ff_serving_plan *plan);

/** [{"say", "settings": {"max_model_len": 8192}, "context", "sequences", "gpus", "memory": {..}}]: settings are those
    that change. */
struct ff_error *ff_know_serving_changes(const struct ff_serving_question *q, json_t **ret);

/** {"weights", "cache", "state", "activations", "overhead", "total", "room"}: bytes on one GPU. */
json_t *ff_know_need_json(const struct ff_model_need *need);

/** The model that facts speak of: {"config": {..}, "weights": bytes, "tensors": {"parameters", "matrix_parameters",
    "wide_parameters"}}; without "tensors" it cannot be made smaller by arithmetic. False when there is no shape or no
    weights. */
bool ff_know_model_of_facts(const json_t *entry, struct ff_model *ret);

/** The shape that the facts' "config" gives; numbers it does not say are 0. */
void ff_know_shape_of_facts(const json_t *config, struct ff_model_shape *ret);
