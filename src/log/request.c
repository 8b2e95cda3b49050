// Takes the method and path out of a line of an access log, as far as they tell kinds of work apart:
//
//	10.0.0.7:4000 - "POST /v1/chat/completions HTTP/1.1" 200 OK          uvicorn, gunicorn, nginx, envoy
//	[GIN] 2026/05/14 - 10:12:01 | 200 | 1.8s | 10.0.0.7 | POST "/api/chat"
//	srv log_server_r: request: POST /v1/chat/completions 127.0.0.1 200   llama.cpp
//
// How it lies: paths hold names of the things asked for (/jobs/812, /files/5f0c9a), and a query behind '?'.
#include "log/request.h"

#include "base/hash.h"

#include <string.h>

enum { PATH_KEPT = 256, VERSION = 3, NAME = 32 };

static const char *const methods[] = {"POST ", "GET ", "PUT ", "PATCH ", "DELETE "};

static const char *find(struct ff_span text, const char *word)
{
	return memmem(text.p, text.n, word, strlen(word));
}

// The method and what follows it, empty when none stands in the text.
static struct ff_span from_method(struct ff_span text)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		const char *at = find(text, methods[i]);
		if (at && (at == text.p || !((at[-1] | 32) >= 'a' && (at[-1] | 32) <= 'z')))
			return (struct ff_span){at, text.n - (size_t)(at - text.p)};
	}
	return (struct ff_span){text.p, 0};
}

// Where the path begins, NULL when something else stands behind the method: a client names the whole address.
static const char *path_of(struct ff_span rest)
{
	const char *p = rest.p, *end = rest.p + rest.n;
	while (p < end && *p >= 'A' && *p <= 'Z')
		p++;
	while (p < end && (*p == ' ' || *p == '"' || *p == '\\'))
		p++;
	return p < end && *p == '/' ? p : NULL;
}

static bool ends_path(char c)
{
	return c == ' ' || c == '"' || c == '?' || c == '\'' || c == '\\' || c == '\t';
}

// The part's text where it is the name of a kind ("v1", "completions"), nothing where it names one thing.
static size_t add_part(char *kept, size_t n, size_t room, struct ff_span part)
{
	bool digit = false, number = part.n && part.p[0] >= '0' && part.p[0] <= '9';
	for (size_t i = 0; i < part.n; i++)
		digit |= part.p[i] >= '0' && part.p[i] <= '9';
	if (number || (digit && part.n > VERSION) || part.n > NAME || part.n + 1 > room - n)
		part.n = 0;
	memcpy(kept + n, part.p, part.n);
	n += part.n;
	kept[n] = '/';
	return n + (n + 1 < room);
}

uint64_t ff_request_of(struct ff_span text)
{
	char kept[PATH_KEPT];
	struct ff_span rest = from_method(text);
	const char *path = path_of(rest);
	if (!path)
		return FF_REQUEST_NONE;
	size_t n = 2;
	memcpy(kept, rest.p, n); // POST, PUT and PATCH differ there
	const char *end = path;
	while (end < rest.p + rest.n && !ends_path(*end))
		end++;
	struct ff_span parts = {path, (size_t)(end - path)}, part;
	while (ff_span_next(&parts, '/', &part))
		n = add_part(kept, n, sizeof(kept), part);
	uint64_t hash = ff_hash((struct ff_span){kept, n}, false);
	return hash > FF_REQUEST_ANY ? hash : hash + 2;
}
