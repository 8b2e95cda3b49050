// firstfix.diff/1 for a person: what changed, most telling first.
//
//	What the diagnosis rests on
//	   torch.version: 2.3.1+cu121 -> 2.6.0+cu124
//	   env.BNB_CUDA_VERSION: 121 -> not set
#include "emit/diff.h"

#include "emit/page.h"
#include "emit/report.h"

enum { FEW = 40 };

// Weights of know/facts_diff.c, from the most telling on.
static const struct {
	int64_t least;
	const char *title;
} parts[] = {
	{100, "What the diagnosis rests on"},
	{70, "What most often breaks a worker"},
	{1, "Everything else"},
};

static void side_text(const json_t *change, const char *side, struct ff_buf *out)
{
	const json_t *value = json_object_get(change, side);
	size_t before = out->n;
	if (!value || !ff_value_text(value, out))
		ff_buf_str(out, value ? "none" : "not there");
	else if (out->n == before)
		ff_buf_str(out, "empty");
}

static void say_change(struct ff_page *page, const json_t *change)
{
	_cleanup_buf_ struct ff_buf text = {0};
	const char *path = ff_json_text(change, "path");
	side_text(change, "before", &text);
	ff_buf_str(&text, " -> ");
	side_text(change, "after", &text);
	page->out.failed |= text.failed;
	if (!text.failed)
		ff_page_line(page, FF_MARK_NONE, path ? path : "?", (struct ff_span){text.p, text.n});
}

static size_t part_of(int64_t weight)
{
	size_t part = 0;
	while (part + 1 < sizeof(parts) / sizeof(parts[0]) && weight < parts[part].least)
		part++;
	return part;
}

static struct ff_error *write_diff(const json_t *doc, struct ff_page *page, char **ret)
{
	const json_t *changes = json_object_get(doc, "changed");
	size_t n = json_array_size(changes), shown = 0, part = SIZE_MAX;
	_cleanup_buf_ struct ff_buf count = {0};
	ff_buf_printf(&count, "%zu", n);
	ff_page_title(page, n ? "WHAT CHANGED" : "Nothing changed", n && !count.failed ? count.p : "");
	for (; shown < n && (shown < FEW || page->style->verbose); shown++) {
		const json_t *change = json_array_get(changes, shown);
		int64_t weight = 0;
		ff_json_int(change, "weight", &weight);
		if (part != part_of(weight)) {
			part = part_of(weight);
			ff_page_section(page, parts[part].title);
		}
		say_change(page, change);
	}
	if (shown < n)
		ff_page_say(page, FF_MARK_NONE, "", "and %zu more: --verbose lists them", n - shown);
	return ff_page_finish(page, ret);
}

struct ff_error *ff_diff_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_text, .style = style};
	return write_diff(doc, &page, ret);
}

struct ff_error *ff_diff_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	struct ff_page page = {.look = &ff_look_markdown, .style = style};
	return write_diff(doc, &page, ret);
}
