// libcurl, opened when it is first needed: who talks to nobody does not have it in memory, and a machine without it has
// everything else.
#pragma once

#include "base/error.h"
#include "base/str.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define FF_CURL_FUNCTIONS(X)  \
	X(curl_global_init)   \
	X(curl_easy_init)     \
	X(curl_easy_setopt)   \
	X(curl_easy_perform)  \
	X(curl_easy_getinfo)  \
	X(curl_easy_cleanup)  \
	X(curl_easy_strerror) \
	X(curl_slist_append)  \
	X(curl_slist_free_all)

/** Its functions, as its own header declares them. */
struct ff_curl {
#define FF_CURL_SLOT(name) __typeof__(name) *name;
	FF_CURL_FUNCTIONS(FF_CURL_SLOT)
#undef FF_CURL_SLOT
};

/** The library, started; FF_EABSENT with the remedy where this machine has none. From any thread. */
struct ff_error *ff_curl(const struct ff_curl **ret);

/** An answer that is kept whole. */
struct ff_curl_answer {
	struct ff_buf bytes;
	size_t max; /**< more than this ends the transfer */
};

/** A CURLOPT_WRITEFUNCTION whose CURLOPT_WRITEDATA is a struct ff_curl_answer. */
size_t ff_curl_take(char *bytes, size_t size, size_t n, void *answer);
