// The CUDA libraries and who chose them, what torch needs and does not get, and whose GPU code does not fit the GPUs.
//
//	Conflict: libnvJitLink.so.12: /opt/old/libnvJitLink.so.12 comes first (LD_LIBRARY_PATH entry 1) and lacks 8 symbols
//	   that libcusparse.so.12 needs (__nvJitLinkAddData_12_1, ...); it was linked for /usr/.../libnvJitLink.so.12 (12.9.86)
//
// A package may spread its code over several files, each for some architectures: only all of them together can miss a
// GPU.
#include "emit/report.h"

#include "know/gpu_arch.h"

static void show_library(struct ff_report *r, const json_t *library)
{
	const char *name = ff_json_text(library, "soname"), *path = ff_json_text(library, "path");
	const char *version = ff_json_text(library, "version");
	_cleanup_buf_ struct ff_buf text = {0};
	if (!name)
		name = ff_json_text(library, "name");
	if (!name)
		return;
	ff_buf_printf(&text, "%s%s%s", version ? version : "", version ? " " : "", path ? path : "not found");
	static const char *const keys[][2] = {
		{"from", ", from "}, {"chosen_by", ", loaded by "}, {"because", ", because of "}};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *value = json_object_get(library, keys[i][0]);
		if (!value || json_is_null(value))
			continue;
		ff_buf_str(&text, keys[i][1]);
		ff_value_text(value, &text);
	}
	r->page->out.failed |= text.failed;
	ff_page_line(r->page, path ? FF_MARK_PACKAGE : FF_MARK_WARN, name, (struct ff_span){text.p, text.n});
}

static const char *text_or(const json_t *from, const char *key, const char *other)
{
	const char *text = ff_json_text(from, key);
	return text ? text : other;
}

static void say_symbols(const json_t *symbols, const char *by, struct ff_buf *out)
{
	size_t n = json_array_size(symbols);
	const char *first = json_string_value(json_array_get(symbols, 0));
	if (n)
		ff_buf_printf(out, " and lacks %zu symbol%s that %s needs (%s%s)", n, n == 1 ? "" : "s", by,
			first ? first : "?", n == 1 ? "" : ", ...");
}

// Another copy than the one that the program was built with comes first; with symbols missing, its import dies.
static void show_conflicts(struct ff_report *r)
{
	const json_t *conflicts = ff_json_at(r->doc, "cuda.conflicts");
	for (size_t i = 0; i < json_array_size(conflicts); i++) {
		const json_t *conflict = json_array_get(conflicts, i),
			     *symbols = json_object_get(conflict, "missing_symbols");
		const char *because = ff_json_text(conflict, "because"), *expected = ff_json_text(conflict, "expected");
		const char *version = ff_json_text(conflict, "expected_version");
		_cleanup_buf_ struct ff_buf text = {0};
		ff_buf_printf(&text, "%s: %s comes first%s%s%s", text_or(conflict, "library", "?"),
			text_or(conflict, "chosen", "another copy"), because ? " (" : "", because ? because : "",
			because ? ")" : "");
		say_symbols(symbols, text_or(conflict, "needed_by", text_or(conflict, "for", "torch")), &text);
		if (expected)
			ff_buf_printf(&text, "; expected %s%s%s%s", expected, version ? " (" : "",
				version ? version : "", version ? ")" : "");
		r->page->out.failed |= text.failed;
		ff_page_line(r->page, json_array_size(symbols) ? FF_MARK_FAIL : FF_MARK_WARN, "Conflict",
			(struct ff_span){text.p, text.n});
	}
}

// What the loader would not find: now, at `import torch`, or when the library is first used.
static void show_missing(struct ff_report *r, const char *path, enum ff_mark mark, const char *label)
{
	const json_t *missing = ff_json_at(r->doc, path);
	for (size_t i = 0; i < json_array_size(missing); i++) {
		const json_t *item = json_array_get(missing, i);
		const char *version = ff_json_text(item, "version");
		ff_page_say(r->page, mark, label, "%s%s%s, which %s needs", text_or(item, "library", "?"),
			version ? " in version " : "", version ? version : "", text_or(item, "needed_by", "torch"));
	}
}

static bool append_all(json_t *to, const json_t *from)
{
	for (size_t i = 0; i < json_array_size(from); i++)
		if (json_array_append(to, json_array_get(from, i)) < 0)
			return false;
	return true;
}

// Every architecture of one package: {"archs": [...], "ptx": [...]} over all of its files. NULL: no memory.
static json_t *code_of(const json_t *extensions, const char *package)
{
	_cleanup_json_ json_t *all = json_pack("{s:[], s:[]}", "archs", "ptx");
	for (size_t i = 0; all && i < json_array_size(extensions); i++) {
		const json_t *file = json_array_get(extensions, i);
		if (strcmp(text_or(file, "package", ""), package) != 0)
			continue;
		if (!append_all(json_object_get(all, "archs"), json_object_get(file, "archs")) ||
			!append_all(json_object_get(all, "ptx"), json_object_get(file, "ptx")))
			return NULL;
	}
	return ff_take(&all);
}

static void judge_code(struct ff_report *r, const char *package, const json_t *code)
{
	const json_t *gpus = ff_json_at(r->doc, "gpus");
	for (size_t i = 0; i < json_array_size(gpus); i++) {
		const char *cc = ff_json_text(json_array_get(gpus, i), "compute_capability");
		const json_t *archs = json_object_get(code, "archs"), *ptx = json_object_get(code, "ptx");
		if (cc && ff_know_arch_covers(archs, ptx, cc) == FF_ARCH_NONE) {
			ff_page_say(r->page, FF_MARK_FAIL, "No GPU code", "%s carries none for GPU %zu (%s)", package,
				i, cc);
			return;
		}
	}
}

// torch and bitsandbytes have lines of their own, beside the GPU and the library that is chosen.
static void show_extensions(struct ff_report *r)
{
	const json_t *extensions = ff_json_at(r->doc, "extensions");
	_cleanup_json_ json_t *seen = json_pack("{s:b, s:b}", "torch", 1, "bitsandbytes", 1);
	for (size_t i = 0; seen && i < json_array_size(extensions); i++) {
		const char *package = ff_json_text(json_array_get(extensions, i), "package");
		if (!package || json_object_get(seen, package))
			continue;
		_cleanup_json_ json_t *code = code_of(extensions, package);
		r->page->out.failed |= !code || json_object_set_new(seen, package, json_true()) < 0;
		if (code)
			judge_code(r, package, code);
	}
}

void ff_report_libraries(struct ff_report *r)
{
	static const struct ff_report_line toolkit[] = {
		{FF_MARK_OK, "CUDA toolkit", "cuda.toolkit.version", NULL, NULL},
		{FF_MARK_SETTING, "CUDA toolkit home", "cuda.toolkit.home", NULL, NULL},
		{FF_MARK_SETTING, "nvcc", "cuda.toolkit.nvcc", NULL, NULL},
	};
	ff_report_lines(r, r->doc, toolkit, sizeof(toolkit) / sizeof(toolkit[0]));
	const json_t *libraries = ff_json_at(r->doc, "cuda.libraries");
	size_t hidden = 0;
	for (size_t i = 0; i < json_array_size(libraries); i++) {
		const json_t *library = json_array_get(libraries, i);
		bool chosen = ff_json_at(library, "chosen_by") || !ff_json_at(library, "path");
		if (chosen || r->page->style->verbose)
			show_library(r, library);
		else
			hidden++;
	}
	if (hidden)
		ff_page_say(r->page, FF_MARK_LIST, "Also on the search paths",
			"%zu more, loaded by nothing (--verbose lists them)", hidden);
	show_conflicts(r);
	show_missing(r, "torch.missing", FF_MARK_FAIL, "Not found");
	show_missing(r, "torch.missing_versions", FF_MARK_FAIL, "Not found");
	show_missing(r, "torch.missing_later", FF_MARK_NONE, "Not found (needed only later)");
	show_extensions(r);
}
