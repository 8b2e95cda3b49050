// Version texts in bytes of any content.
#include <stddef.h>
#include <stdint.h>

#include "parse/banner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span library = {(const char *)data, size}, version, build;
	if (ff_glibc_banner(library, &version, &build) && !version.n)
		__builtin_trap();
	return 0;
}
