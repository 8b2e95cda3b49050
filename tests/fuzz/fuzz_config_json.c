// config.json, and memory arithmetic on whatever it says.
#include "know/model_size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_model_shape shape;
	struct ff_error *err = ff_config_json_parse("input", (struct ff_span){(const char *)data, size}, &shape);
	uint64_t bytes;
	if (!err) {
		ff_know_kv_bytes_per_token(&shape, 2, &bytes);
		ff_know_least_parameters(&shape, &bytes);
	}
	ff_error_destroy(err);
	return 0;
}
