// A safetensors file from its first byte.
#include "parse/model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span bytes = {(const char *)data, size};
	struct ff_model_tensors t;
	uint64_t n;
	struct ff_error *err = ff_safetensors_header("input", bytes, size, &n);
	if (!err)
		err = ff_safetensors_parse("input", (struct ff_span){bytes.p + 8, n}, &t);
	ff_error_destroy(err);
	// The header alone too: the length is hard to guess.
	ff_error_destroy(ff_safetensors_parse("input", bytes, &t));
	return 0;
}
