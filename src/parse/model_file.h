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
	/** Of those: the table of the input's words, the layer that gives the output's (none where both are one), and
	    the parameters of all other matrices, which are what a quantization makes smaller. */
	uint64_t input_bytes, input_parameters, output_bytes, output_parameters, matrix_parameters;
	uint64_t inputs, input_rows; /**< tables of the input's words, unpacked ones; the words of the last */
};

/** What the layers keep while a sequence is worked on, counted by kind. A layer may be of two kinds (Falcon-H1). */
struct ff_model_layers {
	uint64_t full;	    /**< attention to the whole context */
	uint64_t windowed;  /**< attention to the last `window` tokens */
	uint64_t recurrent; /**< a state of one size: Mamba, linear attention */
	uint64_t window;
	uint64_t state;	 /**< numbers in the state of one recurrent layer; 0: not said */
	uint64_t latent; /**< numbers for a token of one layer where keys and values are compressed (MLA); else 0 */
	uint64_t latent_whole; /**< the same for who keeps them uncompressed */
};

/** The shape of a transformer; a number is 0 when it is not said. */
struct ff_model_shape {
	char type[48];	       /**< "llama", "mixtral" */
	char dtype[16];	       /**< "bfloat16" */
	char quantization[32]; /**< "gptq", "awq", "bitsandbytes", "fp8"; empty for none */
	char made_by[24];      /**< the transformers that wrote it: "4.51.0" */
	char name[97];	       /**< what it was made from: "org/name", or a folder of whoever made it */
	bool custom_code;      /**< brings classes of its own (auto_map) */
	bool transformers;     /**< names a class of its architecture, as transformers does */
	bool senses;	       /**< has a part that sees or hears */
	uint64_t quantization_bits;
	uint64_t layers, hidden, heads, kv_heads, head_dim, vocabulary, intermediate, experts, context;
	uint64_t experts_used; /**< of a token */
	uint64_t expert_width; /**< intermediate size of one expert; 0: as `intermediate` */
	struct ff_model_layers kept;
};

/** Count one tensor under its type; false when the numbers overflow or there are too many types. */
bool ff_model_tensors_add(struct ff_model_tensors *t, const char *dtype, uint64_t parameters, uint64_t bytes);

/** Count the tensor's part in the sums by use, which its name and number of dimensions tell. After _add(). */
void ff_model_tensors_use(
	struct ff_model_tensors *t, struct ff_span name, size_t dimensions, uint64_t parameters, uint64_t bytes);

/** Put the sums of another file of the same model to `into`; false when the numbers overflow. */
bool ff_model_tensors_join(struct ff_model_tensors *into, const struct ff_model_tensors *other);

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

/** What config.json (its text part) says of the layers; `shape` has the plain numbers already. Never fails: without
    a word of it all layers are of full attention. */
void ff_config_layers(const json_t *config, const struct ff_model_shape *shape, struct ff_model_layers *ret);
