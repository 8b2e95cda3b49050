// The content of .nv_fatbin and of .hip_fatbin, of any content.
#include <stddef.h>
#include <stdint.h>

#include "parse/fatbin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_bytes b;
	ff_bytes_init(&b, "input", data, size);
	struct ff_fatbin f = {0};
	_cleanup_error_ struct ff_error *nvidia = ff_fatbin_walk(&b, 0, size, &f);
	_cleanup_error_ struct ff_error *amd = ff_fatbin_walk_hip(&b, 0, size, &f);
	for (size_t i = 0; i < f.n; i++)
		if (!memchr(f.codes[i].name, '\0', sizeof(f.codes[i].name)))
			__builtin_trap();
	return 0;
}
