// The HTTP server: libmicrohttpd on a thread of its own, with the checks that every request passes before a handler
// sees it.
//
// A handler is one function and one row in routes.def. It runs on the server's thread, so it never blocks and never
// starts a process: what takes longer is a document (documents.h), made by another thread.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

#include <microhttpd.h>

struct ff_http;

/** One request that passed the checks. */
struct ff_request {
	union {
		void *owner;
		struct ff_agent *agent;
		struct ff_serve *serve;
	}; /**< whose server it is */
	const struct ff_http *http;
	struct MHD_Connection *connection;
	const char *rest; /**< behind the route's path, where that ends in / */
	bool trusted;	  /**< may see more than a word: it showed the token or a certificate, or none is wanted */
};

/** What is answered. A handler fills `body`, or sets `made`. */
struct ff_answer {
	unsigned status;	    /**< 0 is 200 */
	const char *type, *policy;  /**< Content-Type; Content-Security-Policy, NULL: nothing may be loaded */
	const char *header, *value; /**< one more header */
	struct ff_buf body;
	struct MHD_Response *made;   /**< a response that the handler made (a stream); its reference is taken over */
	struct MHD_Response *shared; /**< the same, but it stays the handler's */
	bool queued;		     /**< and was queued already */
	bool later;		     /**< the connection is suspended; the handler is called again when it is resumed */
};

typedef void ff_handler(struct ff_request *request, struct ff_answer *answer);

enum {
	FF_FOR_ALL = 1,	       /**< without a token too: it must say no more than a word then */
	FF_TAKES_SINCE = 2,    /**< for the description: it has the query `since` */
	FF_CAN_BE_ABSENT = 4,  /**< for the description: 404 is an answer */
	FF_OF_PAGE = 8,	       /**< for the description: for browsers, not in it */
	FF_CHANGES = 16,       /**< POST, and only of who showed who he is: there must be a token or client authority */
	FF_TAKES_FLEET = 32,   /**< for the description: it has the query `fleet` */
	FF_TAKES_FAILURE = 64, /**< for the description: it has the query `failure` */
	FF_TAKES_NEWEST = 128, /**< for the description: it has the query `newest` */
};

struct ff_route {
	const char *path; /**< ends in '/': all below it */
	unsigned flags;
	ff_handler *handler;
	const char *types; /**< media types of its answers, separated by spaces */
	const char *help;  /**< for the description of the interface and for / */
};

/** What a server is. All of it is borrowed for as long as it runs. */
struct ff_http_options {
	const char *program, *about;			/**< for the description: "firstfix agent", a sentence */
	const char *listen;				/**< ADDRESS:PORT */
	const char *tls_cert, *tls_key, *tls_client_ca; /**< files, NULL: none */
	bool insecure;					/**< serve others without a token */
	const struct ff_route *routes;
	size_t n_routes;
	void *owner; /**< of each request */
	/** What a reader of the page who may ask gets along with it; NULL: nothing. */
	json_t *(*told)(void *owner);
};

/** Listen and serve. FF_EDENIED (with what to do) for an address that is not loopback when there is neither a token nor
    an authority of clients nor `insecure`. `token` may be NULL. */
struct ff_error *ff_http_start(const struct ff_http_options *options, const char *token, struct ff_http **ret);
void ff_http_stop(struct ff_http *http);

const struct ff_http_options *ff_http_options(const struct ff_http *http);

/** Where it listens: "http://127.0.0.1:9464". */
const char *ff_http_url(const struct ff_http *http);

/** The SHA-256 of its certificate, "" without TLS. */
const char *ff_http_pin(const struct ff_http *http);

/** Cut off who takes too long to say what he wants. Call it once a second. */
void ff_http_tick(struct ff_http *http);

/** A query parameter or header of the request, NULL without. */
const char *ff_request_query(const struct ff_request *request, const char *name);
const char *ff_request_header(const struct ff_request *request, const char *name);

/** True when the request prefers this media type (it stands in Accept with a q above those of the others that we
    have). */
bool ff_request_accepts(const struct ff_request *request, const char *type);

/** Answer with a document, masked; {"error": why} with a status. */
void ff_answer_json(struct ff_answer *answer, const json_t *document);

/** The page that is embedded in the program (ff_web_files), and below /web/ what it is made of. */
ff_handler ff_answer_page, ff_answer_web;

/** OpenAPI of the server's routes. */
void ff_answer_description(struct ff_request *request, struct ff_answer *answer);

void ff_answer_error(struct ff_answer *answer, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Put the headers that every answer has on a response that a handler makes by itself. */
void ff_answer_headers(struct MHD_Response *response, const struct ff_answer *answer);
