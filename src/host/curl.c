// dlopen of libcurl, once a process. Its header alone is needed to build.
#include "host/curl.h"

#include <dlfcn.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct ff_curl lib;
static const char *missing;

static void open_library(void)
{
	// Debian's two builds of it, and that of everybody else.
	static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
	void *handle = NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !handle; i++)
		handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	missing = handle ? NULL : "libcurl.so.4 is not on this machine (apt-get install libcurl4)";
#define FIND(name)                                                             \
	lib.name = handle ? (__typeof__(lib.name))dlsym(handle, #name) : NULL; \
	if (handle && !lib.name)                                               \
		missing = "libcurl.so.4 has no " #name;
	FF_CURL_FUNCTIONS(FIND)
#undef FIND
	if (!missing && lib.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		missing = "libcurl does not start";
}

struct ff_error *ff_curl(const struct ff_curl **ret)
{
	pthread_once(&once, open_library);
	*ret = &lib;
	return missing ? ff_error_create(FF_EABSENT, "%s", missing) : NULL;
}
