// firstfix-fleet: the page of a fleet, and its documents.
#pragma once

#include "agent/documents.h"
#include "fleet/source.h"

struct ff_serve_options {
	const char *listen, *token_file, *tls_cert, *tls_key, *tls_client_ca;
	int insecure;
};

struct ff_serve {
	struct ff_serve_options options;
	const char *database, *clickhouse; /**< one of them */
};

enum ff_serve_document {
#define DOCUMENT(name, keep_ms) FF_SERVE_##name,
#include "serve/documents.def"
#undef DOCUMENT
	FF_SERVE_DOCUMENTS
};

extern const struct ff_document_kind ff_serve_documents[FF_SERVE_DOCUMENTS];
extern const struct ff_route ff_serve_routes[];
extern const size_t ff_serve_route_count;

/** Between the parts of what says which document: a fleet's name, an id, a failure. No name has it. */
#define FF_SERVE_BETWEEN "\x1f"

/** Open what is asked. */
struct ff_error *ff_serve_open(const struct ff_serve *serve, struct ff_source **ret);
