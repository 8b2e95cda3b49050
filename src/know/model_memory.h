// What a model needs on one GPU while it serves: weights, cache, activations, what CUDA itself takes; and how far the
// memory of a GPU goes.
#pragma once

#include "parse/model_file.h"

enum ff_serving { FF_SERVING_VLLM, FF_SERVING_TRANSFORMERS, FF_SERVING_LLAMA_CPP, FF_SERVING_SGLANG, FF_SERVING_N };

/** A model as its files say it is. */
struct ff_model {
	struct ff_model_tensors tensors; /**< no bytes: not known, then nothing is computed */
	struct ff_model_shape shape;
	bool gguf;
};

/** How it is to be served. */
struct ff_serving_plan {
	enum ff_serving engine;
	uint64_t context;     /**< tokens of one sequence */
	uint64_t sequences;   /**< at once, each of the whole context */
	uint64_t batch;	      /**< sequences that the engine prepares for; vLLM tries out its sampler with so many */
	uint64_t step_tokens; /**< tokens of one pass; 0: the whole prompts */
	unsigned gpus; /**< that share the model: vLLM and SGLang cut each layer up, others put layers side by side */
	unsigned cache_bits; /**< thousandths of a bit of one number of the cache: 16000, 8000 (fp8), 8500 (q8_0) */
	const char *scheme;  /**< of rules/data/weight_bits.tsv, for the matrices as they are loaded; NULL: as stored */
	double share; /**< of the GPU's memory that the engine may take (gpu_memory_utilization); 1 for all; of SGLang
			 what weights and cache may take (mem_fraction_static) */
	uint64_t offload; /**< bytes of one GPU's weights that stay in the machine's memory */
	uint64_t memory;  /**< bytes that a process can have on one GPU */
};

/** Bytes on one GPU. */
struct ff_model_need {
	uint64_t weights, cache, state, activations, overhead;
	uint64_t total;
	uint64_t room; /**< what of the GPU's memory may be used for all of these */
};

/** What the plan needs; false when the files do not say enough, or a number overflows. */
bool ff_know_model_need(const struct ff_model *model, const struct ff_serving_plan *plan, struct ff_model_need *ret);

/** True when what is needed is no more than there is room. */
static inline bool ff_know_model_fits(const struct ff_model_need *need)
{
	return need->total <= need->room;
}

/** The longest context and the most sequences that fit, everything else as in the plan; 0 when nothing does. */
uint64_t ff_know_longest_context(const struct ff_model *model, const struct ff_serving_plan *plan);
uint64_t ff_know_most_sequences(const struct ff_model *model, const struct ff_serving_plan *plan);

/** Bytes of one more token in the cache of one GPU, once every window is full; 0 where the shape does not say. */
uint64_t ff_know_token_bytes(const struct ff_model *model, const struct ff_serving_plan *plan);
