// The page: files of web/ that travel inside the agent. They hold no data: what the page shows it asks for by itself,
// with the token that its reader gives. It loads nothing from elsewhere, so it works without a network.
//
//	GET /                  -> index.html
//	GET /web/page.js       -> page.js, which tools/web-bundle.py makes of the modules
#include "agent/http.h"
#include "base/embed.h"

#include <string.h>

extern const struct ff_embedded ff_web_files[];
extern const size_t ff_web_file_count;

static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
			     "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct {
	const char *ending, *type;
} types[] = {{".html", "text/html; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"}};

static const struct ff_span *file_of(const char *name)
{
	for (size_t i = 0; i < ff_web_file_count; i++) {
		if (strcmp(ff_web_files[i].name, name) == 0)
			return &ff_web_files[i].text;
	}
	return NULL;
}

static void answer_file(const char *name, struct ff_answer *out)
{
	const struct ff_span *file = file_of(name);
	if (!file) {
		ff_answer_error(out, MHD_HTTP_NOT_FOUND, "the page has no such part");
		return;
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (ff_ends(name, types[i].ending))
			out->type = types[i].type;
	}
	out->policy = policy;
	out->made = MHD_create_response_from_buffer(file->n, (void *)file->p, MHD_RESPMEM_PERSISTENT);
	if (out->made)
		ff_answer_headers(out->made, out);
	else
		out->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
}

void ff_answer_page(struct ff_request *r, struct ff_answer *out)
{
	(void)r;
	answer_file("index.html", out);
}

void ff_answer_web(struct ff_request *r, struct ff_answer *out)
{
	answer_file(r->rest, out);
}
