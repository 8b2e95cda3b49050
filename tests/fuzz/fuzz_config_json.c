// config.json, and memory arithmetic on whatever it says.
#include "know/model_memory.h"
#include "know/model_size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_model_shape shape;
	struct ff_error *err = ff_config_json_parse("input", (struct ff_span){(const char *)data, size}, &shape);
	uint64_t bytes;
	if (!err) {
		const struct ff_model model = {.shape = shape,
			.tensors = {.n_dtypes = 1, .dtypes = {{"BF16", 1, 1, 2}}, .parameters = 1, .bytes = 2}};
		for (int engine = 0; engine < FF_SERVING_N; engine++) {
			const struct ff_serving_plan plan = {.engine = (enum ff_serving)engine,
				.context = 1 << 20,
				.sequences = 64,
				.batch = 64,
				.step_tokens = 2048,
				.gpus = 2,
				.cache_bits = 16000,
				.share = 0.9,
				.memory = 1ull << 36};
			struct ff_model_need need;
			ff_know_model_need(&model, &plan, &need);
			ff_know_longest_context(&model, &plan);
			ff_know_token_bytes(&model, &plan);
		}
		ff_know_least_parameters(&shape, &bytes);
	}
	ff_error_destroy(err);
	return 0;
}
