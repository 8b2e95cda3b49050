// A model on the hub, of which only headers are read: the list of its files by the hub's API, the beginning of each
// file that counts by a range. HF_ENDPOINT names a mirror, HF_HUB_OFFLINE=1 forbids asking.
//
//	GET https://huggingface.co/api/models/OWNER/NAME                    {"siblings": [{"rfilename": "config.json"}, ...]}
//	GET https://huggingface.co/OWNER/NAME/resolve/main/config.json
//
// How the source lies: a gated model answers 401 or 403, a model that was renamed redirects, a mirror may know no API.
#include "model/source.h"

#include "host/hub_cache.h"
#include "host/web.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIST_MAX = 8 << 20, NAMES_MAX = 20000, TOKEN_MAX = 4096, TOKEN_PLAIN = '~' };

struct hub {
	struct ff_model_source source;
	struct ff_host *host;
	struct ff_web *web;
	char *endpoint, *repo;
};

// The token of HF_TOKEN or of the file that a login left; NULL: none. What could not stand in a header is none.
static char *token_of(struct ff_host *host)
{
	const char *name = ff_hub_token_variable(host);
	char *token = name ? strdup(ff_host_getenv(host, name)) : NULL;
	if (!name) {
		_cleanup_free_ char *file = ff_hub_token_file(host);
		_cleanup_error_ struct ff_error *none =
			file ? ff_host_read(host, file, TOKEN_MAX, &token, NULL) : &ff_enomem;
		token = none ? NULL : token;
	}
	size_t n = token ? strcspn(token, " \t\r\n") : 0;
	for (size_t i = 0; i < n; i++)
		n = token[i] <= ' ' || token[i] > TOKEN_PLAIN ? 0 : n;
	if (token)
		token[n] = 0;
	if (token && !n) {
		free(token);
		token = NULL;
	}
	return token;
}

static struct ff_error *connect_hub(struct hub *h)
{
	const char *offline = ff_host_getenv(h->host, "HF_HUB_OFFLINE");
	if (h->web)
		return NULL;
	if (offline && strchr("1yYtT", *offline) && *offline)
		return ff_error_create(
			FF_EABSENT, "%s is not on this machine, and HF_HUB_OFFLINE forbids asking the hub", h->repo);
	char *token = token_of(h->host);
	struct ff_error *err = ff_web_open(token, &h->web);
	if (token)
		explicit_bzero(token, strlen(token));
	free(token);
	return err;
}

static struct ff_error *get(
	struct hub *h, const char *url, uint64_t from, size_t n, struct ff_buf *ret, uint64_t *ret_size)
{
	struct ff_error *err = connect_hub(h);
	if (!err)
		err = ff_web_get(h->web, url, from, n, ret, ret_size);
	if (err && err->code == FF_EDENIED) {
		ff_error_destroy(err);
		return ff_error_create(FF_EDENIED,
			"%s: the hub wants a token that may read this model (accept its licence there, then HF_TOKEN)",
			url);
	}
	return err;
}

static struct ff_error *add_names(const json_t *doc, const char *url, struct ff_names *ret)
{
	const json_t *siblings = json_object_get(doc, "siblings"), *item;
	size_t i, n = json_array_size(siblings);
	if (!n || n > NAMES_MAX)
		return ff_error_create(FF_EFORMAT, "%s: no list of files", url);
	ret->names = calloc(n, sizeof(*ret->names));
	json_array_foreach (siblings, i, item) {
		const char *name = json_string_value(json_object_get(item, "rfilename"));
		char *copy = ret->names && name && !strchr(name, '/') ? strdup(name) : NULL;
		if (copy)
			ret->names[ret->n++] = copy;
	}
	return ret->names ? NULL : &ff_enomem;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct ff_error *list_repository(struct ff_model_source *s, struct ff_names *ret)
{
	struct hub *h = (struct hub *)s;
	_cleanup_buf_ struct ff_buf url = {0}, text = {0};
	_cleanup_json_ json_t *doc = NULL;
	ff_buf_printf(&url, "%s/api/models/%s", h->endpoint, h->repo);
	struct ff_error *err = url.failed ? &ff_enomem : get(h, url.p, 0, LIST_MAX, &text, NULL);
	if (!err)
		err = ff_json_parse(url.p, text.p ? text.p : "", text.n, &doc);
	if (!err)
		err = add_names(doc, url.p, ret);
	if (!err)
		qsort(ret->names, ret->n, sizeof(*ret->names), by_name);
	return err;
}

static struct ff_error *read_repository(
	struct ff_model_source *s, const char *name, uint64_t from, size_t n, struct ff_buf *ret, uint64_t *ret_size)
{
	struct hub *h = (struct hub *)s;
	_cleanup_buf_ struct ff_buf url = {0};
	ff_buf_printf(&url, "%s/%s/resolve/main/", h->endpoint, h->repo);
	for (const unsigned char *c = (const unsigned char *)name; *c; c++) // names come from the hub's own list
		if (*c > ' ' && *c < 127 && !strchr("%?#\"<>\\^`{|}", *c))
			ff_buf_char(&url, (char)*c);
		else
			ff_buf_printf(&url, "%%%02X", *c);
	return url.failed ? &ff_enomem : get(h, url.p, from, n, ret, ret_size);
}

static void close_hub(struct ff_model_source *s)
{
	struct hub *h = (struct hub *)s;
	ff_web_close(h->web);
	free(h->endpoint);
	free(h->repo);
}

static bool is_repository(struct ff_span name)
{
	size_t slashes = 0;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!plain && !strchr("-._/", c))
			return false;
		slashes += c == '/';
	}
	return slashes == 1 && name.p[0] != '/' && name.p[name.n - 1] != '/' && name.p[0] != '.' &&
		!memmem(name.p, name.n, "..", 2);
}

struct ff_error *ff_model_hub(struct ff_host *host, const char *what, struct ff_model_source **ret)
{
	const char *set = ff_host_getenv(host, "HF_ENDPOINT");
	const char *endpoint = set && *set ? set : "https://huggingface.co";
	const char *name = what, *scheme = strstr(what, "://");
	if (scheme && strchr(scheme + 3, '/'))
		name = strchr(scheme + 3, '/') + 1; // an address: of a page of the hub, or of a mirror
	const char *colon = strchr(name, ':');
	struct ff_span repo = {name, colon ? (size_t)(colon - name) : strlen(name)};
	while (repo.n && repo.p[repo.n - 1] == '/')
		repo.n--;
	if (!repo.n || !is_repository(repo))
		return ff_error_create(FF_EABSENT, "%s: no file or folder, and no OWNER/NAME of the hub", what);
	struct hub *h = calloc(1, sizeof(*h));
	if (!h)
		return &ff_enomem;
	*h = (struct hub){.host = host,
		.endpoint = strdup(endpoint),
		.repo = ff_span_dup(repo),
		.source = {list_repository, read_repository, close_hub, strdup(what), "hub",
			colon && colon[1] ? strdup(colon + 1) : NULL}};
	*ret = &h->source;
	if (h->endpoint && h->repo && h->source.place)
		return NULL;
	ff_model_source_close(*ret);
	*ret = NULL;
	return &ff_enomem;
}
