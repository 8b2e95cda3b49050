// The loader finds libarchive where it would have found it at the start. Every release since 2012 has this soname.
#include "host/archive.h"

#ifdef FF_ARCHIVE_LINKED // -Dstatic: it is part of the program

#define ROW(name) .name = name,
static const struct ff_archive lib = {FF_ARCHIVE_FUNCTIONS(ROW)};
#undef ROW

struct ff_error *ff_archive(const struct ff_archive **ret)
{
	*ret = &lib;
	return NULL;
}

#else

#include "base/cleanup.h"
#include "host/dl.h"

#include <pthread.h>
#include <stdio.h>

static const struct ff_dl_symbol symbols[] = {
#define ROW(name) {#name, offsetof(struct ff_archive, name)},
	FF_ARCHIVE_FUNCTIONS(ROW)
#undef ROW
};

static const struct ff_dl_spec spec = {
	"libarchive.so.13", "FIRSTFIX_ARCHIVE", symbols, sizeof(symbols) / sizeof(symbols[0])};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct ff_archive lib;
static char missing[256];

static void open_library(void)
{
	struct ff_dl dl = {0};
	_cleanup_error_ struct ff_error *err = ff_dl_open_whole(&spec, &lib, &dl);
	if (err)
		snprintf(missing, sizeof(missing), "libarchive is needed (apt-get install libarchive13): %.180s",
			err->message);
	ff_dl_deinit(&dl);
}

struct ff_error *ff_archive(const struct ff_archive **ret)
{
	pthread_once(&once, open_library);
	*ret = &lib;
	return missing[0] ? ff_error_create(FF_EABSENT, "%s", missing) : NULL;
}

#endif
