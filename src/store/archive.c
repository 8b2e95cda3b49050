// The loader finds libarchive where it would have found it at the start. Every release since 2012 has this soname.
#include "store/archive.h"

#ifdef FF_ARCHIVE_LINKED // -Dstatic: it is part of the program

struct ff_error *ff_archive_open(struct ff_archive *ret)
{
#define FF_TAKE(name) ret->name = name;
	FF_ARCHIVE_FUNCTIONS(FF_TAKE)
#undef FF_TAKE
	return NULL;
}

#else

#include <dlfcn.h>

static const char soname[] = "libarchive.so.13";

struct ff_error *ff_archive_open(struct ff_archive *ret)
{
	struct ff_archive found;
	void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return ff_error_create(FF_EABSENT, "bundles need libarchive: %s", dlerror());
#define FF_FIND(name)                                              \
	found.name = (__typeof__(found.name))dlsym(handle, #name); \
	if (!found.name)                                           \
		return ff_error_create(FF_EABSENT, "bundles need a newer libarchive: %s has no %s", soname, #name);
	FF_ARCHIVE_FUNCTIONS(FF_FIND)
#undef FF_FIND
	*ret = found;
	return NULL;
}

#endif
