// /v1/...: the documents of the contract, and the description of the interface.
#include "agent/agent.h"
#include "agent/answers.h"
#include "agent/documents.h"
#include "agent/stream.h"
#include "store/quarantine.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const uint64_t last_s = UINT64_C(18000000000); // nanoseconds of later moments do not fit

void ff_answer_health(struct ff_request *r, struct ff_answer *out)
{
	pthread_mutex_lock(&r->agent->lock);
	_cleanup_json_ json_t *doc = ff_health_document(r->agent);
	pthread_mutex_unlock(&r->agent->lock);
	ff_answer_json(out, doc);
}

void ff_answer_report(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_document(r, out, FF_DOC_REPORT, "");
}

void ff_answer_check(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_document(r, out, FF_DOC_CHECK, "");
}

void ff_answer_changes(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_document(r, out, FF_DOC_CHANGES, "");
}

void ff_answer_incidents(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_document(r, out, FF_DOC_INCIDENTS, "");
}

void ff_answer_quarantine(struct ff_request *r, struct ff_answer *out)
{
	ff_answer_document(r, out, FF_DOC_QUARANTINE, "");
}

// A folder is looked through and a file goes: no more than a moment, so it is done here.
void ff_answer_release(struct ff_request *r, struct ff_answer *out)
{
	unsigned n = 0;
	_cleanup_error_ struct ff_error *err = ff_quarantine_release(r->agent->dir, r->rest, &n);
	if (err && err->code != FF_EUSAGE) {
		ff_answer_error(out, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", err->message);
	} else if (err || !n) {
		ff_answer_error(out, MHD_HTTP_NOT_FOUND, "no input of this hash is held");
	} else {
		_cleanup_json_ json_t *doc = json_pack("{s:i}", "released", (int)n);
		ff_answer_json(out, doc);
	}
}

void ff_answer_incident(struct ff_request *r, struct ff_answer *out)
{
	if (r->rest[strspn(r->rest, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")])
		ff_answer_error(out, MHD_HTTP_NOT_FOUND, "no incident has this id");
	else
		ff_answer_document(r, out, FF_DOC_INCIDENT, r->rest);
}

// "90s", "10m", "2h", "1d" ago, seconds of the epoch, or RFC 3339 in UTC; rounded to a second, so that equal questions
// are one.
bool ff_answer_since(const struct ff_request *r, uint64_t otherwise_ns, uint64_t *ret)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const uint64_t second = UINT64_C(1000000000);
	const char *text = ff_request_query(r, "since");
	uint64_t now = ff_epoch_ns() / second, number = 0;
	struct tm tm = {0};
	size_t n = text ? strspn(text, "0123456789") : 0;
	if (!text) {
		*ret = otherwise_ns;
		return true;
	}
	if (n && n < 12)
		ff_span_u64((struct ff_span){text, n}, &number);
	if (n && n < 12 && !text[n]) {
		*ret = (number < last_s ? number : last_s) * second;
		return true;
	}
	for (size_t i = 0; n && n < 12 && i < sizeof(units) / sizeof(units[0]); i++)
		if (text[n] == units[i].letter && !text[n + 1]) {
			uint64_t ago = number * units[i].seconds;
			*ret = (now > ago ? now - ago : 0) * second;
			return true;
		}
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t at = rest && (!*rest || strcmp(rest, "Z") == 0) ? timegm(&tm) : -1;
	*ret = at < 0 ? 0 : ((uint64_t)at < last_s ? (uint64_t)at : last_s) * second;
	return at >= 0;
}

// A document of what came since a moment.
static void answer_since(struct ff_request *r, struct ff_answer *out, enum ff_document_kind kind)
{
	char since[32] = "";
	uint64_t at = 0;
	if (!ff_answer_since(r, 0, &at)) {
		ff_answer_error(out, MHD_HTTP_BAD_REQUEST,
			"since wants 90s, 10m, 2h, 1d, seconds of the epoch or 2026-11-23T03:14:03Z");
		return;
	}
	if (ff_request_query(r, "since"))
		snprintf(since, sizeof(since), "%llu", (unsigned long long)at);
	ff_answer_document(r, out, kind, since);
}

void ff_answer_events(struct ff_request *r, struct ff_answer *out)
{
	if (ff_request_accepts(r, "text/event-stream"))
		ff_stream_begin(r, out);
	else
		answer_since(r, out, FF_DOC_EVENTS);
}

void ff_answer_memory(struct ff_request *r, struct ff_answer *out)
{
	answer_since(r, out, FF_DOC_MEMORY);
}

// --- the description ---

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

static json_t *parameters_of(const struct ff_route *route, bool below)
{
	json_t *list = json_array();
	if (below)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:b, s:{s:s, s:i, s:s}}", "name", "id", "in", "path", "required", 1,
				"schema", "type", "string", "minLength", 1, "pattern", "^[0-9A-Za-z_-]+$"));
	if (route->flags & FF_TAKES_SINCE)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:b, s:{s:s, s:s}}", "name", "since", "in", "query", "required", 0,
				"schema", "type", "string", "pattern",
				"^([0-9]{1,11}[smhd]?|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])T([01][0-9]|2[0-3]):"
				"[0-5][0-9]:[0-5][0-9]Z?)$"));
	return list;
}

static json_t *responses_of(const struct ff_route *route)
{
	static const struct {
		const char *code, *what;
		unsigned when;
	} rows[] = {{"400", "The question makes no sense", FF_TAKES_SINCE}, {"401", "A token is wanted", 0},
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

void ff_answer_openapi(struct ff_request *r, struct ff_answer *out)
{
	json_t *paths = json_object();
	(void)r;
	for (size_t i = 0; i < ff_route_count; i++) {
		const struct ff_route *route = &ff_routes[i];
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
	_cleanup_json_ json_t *doc =
		json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:{s:{s:s, s:s}}}}", "openapi", "3.0.3", "info", "title",
			"firstfix agent", "version", FF_VERSION, "description", "How a GPU worker is.", "paths", paths,
			"components", "securitySchemes", "token", "type", "http", "scheme", "bearer");
	_cleanup_free_ char *text = doc ? json_dumps(doc, JSON_INDENT(1) | JSON_ENSURE_ASCII) : NULL;
	out->type = "application/json";
	if (text)
		ff_buf_str(&out->body, text);
	else
		out->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
}
