// The description of a server's interface, made of its routes.
//
//	{"openapi": "3.0.3", "paths": {"/v1/incidents/{id}": {"get": {"parameters": [...], "responses": {...}}}}}
#include "agent/http.h"

#include <stdio.h>
#include <string.h>

static json_t *content(const char *type)
{
	return strcmp(type, "application/json") == 0
		? json_pack("{s:{s:{s:s}}}", "application/json", "schema", "type", "object")
		: json_pack("{s:{s:{s:s}}}", type, "schema", "type", "string");
}

static json_t *described(const char *what, json_t *of)
{
	return json_pack("{s:s, s:o}", "description", what, "content", of);
}

// What may stand behind a path's question mark.
static const struct {
	unsigned flag;
	const char *name, *pattern;
} queries[] = {
	{FF_TAKES_SINCE, "since",
		"^([0-9]{1,11}[smhd]?|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])T([01][0-9]|2[0-3]):"
		"[0-5][0-9]:[0-5][0-9]Z?)$"},
	{FF_TAKES_NEWEST, "newest", "^[1-9][0-9]{0,3}$"},
	{FF_TAKES_FLEET, "fleet", "^[^\\x00-\\x1f]{1,256}$"},
	{FF_TAKES_FAILURE, "failure", "^[0-9a-f]{1,16}$"},
};

static json_t *parameters_of(const struct ff_route *route, bool below)
{
	json_t *list = json_array();
	if (below)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:b, s:{s:s, s:i, s:s}}", "name", "id", "in", "path", "required", 1,
				"schema", "type", "string", "minLength", 1, "pattern", "^[0-9A-Za-z_-]+$"));
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		if (route->flags & queries[i].flag)
			json_array_append_new(list,
				json_pack("{s:s, s:s, s:b, s:{s:s, s:s}}", "name", queries[i].name, "in", "query",
					"required", 0, "schema", "type", "string", "pattern", queries[i].pattern));
	return list;
}

static json_t *responses_of(const struct ff_route *route)
{
	static const struct {
		const char *code, *what;
		unsigned when;
	} rows[] = {{"400", "The question makes no sense",
			    FF_TAKES_SINCE | FF_TAKES_NEWEST | FF_TAKES_FLEET | FF_TAKES_FAILURE},
		{"401", "A token is wanted", 0},
		{"403", "Asked by a page of another origin, or for a name that is not ours", 0},
		{"404", "There is none", FF_CAN_BE_ABSENT}, {"413", "A request has no body here", 0},
		{"503", "Not now", 0}};
	json_t *ok = json_object(), *all = json_object();
	struct ff_span types = ff_span_of(route->types), type;
	while (types.n && ff_span_next(&types, ' ', &type)) {
		char name[64];
		snprintf(name, sizeof(name), "%.*s", (int)type.n, type.p);
		json_t *one = content(name);
		json_object_update(ok, one);
		json_decref(one);
	}
	bool probe = route->flags & FF_FOR_ALL;
	json_object_set_new(all, "200", described(route->help, json_incref(ok)));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].when && !(route->flags & rows[i].when))
			continue;
		json_t *of = content("application/json");
		if (probe && strcmp(rows[i].code, "503") == 0)
			json_object_update(of, ok);
		json_object_set_new(all, rows[i].code, described(rows[i].what, of));
	}
	json_decref(ok);
	return all;
}

void ff_answer_description(struct ff_request *r, struct ff_answer *out)
{
	json_t *paths = json_object();
	const struct ff_http_options *of = ff_http_options(r->http);
	for (size_t i = 0; i < of->n_routes; i++) {
		const struct ff_route *route = &of->routes[i];
		if (route->flags & FF_OF_PAGE)
			continue;
		size_t n = strlen(route->path);
		bool below = n > 1 && route->path[n - 1] == '/';
		char path[128];
		snprintf(path, sizeof(path), "%s%s", route->path, below ? "{id}" : "");
		json_t *get = json_pack("{s:s, s:o, s:o}", "summary", route->help, "parameters",
			parameters_of(route, below), "responses", responses_of(route));
		json_object_set_new(paths, path, json_pack("{s:o}", route->flags & FF_CHANGES ? "post" : "get", get));
	}
	_cleanup_json_ json_t *doc = json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:{s:{s:s, s:s}}}}", "openapi",
		"3.0.3", "info", "title", of->program, "version", FF_VERSION, "description", of->about, "paths", paths,
		"components", "securitySchemes", "token", "type", "http", "scheme", "bearer");
	_cleanup_free_ char *text = doc ? json_dumps(doc, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
	out->type = "application/json";
	if (text)
		ff_buf_str(&out->body, text);
	else
		out->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
}
