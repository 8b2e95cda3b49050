// Reads the properties that amdgpu's compute driver (KFD) gives of each node; a processor is a node too, with
// simd_count 0.
//
//	simd_count 1216
//	gfx_target_version 90402
//	drm_render_minor 128
#include "parse/kfd.h"

#include "parse/chars.h"

#include <stdio.h>

bool ff_kfd_number(struct ff_span text, const char *name, uint64_t *ret)
{
	struct ff_span line, key;
	while (ff_span_line(&text, &line)) {
		if (ff_span_next(&line, ' ', &key) && ff_span_eq(key, name) && line.p)
			return ff_span_u64(ff_span_trim(line), ret);
	}
	return false;
}

// Major and minor are decimal, the stepping is a hexadecimal digit in the name.
bool ff_kfd_gfx(uint64_t version, char ret[FF_GFX_LEN])
{
	unsigned major = (unsigned)(version / 10000 % 100), minor = (unsigned)(version / 100 % 100);
	unsigned stepping = (unsigned)(version % 100);
	if (version >= 1000000 || !major || minor > 15 || stepping > 15)
		return false;
	snprintf(ret, FF_GFX_LEN, "gfx%u%x%x", major, minor, stepping);
	return true;
}
