// KFD properties with any content.
#include <stddef.h>
#include <stdint.h>

#include "parse/kfd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size};
	uint64_t version;
	char gfx[FF_GFX_LEN];
	if (ff_kfd_number(text, "gfx_target_version", &version) && ff_kfd_gfx(version, gfx) &&
		strlen(gfx) >= FF_GFX_LEN)
		__builtin_trap();
	return 0;
}
