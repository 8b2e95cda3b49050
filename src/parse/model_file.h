// Headers of model files: safetensors, GGUF, config.json. How many parameters of which type, and the shape of the
// model.
#pragma once

#include "base/json.h"
#include "base/str.h"

enum { FF_MODEL_DTYPES = 48 };

/** Tensors of one type. */
struct ff_model_dtype {
	char name[16]; /**< as the format calls it: "BF16", "Q4_K" */
	uint64_t tensors, parameters, bytes;
};

/** What the tensors of one file come to. */
struct ff_model_tensors {
	struct ff_model_dtype dtypes[FF_MODEL_DTYPES];
	size_t n_dtypes;
	uint64_t tensors, parameters, bytes;
	uint64_t file_bytes; /**< how long the whole file has to be; a shorter one is cut short */
};

/** The shape of a transformer; a number is 0 when it is not said. */
struct ff_model_shape {
	char type[48];	       /**< "llama", "mixtral" */
	char dtype[16];	       /**< "bfloat16" */
	char quantization[32]; /**< "gptq", "awq", "bitsandbytes", "fp8"; empty for none */
	char made_by[24];      /**< the transformers that wrote it: "4.51.0" */
	bool custom_code;      /**< brings classes of its own (auto_map) */
	bool transformers;     /**< names a class of its architecture, as transformers does */
	uint64_t quantization_bits;
	uint64_t layers, hidden, heads, kv_heads, head_dim, vocabulary, intermediate, experts, context;
};

/** Count one tensor under its type; false when the numbers overflow or there are too many types. */
bool ff_model_tensors_add(struct ff_model_tensors *t, const char *dtype, uint64_t parameters, uint64_t bytes);

/** The length of the JSON header from the first 8 bytes of a safetensors file; it must be read whole behind them.
    Fails when it is larger than the file (or than 32 MiB). */
struct ff_error *ff_safetensors_header(const char *file, struct ff_span first, uint64_t file_size, uint64_t *ret);

/** Read the JSON header. Offsets must lie side by side without holes, as the format wants. */
struct ff_error *ff_safetensors_parse(const char *file, struct ff_span json, struct ff_model_tensors *ret);

/** Read GGUF version 2 and 3 from the beginning of a file. FF_ELIMIT when the header goes on behind what was given. */
struct ff_error *ff_gguf_parse(
	const char *file, struct ff_span bytes, struct ff_model_tensors *ret_tensors, struct ff_model_shape *ret_shape);

/** Read a transformers config.json; of a model of several parts its text part. */
struct ff_error *ff_config_json_parse(const char *file, struct ff_span text, struct ff_model_shape *ret);
