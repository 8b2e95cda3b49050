// The page for a person at a terminal or reading a log: titles between rules, a mark in front of each line that judges.
//
//	----------------------------------------------------------------------
//	PyTorch & CUDA Configuration
//	----------------------------------------------------------------------
//	✅ PyTorch Version: 2.3.1+cu121
//
// Prose is wrapped at spaces, under an indent, so that no part of a value can stand where a line begins. Paths and
// commands are never broken: they are to be copied.
#include "base/clean.h"
#include "base/wrap.h"
#include "emit/page.h"

enum { RULE_COLUMNS = 70, INDENT = 5, BOX_INDENT = 4 };

static const struct {
	const char *utf8, *ascii, *colour;
} marks[FF_MARKS] = {
	[FF_MARK_NONE] = {"  ", "   ", ""},
	[FF_MARK_OK] = {"\u2705", "[ok]", "\033[32m"},
	[FF_MARK_WARN] = {"\u26a0\ufe0f ", "[warn]", "\033[33m"},
	[FF_MARK_FAIL] = {"\u274c", "[fail]", "\033[31m"},
	[FF_MARK_GPU] = {"\U0001f3ae", "[gpu]", ""},
	[FF_MARK_MEMORY] = {"\U0001f4be", "[mem]", ""},
	[FF_MARK_PACKAGE] = {"\U0001f4e6", "[pkg]", ""},
	[FF_MARK_SETTING] = {"\U0001f527", "[set]", ""},
	[FF_MARK_NUMBER] = {"\U0001f522", "[info]", ""},
	[FF_MARK_COUNT] = {"\U0001f4ca", "[info]", ""},
	[FF_MARK_PYTHON] = {"\U0001f40d", "[info]", ""},
	[FF_MARK_MACHINE] = {"\U0001f5a5\ufe0f ", "[info]", ""},
	[FF_MARK_LIST] = {"\U0001f4cb", "[info]", ""},
};

static void colour(struct ff_page *page, const char *code)
{
	if (page->style->colour && code[0])
		ff_buf_str(&page->out, code);
}

static void rule(struct ff_page *page, char c)
{
	size_t n = ff_page_columns(page);
	for (n = n > RULE_COLUMNS ? RULE_COLUMNS : n; n; n--)
		ff_buf_char(&page->out, c);
	ff_buf_char(&page->out, '\n');
}

static void section(struct ff_page *page, struct ff_span text)
{
	ff_buf_char(&page->out, '\n');
	rule(page, '-');
	colour(page, "\033[1m");
	ff_buf_span(&page->out, text);
	colour(page, "\033[0m");
	ff_buf_char(&page->out, '\n');
	rule(page, '-');
}

static void end_section(struct ff_page *page)
{
	(void)page;
}

// Words of `text`, going on at column `at`; a new line begins with `indent` spaces. Gives the column behind them.
static size_t wrap(struct ff_page *page, struct ff_span text, size_t at, size_t indent)
{
	const struct ff_wrap how = {.columns = ff_page_columns(page),
		.indent = indent,
		.rows = page->line_rows,
		.more = "...",
		.lists = page->style->columns > 0}; // on a terminal; what is piped is searched for paths
	return ff_wrap(&how, text, at, &page->out);
}

static void title(struct ff_page *page, struct ff_span text, struct ff_span beside)
{
	rule(page, '=');
	colour(page, "\033[1m");
	size_t at = wrap(page, text, 0, INDENT);
	colour(page, "\033[0m");
	if (beside.n)
		ff_buf_str(&page->out, at + 2 + ff_clean_width(beside) <= ff_page_columns(page) ? "  " : "\n");
	ff_buf_span(&page->out, beside);
	ff_buf_char(&page->out, '\n');
	rule(page, '=');
}

// The mark and a space; where values align, each mark takes the room of the widest.
static size_t put_sign(struct ff_page *page, const char *sign)
{
	enum { WIDEST_ASCII = sizeof("[warn]") - 1 };
	size_t width = ff_clean_width(ff_span_of(sign)), fill = 0;
	if (page->label_columns && !page->style->utf8)
		fill = WIDEST_ASCII - width;
	ff_buf_printf(&page->out, "%s %*s", sign, (int)fill, "");
	return width + 1 + fill;
}

static void line(struct ff_page *page, enum ff_mark mark, struct ff_span label, struct ff_span value)
{
	const char *sign = page->style->utf8 ? marks[mark].utf8 : marks[mark].ascii;
	colour(page, marks[mark].colour);
	size_t at = put_sign(page, sign);
	ff_buf_span(&page->out, label);
	at += ff_clean_width(label);
	if (value.n && label.n) {
		size_t room =
			page->label_columns > ff_clean_width(label) ? page->label_columns - ff_clean_width(label) : 0;
		ff_buf_printf(&page->out, ": %*s", (int)room, "");
		at += 2 + room;
	}
	wrap(page, value, at, page->label_columns ? at : INDENT);
	colour(page, marks[mark].colour[0] ? "\033[0m" : "");
	ff_buf_char(&page->out, '\n');
}

static void paragraph(struct ff_page *page, struct ff_span text)
{
	wrap(page, text, 0, 0);
	ff_buf_char(&page->out, '\n');
}

static void box_rule(struct ff_page *page)
{
	size_t n = ff_page_columns(page);
	n = n > RULE_COLUMNS ? RULE_COLUMNS : n;
	ff_buf_printf(&page->out, "%*s", BOX_INDENT, "");
	for (n -= BOX_INDENT; n; n--)
		ff_buf_str(&page->out, page->style->utf8 ? "\u2500" : "-");
	ff_buf_char(&page->out, '\n');
}

// No sides: what stands between the rules is copied as it is.
static void box(struct ff_page *page, struct ff_span text)
{
	struct ff_span rest = text, one;
	if (!page->bare_boxes)
		box_rule(page);
	while (ff_span_next(&rest, '\n', &one)) {
		ff_buf_printf(&page->out, "%*s", BOX_INDENT, "");
		colour(page, "\033[1m");
		ff_buf_span(&page->out, one);
		colour(page, "\033[0m");
		ff_buf_char(&page->out, '\n');
	}
	if (!page->bare_boxes)
		box_rule(page);
}

const struct ff_page_look ff_look_text = {title, section, end_section, line, paragraph, box};
