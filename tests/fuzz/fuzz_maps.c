// /proc/PID/maps of any content.
#include <stddef.h>
#include <stdint.h>

#include "parse/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size};
	struct ff_map_line map;
	while (ff_map_next(&text, &map)) {
		if (!map.path.n || map.path.p[0] != '/')
			__builtin_trap();
	}
	return 0;
}
