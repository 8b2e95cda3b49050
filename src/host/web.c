// HTTP by libcurl, for reading alone: redirects within limits, https after https, ranges, deadlines.
//
// How the source lies: a server may ignore a range and send the whole file, say another size, redirect in circles to
// other hosts, trickle for hours, or answer with a sign-in page and 200.
#include "host/web.h"

#include "host/curl.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNECT_MS = 10000, TOTAL_MS = 60000, REDIRECTS = 5, SLOW_BYTES = 1, SLOW_S = 15, RANGE_MAX = 64 };

struct ff_web {
	const struct ff_curl *lib;
	CURL *curl;
	struct ff_buf *into;
	size_t room; // what of the answer is still wanted
	unsigned long long size;
	char error[CURL_ERROR_SIZE];
};

static size_t take_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct ff_web *web = arg;
	size_t wanted = size * n < web->room ? size * n : web->room;
	ff_buf_add(web->into, bytes, wanted);
	web->room -= wanted;
	return wanted; // less than came: the server ignores ranges, and the rest is not read
}

// "Content-Range: bytes 0-7/881674697"; of a whole answer "Content-Length: 881674697".
static size_t take_header(char *bytes, size_t size, size_t n, void *arg)
{
	struct ff_web *web = arg;
	char line[256];
	unsigned long long whole;
	size_t length = size * n < sizeof(line) - 1 ? size * n : sizeof(line) - 1;
	memcpy(line, bytes, length);
	line[length] = 0;
	if (strncasecmp(line, "HTTP/", 5) == 0)
		web->size = 0; // of a redirect
	else if (strncasecmp(line, "Content-Range:", 14) == 0 && sscanf(line + 14, " bytes %*u-%*u/%llu", &whole) == 1)
		web->size = whole;
	else if (!web->size && strncasecmp(line, "Content-Length:", 15) == 0 && sscanf(line + 15, " %llu", &whole) == 1)
		web->size = whole;
	return size * n;
}

static bool set_options(struct ff_web *web, const char *token)
{
	const struct {
		CURLoption option;
		long number;
	} numbers[] = {{CURLOPT_TIMEOUT_MS, TOTAL_MS}, {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
		{CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES}, {CURLOPT_LOW_SPEED_TIME, SLOW_S}, {CURLOPT_NOSIGNAL, 1},
		{CURLOPT_NOPROGRESS, 1}, {CURLOPT_FOLLOWLOCATION, 1}, {CURLOPT_MAXREDIRS, REDIRECTS}};
	bool good = true;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		good = good && web->lib->curl_easy_setopt(web->curl, numbers[i].option, numbers[i].number) == CURLE_OK;
	const struct {
		CURLoption option;
		const void *value;
	} values[] = {{CURLOPT_USERAGENT, "firstfix/" FF_VERSION}, {CURLOPT_ERRORBUFFER, web->error},
		{CURLOPT_WRITEDATA, web}, {CURLOPT_HEADERDATA, web}, {CURLOPT_XOAUTH2_BEARER, token}};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		good = good &&
			(!values[i].value ||
				web->lib->curl_easy_setopt(web->curl, values[i].option, values[i].value) == CURLE_OK);
	return good &&
		(!token || web->lib->curl_easy_setopt(web->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) == CURLE_OK) &&
		web->lib->curl_easy_setopt(web->curl, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK &&
		web->lib->curl_easy_setopt(web->curl, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK;
}

struct ff_error *ff_web_open(const char *token, struct ff_web **ret)
{
	const struct ff_curl *lib;
	struct ff_error *err = ff_curl(&lib);
	if (err)
		return err;
	struct ff_web *web = calloc(1, sizeof(*web));
	if (!web)
		return &ff_enomem;
	*web = (struct ff_web){.lib = lib, .curl = lib->curl_easy_init()};
	if (!web->curl || !set_options(web, token)) {
		ff_web_close(web);
		return ff_error_create(FF_EOS, "libcurl takes no options");
	}
	*ret = web;
	return NULL;
}

void ff_web_close(struct ff_web *web)
{
	if (web && web->curl)
		web->lib->curl_easy_cleanup(web->curl);
	free(web);
}

static struct ff_error *judge(struct ff_web *web, const char *url, uint64_t from, CURLcode code)
{
	long status = 0;
	bool enough = code == CURLE_WRITE_ERROR && !web->room;
	web->lib->curl_easy_getinfo(web->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK && !enough)
		return ff_error_create(
			FF_EOS, "%s: %s", url, web->error[0] ? web->error : web->lib->curl_easy_strerror(code));
	if (from && status == 200)
		return ff_error_create(FF_EUNSUPPORTED, "%s: the server gives no part of a file", url);
	if (status / 100 == 2)
		return NULL;
	enum ff_code kind = status == 404 || status == 416 ? FF_EABSENT
		: status == 401 || status == 403	   ? FF_EDENIED
							   : FF_EOS;
	return ff_error_create(kind, "%s: the server answers %ld", url, status);
}

struct ff_error *ff_web_get(
	struct ff_web *web, const char *url, uint64_t from, size_t n, struct ff_buf *ret, uint64_t *ret_size)
{
	char range[RANGE_MAX];
	snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)from, (unsigned long long)from + n - 1);
	if (!ff_starts(url, "http://") && !ff_starts(url, "https://"))
		return ff_error_create(FF_EUSAGE, "%s: no address of http or https", url);
	web->into = ret;
	web->room = n;
	web->size = 0;
	web->error[0] = 0;
	if (web->lib->curl_easy_setopt(web->curl, CURLOPT_URL, url) != CURLE_OK ||
		web->lib->curl_easy_setopt(web->curl, CURLOPT_RANGE, range) != CURLE_OK)
		return &ff_enomem;
	struct ff_error *err = judge(web, url, from, web->lib->curl_easy_perform(web->curl));
	if (err)
		return err;
	if (ret_size)
		*ret_size = web->size;
	return ret->failed ? &ff_enomem : NULL;
}
