// /etc/ld.so.cache of any content: every entry, and a search for its name.
#include <stddef.h>
#include <stdint.h>

#include "parse/ldcache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const subdirs[] = {"x86-64-v3", "x86-64-v2", NULL};
	struct ff_ldcache cache;
	_cleanup_error_ struct ff_error *err = ff_ldcache_init(&cache, "input", data, size);
	if (err)
		return 0;
	for (size_t i = 0; i < cache.count && i < 100; i++) {
		struct ff_ldcache_entry e;
		_cleanup_error_ struct ff_error *bad = ff_ldcache_at(&cache, i, &e);
		if (!bad)
			ff_ldcache_find(&cache, e.name, e.flags, subdirs);
	}
	return 0;
}
