// Opens libcurl, once a process. Its header alone is needed to build.
#include "host/curl.h"

#include "base/cleanup.h"
#include "host/dl.h"

#include <pthread.h>
#include <stdio.h>

static const struct ff_dl_symbol symbols[] = {
#define ROW(name) {#name, offsetof(struct ff_curl, name)},
	FF_CURL_FUNCTIONS(ROW)
#undef ROW
};

enum { N_SYMBOLS = sizeof(symbols) / sizeof(symbols[0]) };

// Debian's two builds of it, and that of everybody else.
static const struct ff_dl_spec specs[] = {{"libcurl.so.4", "FIRSTFIX_CURL", symbols, N_SYMBOLS},
	{"libcurl-gnutls.so.4", "FIRSTFIX_CURL", symbols, N_SYMBOLS}};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct ff_curl lib;
static char missing[256];

static void open_library(void)
{
	bool found = false;
	for (size_t i = 0; !found && i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct ff_dl dl = {0};
		_cleanup_error_ struct ff_error *err = ff_dl_open_whole(&specs[i], &lib, &dl);
		found = !err;
		if (err && !missing[0])
			snprintf(missing, sizeof(missing), "libcurl is needed (apt-get install libcurl4): %.180s",
				err->message);
		ff_dl_deinit(&dl);
	}
	if (found)
		missing[0] = 0;
	if (found && lib.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		snprintf(missing, sizeof(missing), "libcurl does not start");
}

struct ff_error *ff_curl(const struct ff_curl **ret)
{
	pthread_once(&once, open_library);
	*ret = &lib;
	return missing[0] ? ff_error_create(FF_EABSENT, "%s", missing) : NULL;
}

size_t ff_curl_take(char *bytes, size_t size, size_t n, void *arg)
{
	struct ff_curl_answer *answer = arg;
	if (answer->bytes.n + size * n > answer->max)
		return 0;
	ff_buf_add(&answer->bytes, bytes, size * n);
	return answer->bytes.failed ? 0 : size * n;
}
