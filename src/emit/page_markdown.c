// The page to paste in an issue: sections fold away, values stand in code spans.
//
//	<details><summary>PyTorch &amp; CUDA Configuration</summary>
//
//	| | What | Value |
//	|-|-|-|
//	| ✅ | PyTorch Version | `2.3.1+cu121` |
//
// A value is inert: its code span is fenced by more backticks than it holds, "|" is escaped (a table cell ends at one
// even within code), and text outside of code has its Markdown and HTML characters escaped; "@name" and "#1" notify
// nobody.
#include "emit/page.h"

enum { MAX_FENCE = 64 };

static const char *const marks[FF_MARKS] = {
	[FF_MARK_NONE] = "",
	[FF_MARK_OK] = "\u2705",
	[FF_MARK_WARN] = "\u26a0\ufe0f",
	[FF_MARK_FAIL] = "\u274c",
	[FF_MARK_GPU] = "\U0001f3ae",
	[FF_MARK_MEMORY] = "\U0001f4be",
	[FF_MARK_PACKAGE] = "\U0001f4e6",
	[FF_MARK_SETTING] = "\U0001f527",
	[FF_MARK_NUMBER] = "\U0001f522",
	[FF_MARK_COUNT] = "\U0001f4ca",
	[FF_MARK_PYTHON] = "\U0001f40d",
	[FF_MARK_MACHINE] = "\U0001f5a5\ufe0f",
	[FF_MARK_LIST] = "\U0001f4cb",
};

static const char *const ascii_marks[FF_MARKS] = {
	[FF_MARK_OK] = "ok", [FF_MARK_WARN] = "**warn**", [FF_MARK_FAIL] = "**fail**"};

static void escaped(struct ff_page *page, struct ff_span text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == '<')
			ff_buf_str(&page->out, "&lt;");
		else if (c == '>')
			ff_buf_str(&page->out, "&gt;");
		else if (c == '&')
			ff_buf_str(&page->out, "&amp;");
		else if (c == '@' || c == '#')
			ff_buf_printf(&page->out, "&#%d;", c);
		else {
			if (strchr("\\`*_{}[]()!|~$", c))
				ff_buf_char(&page->out, '\\');
			ff_buf_char(&page->out, c);
		}
	}
}

static size_t longest_run(struct ff_span text, char c)
{
	size_t longest = 0, run = 0;
	for (size_t i = 0; i < text.n; i++) {
		run = text.p[i] == c ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static void repeat(struct ff_page *page, char c, size_t n)
{
	for (; n; n--)
		ff_buf_char(&page->out, c);
}

// A value in a table cell. A run of backticks that no fence would outdo, and any "|", go as escaped text instead.
static void value_cell(struct ff_page *page, struct ff_span value)
{
	size_t ticks = longest_run(value, '`');
	if (!value.n)
		return;
	if (ticks >= MAX_FENCE || memchr(value.p, '|', value.n)) {
		escaped(page, value);
		return;
	}
	bool pad = value.p[0] == '`' || value.p[value.n - 1] == '`';
	repeat(page, '`', ticks + 1);
	repeat(page, ' ', pad);
	ff_buf_span(&page->out, value);
	repeat(page, ' ', pad);
	repeat(page, '`', ticks + 1);
}

static void title(struct ff_page *page, struct ff_span text, struct ff_span beside)
{
	if (page->out.n)
		ff_buf_char(&page->out, '\n');
	ff_buf_str(&page->out, "### ");
	escaped(page, text);
	ff_buf_str(&page->out, beside.n ? " - " : "");
	escaped(page, beside);
	ff_buf_str(&page->out, "\n\n");
}

static void section(struct ff_page *page, struct ff_span text)
{
	ff_buf_str(&page->out, page->fold ? "<details><summary>" : "#### ");
	escaped(page, text);
	ff_buf_str(&page->out, page->fold ? "</summary>\n\n" : "\n\n");
	ff_buf_str(&page->out, page->fold ? "| | What | Value |\n|-|-|-|\n" : "");
}

static void end_section(struct ff_page *page)
{
	ff_buf_str(&page->out, page->fold ? "\n</details>\n" : "\n");
}

static void line(struct ff_page *page, enum ff_mark mark, struct ff_span label, struct ff_span value)
{
	const char *sign = page->style->utf8 ? marks[mark] : ascii_marks[mark];
	if (page->fold)
		ff_buf_printf(&page->out, "| %s | ", sign ? sign : "");
	else
		ff_buf_printf(&page->out, "- %s%s", sign ? sign : "", sign && sign[0] ? " " : "");
	escaped(page, label);
	ff_buf_str(&page->out, page->fold ? " | " : label.n && value.n ? ": " : "");
	value_cell(page, value);
	ff_buf_str(&page->out, page->fold ? " |\n" : "\n");
}

static void paragraph(struct ff_page *page, struct ff_span text)
{
	escaped(page, text);
	ff_buf_str(&page->out, "\n\n");
}

static void box(struct ff_page *page, struct ff_span text)
{
	size_t ticks = longest_run(text, '`');
	ticks = ticks < 3 ? 3 : ticks + 1;
	ff_buf_char(&page->out, '\n');
	repeat(page, '`', ticks);
	ff_buf_str(&page->out, "sh\n");
	ff_buf_span(&page->out, text);
	ff_buf_char(&page->out, '\n');
	repeat(page, '`', ticks);
	ff_buf_str(&page->out, "\n\n");
}

const struct ff_page_look ff_look_markdown = {title, section, end_section, line, paragraph, box};
