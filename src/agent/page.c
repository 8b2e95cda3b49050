// The page: files of web/ that travel inside the agent. They hold no data: what the page shows it asks for by itself,
// with the token that its reader gives. It loads nothing from elsewhere, so it works without a network.
//
// Who may ask without one gets the first answer along with the page, so that it shows something one question sooner:
//
//	GET /                  -> index.html, <script type="application/json" id="told">{"state":"busy",...}</script>
//	GET /web/page.js       -> page.js, which tools/web-bundle.py makes of the modules
#include "agent/http.h"
#include "agent/masked.h"
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

static void describe(const char *name, struct ff_answer *out)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (ff_ends(name, types[i].ending))
			out->type = types[i].type;
	}
	out->policy = policy;
}

static void answer_file(const char *name, struct ff_answer *out)
{
	const struct ff_span *file = file_of(name);
	if (!file) {
		ff_answer_error(out, MHD_HTTP_NOT_FOUND, "the page has no such part");
		return;
	}
	describe(name, out);
	out->made = MHD_create_response_from_buffer(file->n, (void *)file->p, MHD_RESPMEM_PERSISTENT);
	if (out->made)
		ff_answer_headers(out->made, out);
	else
		out->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
}

// A document as a block of data that no browser executes and that ends nowhere but at its end.
static void write_told(const json_t *document, struct ff_buf *out)
{
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_error_ struct ff_error *err = ff_masked_text(document, &text);
	ff_buf_str(out, "<script type=\"application/json\" id=\"told\">");
	for (size_t i = 0; !err && i < text.n; i++) {
		if (text.p[i] == '<')
			ff_buf_str(out, "\\u003c");
		else
			ff_buf_char(out, text.p[i]);
	}
	ff_buf_str(out, "</script>\n");
}

void ff_answer_page(struct ff_request *r, struct ff_answer *out)
{
	static const char name[] = "index.html", end[] = "</body>";
	const struct ff_http_options *options = ff_http_options(r->http);
	const struct ff_span *file = file_of(name);
	_cleanup_json_ json_t *told = r->trusted && options->told ? options->told(r->owner) : NULL;
	const char *at = told && file ? memmem(file->p, file->n, end, sizeof(end) - 1) : NULL;
	if (!at) {
		answer_file(name, out);
		return;
	}
	size_t before = (size_t)(at - file->p);
	describe(name, out);
	ff_buf_add(&out->body, file->p, before);
	write_told(told, &out->body);
	ff_buf_add(&out->body, at, file->n - before);
}

void ff_answer_web(struct ff_request *r, struct ff_answer *out)
{
	answer_file(r->rest, out);
}
