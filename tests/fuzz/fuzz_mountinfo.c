// mountinfo of any content; a mount that was found must be found again by its own point.
#include <stddef.h>
#include <stdint.h>

#include "parse/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size};
	struct ff_mount mount, again;
	for (struct ff_span rest = text; ff_mount_next(&rest, &mount);) {
		ff_mount_is_network(&mount);
		ff_mount_has(mount.options, "ro");
		if (mount.point[0] == '/' && !ff_mount_of(text, mount.point, &again))
			__builtin_trap();
	}
	return 0;
}
