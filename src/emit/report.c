// `firstfix report`: a document of facts as sections of lines, with labels that people search for in their old logs. A
// section is a table of lines; this file walks the tables. A fact that is not there shows no line, except where a
// reader would look for it: then the line says "not known" and why.
#include "emit/report.h"

static const struct {
	const char *title;
	void (*write)(struct ff_report *r);
	bool brief; // also in a brief report
} sections[] = {
	{"PyTorch & CUDA Configuration", ff_report_torch, true},
	{"BitsAndBytes Configuration", ff_report_quantization, true},
	{"Transformers Integration", ff_report_packages},
	{"System & Container Info", ff_report_system, true},
	{"Critical Environment Variables", ff_report_env, true},
	{"Driver & GPU Health", ff_report_driver, true},
	{"CUDA Libraries", ff_report_libraries},
	{"All other facts", ff_report_rest},
	{"Not known", ff_report_misses},
};

// An entry of `errors` explains a path when it names it, or something above or below it.
static bool explains(const char *fact, const char *path)
{
	size_t n = strlen(fact), m = strlen(path), least = n < m ? n : m;
	return memcmp(fact, path, least) == 0 && (n == m || (n < m ? path : fact)[least] == '.');
}

const char *ff_report_reason(const json_t *doc, const char *path)
{
	const json_t *errors = json_object_get(doc, "errors");
	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *miss = json_array_get(errors, i);
		const char *fact = json_string_value(json_object_get(miss, "fact"));
		const char *probe = json_string_value(json_object_get(miss, "probe"));
		if ((fact && explains(fact, path)) || (!fact && probe && ff_starts(path, probe)))
			return json_string_value(json_object_get(miss, "text"));
	}
	return NULL;
}

const char *ff_report_version(const json_t *doc, const char *package)
{
	const char *own = ff_json_text(json_object_get(doc, package), "version");
	const json_t *listed = json_object_get(ff_json_at(doc, "python.packages"), package);
	return own ? own : ff_json_text(listed, "version");
}

// False when --only left out the probe that would know (probes are named as the top of what they find).
static bool was_asked(const json_t *doc, const char *path)
{
	const json_t *ran = json_object_get(doc, "probe_ms");
	_cleanup_free_ char *probe = strndup(path, strcspn(path, "."));
	return !ran || (probe && json_object_get(ran, probe));
}

bool ff_report_unknown(const json_t *doc, const char *path, const char *or_path, struct ff_buf *out)
{
	const char *reason = ff_report_reason(doc, path);
	if (!reason && or_path)
		reason = ff_report_reason(doc, or_path);
	if (!reason && !was_asked(doc, path))
		return false;
	ff_buf_printf(out, "not known%s%s%s", reason ? " (" : "", reason ? reason : "", reason ? ")" : "");
	return true;
}

void ff_report_show(struct ff_report *r, const json_t *scope, const struct ff_report_line *line)
{
	_cleanup_buf_ struct ff_buf text = {0};
	const json_t *value = line->path ? ff_json_at(scope, line->path) : NULL;
	struct ff_cell cell = {.doc = r->doc,
		.scope = scope,
		.value = value,
		.out = &text,
		.mark = line->mark,
		.verbose = r->page->style->verbose};
	bool shown = line->write ? (!line->path || value) && line->write(&cell) : value && ff_value_text(value, &text);
	r->page->out.failed |= text.failed;
	bool expected = line->expected && (!line->expected[0] || ff_json_at(r->doc, line->expected));
	if (!shown && expected && line->path && ff_report_unknown(r->doc, line->path, NULL, &text)) {
		shown = true;
		cell.mark = FF_MARK_NONE;
	}
	r->page->out.failed |= text.failed;
	if (shown)
		ff_page_line(r->page, cell.mark, line->label, (struct ff_span){text.p, text.n});
}

void ff_report_lines(struct ff_report *r, const json_t *scope, const struct ff_report_line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!lines[i].aside || !r->page->style->brief)
			ff_report_show(r, scope, &lines[i]);
	}
}

static struct ff_error *write_report(const json_t *doc, struct ff_page *page, char **ret)
{
	struct ff_report r = {.doc = doc, .page = page};
	const char *at = ff_json_text(doc, "taken_at");
	ff_page_title(page, "FIRSTFIX REPORT", at ? at : "");
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (page->style->brief && !sections[i].brief)
			continue;
		ff_page_section(page, sections[i].title);
		sections[i].write(&r);
	}
	return ff_page_finish(page, ret);
}

struct ff_error *ff_report_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_text, .style = style};
	return write_report(doc, &page, ret);
}

struct ff_error *ff_report_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_markdown, .style = style, .fold = true};
	return write_report(doc, &page, ret);
}
