// firstfix.libs/1 as text for a person.
//
//	libtorch_cuda.so: library, x86_64, 881674697 bytes (headers read: 412876)
//	GPU code   sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90
//	Needs      libcudart.so.12   /.../libcudart.so.12   RPATH of libtorch_cuda.so
//	Missing    libcuda.so.1, needed by /.../libtorch_cuda.so
#include "emit/libs.h"

#include "base/clean.h"
#include "base/str.h"
#include "base/wrap.h"

enum { LABEL = 11 };

struct page {
	struct ff_buf out, line; /**< what is written, and the line that is being put together */
	bool utf8;
	size_t columns;
};

static void say(struct page *page, const char *text)
{
	ff_clean(&page->line, ff_span_of(text), page->utf8);
}

static void say_value(struct page *page, const json_t *value)
{
	say(page, json_is_string(value) ? json_string_value(value) : "");
}

// The line is whole: further rows of it stand under its value.
static void end(struct page *page)
{
	const struct ff_wrap how = {.columns = page->columns, .indent = LABEL};
	page->out.failed |= page->line.failed;
	if (page->line.p && !page->line.failed)
		ff_wrap(&how, (struct ff_span){page->line.p, page->line.n}, 0, &page->out);
	ff_buf_char(&page->out, '\n');
	ff_buf_deinit(&page->line);
	page->line = (struct ff_buf){0};
}

static void begin(struct page *page, const char *label)
{
	ff_buf_printf(&page->line, "%-*s", LABEL, label);
}

static void say_list(struct page *page, const char *label, const json_t *list)
{
	size_t i;
	json_t *item;
	if (!json_array_size(list))
		return;
	begin(page, label);
	json_array_foreach (list, i, item) {
		if (i)
			ff_buf_char(&page->line, ' ');
		say_value(page, item);
	}
	end(page);
}

static void say_line(struct page *page, const char *label, const json_t *value)
{
	if (!json_is_string(value))
		return;
	begin(page, label);
	say_value(page, value);
	end(page);
}

static void say_head(struct page *page, const json_t *doc)
{
	say_value(page, json_object_get(doc, "file"));
	ff_buf_str(&page->line, ": ");
	say_value(page, json_object_get(doc, "type"));
	ff_buf_str(&page->line, ", ");
	say_value(page, json_object_get(doc, "machine"));
	const json_t *read = json_object_get(doc, "read");
	ff_buf_printf(&page->line, ", %lld bytes (%lld read)",
		(long long)json_integer_value(json_object_get(read, "size")),
		(long long)json_integer_value(json_object_get(read, "bytes")));
	end(page);
	say_line(page, "Soname", json_object_get(doc, "soname"));
	say_line(page, "Loader", json_object_get(doc, "interpreter"));
	say_line(page, "RPATH", json_object_get(doc, "rpath"));
	say_line(page, "RUNPATH", json_object_get(doc, "runpath"));
	const json_t *gpu = json_object_get(doc, "gpu");
	say_list(page, "GPU code", json_object_get(gpu, "archs"));
	say_list(page, "PTX", json_object_get(gpu, "ptx"));
	say_list(page, "LTO", json_object_get(gpu, "lto"));
	say_list(page, "AMD code", json_object_get(gpu, "hip"));
	say_line(page, "PTX ISA", json_object_get(gpu, "ptx_isa"));
	if (json_object_get(gpu, "opaque")) {
		ff_buf_str(&page->line, "AMD code   compressed: its targets cannot be named without unpacking");
		end(page);
	}
}

static void say_dependency(struct page *page, const json_t *d)
{
	begin(page, "Needs");
	say_value(page, json_object_get(d, "name"));
	ff_buf_str(&page->line, " => ");
	say_value(page, json_object_get(d, "path"));
	ff_buf_str(&page->line, "  (");
	say_value(page, json_object_get(d, "because"));
	ff_buf_str(&page->line, ")");
	end(page);
}

static void say_versions(struct page *page, const json_t *versions)
{
	const char *file;
	json_t *list;
	json_object_foreach ((json_t *)versions, file, list) {
		size_t i;
		json_t *item;
		begin(page, "Versions");
		say(page, file);
		ff_buf_char(&page->line, ':');
		json_array_foreach (list, i, item) {
			ff_buf_char(&page->line, ' ');
			say_value(page, item);
		}
		end(page);
	}
}

static void say_symbols(struct page *page, const json_t *doc)
{
	size_t i;
	const json_t *m, *built = json_object_get(doc, "built_for");
	json_array_foreach (json_object_get(doc, "missing_symbols"), i, m) {
		begin(page, "MISSING");
		ff_buf_str(&page->line, "symbol ");
		say_value(page, json_object_get(m, "symbol"));
		ff_buf_str(&page->line, " of ");
		say_value(page, json_object_get(m, "library"));
		end(page);
	}
	if (!built)
		return;
	begin(page, "built for");
	say_value(page, json_object_get(built, "package"));
	ff_buf_char(&page->line, ' ');
	say_value(page, json_object_get(built, "first"));
	ff_buf_str(&page->line, " to ");
	say_value(page, json_object_get(built, "last"));
	end(page);
}

static void say_missing(struct page *page, const json_t *doc)
{
	size_t i;
	const json_t *m;
	json_array_foreach (json_object_get(doc, "missing"), i, m) {
		begin(page, "MISSING");
		say_value(page, json_object_get(m, "library"));
		ff_buf_str(&page->line, ", needed by ");
		say_value(page, json_object_get(m, "needed_by"));
		const json_t *error = json_object_get(m, "error");
		ff_buf_str(&page->line, error ? ": " : "");
		say_value(page, error);
		end(page);
	}
	json_array_foreach (json_object_get(doc, "missing_versions"), i, m) {
		begin(page, "MISSING");
		ff_buf_str(&page->line, "version ");
		say_value(page, json_object_get(m, "version"));
		ff_buf_str(&page->line, " in ");
		say_value(page, json_object_get(m, "path"));
		ff_buf_str(&page->line, ", needed by ");
		say_value(page, json_object_get(m, "needed_by"));
		end(page);
	}
	say_symbols(page, doc);
}

static void say_file(struct page *page, const json_t *doc)
{
	size_t i;
	const json_t *d;
	if (json_object_get(doc, "error")) {
		say_line(page, "UNREADABLE", json_object_get(doc, "error"));
		return;
	}
	say_head(page, doc);
	json_array_foreach (json_object_get(doc, "dependencies"), i, d)
		say_dependency(page, d);
	say_versions(page, json_object_get(doc, "versions_needed"));
	say_missing(page, doc);
}

static struct ff_error *text_of(const json_t *doc, const struct ff_style *style, bool fence, char **ret)
{
	struct page page = {.utf8 = style->utf8, .columns = fence ? 0 : (size_t)style->columns};
	const json_t *files = json_object_get(doc, "files"), *file;
	size_t i;
	if (fence)
		ff_buf_str(&page.out, "```\n");
	if (!files)
		say_file(&page, doc);
	json_array_foreach (files, i, file) {
		if (i)
			ff_buf_char(&page.out, '\n');
		say_file(&page, file);
	}
	if (fence)
		ff_buf_str(&page.out, "```\n");
	return ff_buf_finish(&page.out, ret);
}

struct ff_error *ff_libs_text(const json_t *doc, const struct ff_style *style, char **ret)
{
	return text_of(doc, style, false, ret);
}

struct ff_error *ff_libs_markdown(const json_t *doc, const struct ff_style *style, char **ret)
{
	return text_of(doc, style, true, ret);
}
