// The paths of the page: each is a document that the documents' thread makes, named by what was asked.
//
//	GET /v1/explain/6d33aaf891b5c191?fleet=paris
//
// How the world lies: a worker's name may hold any character that is no control character, so it comes as one, decoded.
#include "serve/serve.h"

#include "base/str.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 256 };

static bool is_name(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return strlen(text) <= NAME_MAX_BYTES;
}

static void answer(struct ff_request *r, struct ff_answer *out, enum ff_serve_document kind)
{
	const char *fleet = ff_request_query(r, "fleet"), *failure = ff_request_query(r, "failure");
	char of[FF_DOCUMENT_OF];
	fleet = fleet ? fleet : "";
	failure = failure ? failure : "";
	if (!is_name(fleet) || !is_name(failure) || !is_name(r->rest)) {
		ff_answer_error(out, MHD_HTTP_BAD_REQUEST, "no name is so long, or has a control character");
		return;
	}
	snprintf(of, sizeof(of), "%s" FF_SERVE_BETWEEN "%s" FF_SERVE_BETWEEN "%s", fleet, r->rest, failure);
	ff_answer_document(r, out, kind, of);
}

#define DOCUMENT(name, keep_ms)                                               \
	static void serve_##name(struct ff_request *r, struct ff_answer *out) \
	{                                                                     \
		answer(r, out, FF_SERVE_##name);                              \
	}
#include "serve/documents.def"
#undef DOCUMENT

#define serve_page ff_answer_page
#define serve_web ff_answer_web
#define serve_openapi ff_answer_description

const struct ff_route ff_serve_routes[] = {
#define ROUTE(path, flags, name, types, help) {path, flags, serve_##name, types, help},
#include "serve/routes.def"
#undef ROUTE
};

const size_t ff_serve_route_count = sizeof(ff_serve_routes) / sizeof(ff_serve_routes[0]);
