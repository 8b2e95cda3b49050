// CUDA_VISIBLE_DEVICES of any content.
#include <stddef.h>
#include <stdint.h>

#include "parse/visible_devices.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size};
	json_t *doc = NULL;
	struct ff_error *err = ff_visible_devices_parse(text, &doc);
	if (!err)
		json_decref(doc);
	ff_error_destroy(err);
	return 0;
}
