// PYTORCH_CUDA_ALLOC_CONF of any content: cutting it up must end, and every value must be judged.
#include <stddef.h>
#include <stdint.h>

#include "parse/alloc_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kinds[] = {
		"bool", "int", "power2", "fraction", "share", "choice", "divisions", "other"};
	struct ff_span rest = {(const char *)data, size};
	struct ff_alloc_setting setting;
	while (ff_alloc_next(&rest, &setting)) {
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			ff_alloc_value_bad(ff_span_of(kinds[i]), FF_SPAN("1..128"), setting.value);
	}
	return 0;
}
