// A GGUF file from its first byte.
#include "parse/model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_model_tensors t;
	struct ff_model_shape shape;
	ff_error_destroy(ff_gguf_parse("input", (struct ff_span){(const char *)data, size}, &t, &shape));
	return 0;
}
