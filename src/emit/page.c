// What every look shares: text is made safe, empty sections vanish.
#include "emit/page.h"

#include "base/clean.h"

enum { DEFAULT_COLUMNS = 80, MIN_COLUMNS = 20 };

size_t ff_page_columns(const struct ff_page *page)
{
	int columns = page->style->columns ? page->style->columns : DEFAULT_COLUMNS;
	return columns < MIN_COLUMNS ? MIN_COLUMNS : (size_t)columns;
}

static struct ff_span clean(struct ff_page *page, struct ff_span text, struct ff_buf *room)
{
	ff_clean(room, text, page->style->utf8);
	page->out.failed |= room->failed;
	return (struct ff_span){room->p, room->failed ? 0 : room->n};
}

void ff_page_end_section(struct ff_page *page)
{
	if (page->in_section)
		page->look->end_section(page);
	page->in_section = false;
	page->waiting = NULL;
}

static void begin_content(struct ff_page *page)
{
	if (!page->waiting)
		return;
	_cleanup_buf_ struct ff_buf room = {0};
	page->look->section(page, clean(page, ff_span_of(page->waiting), &room));
	page->waiting = NULL;
	page->in_section = true;
}

void ff_page_title(struct ff_page *page, const char *title, const char *beside)
{
	_cleanup_buf_ struct ff_buf one = {0}, two = {0};
	ff_page_end_section(page);
	page->look->title(page, clean(page, ff_span_of(title), &one), clean(page, ff_span_of(beside), &two));
}

void ff_page_section(struct ff_page *page, const char *title)
{
	ff_page_end_section(page);
	page->waiting = title;
}

void ff_page_line(struct ff_page *page, enum ff_mark mark, const char *label, struct ff_span value)
{
	_cleanup_buf_ struct ff_buf one = {0}, two = {0};
	begin_content(page);
	page->look->line(page, mark, clean(page, ff_span_of(label), &one), clean(page, value, &two));
}

void ff_page_say(struct ff_page *page, enum ff_mark mark, const char *label, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0) {
		text = NULL;
		page->out.failed = true;
	}
	va_end(ap);
	ff_page_line(page, mark, label, ff_span_of(text));
}

void ff_page_paragraph(struct ff_page *page, struct ff_span text)
{
	_cleanup_buf_ struct ff_buf room = {0};
	begin_content(page);
	page->look->paragraph(page, clean(page, text, &room));
}

void ff_page_box(struct ff_page *page, struct ff_span text)
{
	_cleanup_buf_ struct ff_buf room = {0};
	struct ff_span rest = ff_span_trim(text), line;
	begin_content(page);
	for (bool more = ff_span_next(&rest, '\n', &line); more; more = ff_span_next(&rest, '\n', &line)) {
		if (room.n)
			ff_buf_char(&room, '\n');
		ff_clean(&room, line, page->style->utf8);
	}
	page->out.failed |= room.failed;
	page->look->box(page, (struct ff_span){room.p, room.failed ? 0 : room.n});
}

void ff_page_gap(struct ff_page *page)
{
	ff_buf_char(&page->out, '\n');
}

static size_t row_width(struct ff_span row)
{
	size_t width = 0;
	for (struct ff_span part, code; ff_span_next(&row, '\033', &part); ff_span_next(&row, 'm', &code))
		width += ff_clean_width(part);
	return width;
}

size_t ff_page_rows(const char *text, size_t columns)
{
	struct ff_span rest = ff_span_of(text), row;
	size_t rows = 0;
	while (ff_span_next(&rest, '\n', &row)) {
		size_t width = row_width(row);
		if (row.n || rest.p) // what stands behind the last newline is none
			rows += width ? (width + columns - 1) / columns : 1;
	}
	return rows;
}

struct ff_error *ff_page_finish(struct ff_page *page, char **ret)
{
	ff_page_end_section(page);
	return ff_buf_finish(&page->out, ret);
}
