// Control group files of any content.
#include <stddef.h>
#include <stdint.h>

#include "parse/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ff_span text = {(const char *)data, size};
	struct ff_span found;
	uint64_t value;
	ff_cgroup_path(text, NULL, &found);
	ff_cgroup_path(text, "memory", &found);
	ff_cgroup_limit(text, &value);
	ff_cgroup_cpu_max(text, &value);
	if (ff_cgroup_container_id(text, &found) && found.n != 64)
		__builtin_trap();
	return 0;
}
