// Reading parts of files from a server of HTTP: the hub's model files, of which only the headers are wanted.
#pragma once

#include "base/error.h"
#include "base/str.h"

struct ff_web;

/** A connection that is used again for each request. `token` may be NULL; it goes to the first host alone, whatever
    that redirects to. */
struct ff_error *ff_web_open(const char *token, struct ff_web **ret);
void ff_web_close(struct ff_web *web);

static inline void ff_cleanup_web(struct ff_web **web)
{
	ff_web_close(*web);
}

#define _cleanup_web_ __attribute__((__cleanup__(ff_cleanup_web)))

/** GET bytes `from` to `from` + `n` - 1 of a file (a shorter file gives what it has). *ret_size may be NULL; it is the
    file's whole size, 0 where the server does not say. FF_EABSENT: there is no such file; FF_EDENIED: not with this
    token; others with what the server or the network said. */
struct ff_error *ff_web_get(
	struct ff_web *web, const char *url, uint64_t from, size_t n, struct ff_buf *ret, uint64_t *ret_size);
