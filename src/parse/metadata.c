// Files beside installed Python packages, read line by line.
//
//	Metadata-Version: 2.1
//	Name: torch
//	Version: 2.3.1
//	Requires-Dist: triton (==2.3.1) ; platform_system == "Linux"
//
// METADATA is a mail header with a description of any size behind a blank line; versions here lack the local part that
// torch/version.py has. Real files hold folded lines, CRLF, bytes that are no UTF-8 and, after a broken install,
// nothing.
#include "parse/metadata.h"

#include "parse/chars.h"

static bool is_header_name(struct ff_span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ff_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0;
}

bool ff_header_next(struct ff_headers *headers, struct ff_span *ret_key, struct ff_span *ret_value)
{
	struct ff_span rest = headers->rest, line;
	if (!ff_span_line(&rest, &line) || !line.n)
		return false;
	const char *colon = memchr(line.p, ':', line.n);
	struct ff_span key = ff_span_first(line, colon ? (size_t)(colon - line.p) : 0);
	if (!is_header_name(key)) {
		headers->malformed = true;
		return false;
	}
	const char *end = line.p + line.n;
	while (rest.n && ff_is_blank(rest.p[0]) && ff_span_line(&rest, &line))
		end = line.p + line.n;
	*ret_key = key;
	*ret_value = ff_span_trim((struct ff_span){colon + 1, (size_t)(end - colon - 1)});
	headers->rest = rest;
	return true;
}

size_t ff_headers_end(struct ff_span text)
{
	struct ff_span rest = text, line;
	while (ff_span_line(&rest, &line))
		if (!line.n)
			return rest.p ? (size_t)(rest.p - text.p) : text.n;
	return text.n;
}

static void read_section(struct ff_egg_requires *egg, struct ff_span line)
{
	struct ff_span inside = {line.p + 1, line.n - 2};
	const char *colon = inside.n ? memchr(inside.p, ':', inside.n) : NULL;
	size_t n = colon ? (size_t)(colon - inside.p) : inside.n;
	egg->extra = ff_span_trim(ff_span_first(inside, n));
	egg->marker = colon ? ff_span_trim(ff_span_skip(inside, n + 1)) : (struct ff_span){NULL, 0};
}

bool ff_egg_requires_next(struct ff_egg_requires *egg, struct ff_span *ret_requirement)
{
	struct ff_span line;
	while (ff_span_line(&egg->rest, &line)) {
		line = ff_span_trim(line);
		if (line.n >= 2 && line.p[0] == '[' && line.p[line.n - 1] == ']') {
			read_section(egg, line);
			continue;
		}
		if (!line.n || line.p[0] == '#')
			continue;
		*ret_requirement = line;
		return true;
	}
	return false;
}

enum ff_pth_kind ff_pth_next(struct ff_span *rest, struct ff_span *ret)
{
	struct ff_span line;
	while (ff_span_line(rest, &line)) {
		if (!ff_span_trim(line).n || line.p[0] == '#')
			continue;
		bool is_import = ff_span_starts(line, "import ") || ff_span_starts(line, "import\t");
		while (line.n && (ff_is_blank(line.p[line.n - 1]) || line.p[line.n - 1] == '\r'))
			line.n--;
		*ret = line;
		return is_import ? FF_PTH_IMPORT : FF_PTH_PATH;
	}
	return FF_PTH_END;
}

bool ff_ini_next(struct ff_ini *ini, struct ff_span *ret_key, struct ff_span *ret_value)
{
	struct ff_span line;
	while (ff_span_line(&ini->rest, &line)) {
		line = ff_span_trim(line);
		if (line.n >= 2 && line.p[0] == '[' && line.p[line.n - 1] == ']') {
			ini->section = ff_span_trim((struct ff_span){line.p + 1, line.n - 2});
			continue;
		}
		const char *equals = line.n ? memchr(line.p, '=', line.n) : NULL;
		if (!equals || line.p[0] == '#' || line.p[0] == ';')
			continue;
		size_t n = (size_t)(equals - line.p);
		*ret_key = ff_span_trim(ff_span_first(line, n));
		*ret_value = ff_span_trim(ff_span_skip(line, n + 1));
		return true;
	}
	return false;
}

bool ff_ini_find(struct ff_span text, const char *key, struct ff_span *ret)
{
	struct ff_ini ini = {.rest = text};
	struct ff_span found_key, value;
	bool found = false;
	while (ff_ini_next(&ini, &found_key, &value)) {
		if (!ff_span_same_case(found_key, key))
			continue;
		*ret = value;
		found = true;
	}
	return found;
}

static bool copy_text(const json_t *doc, const char *path, char **ret)
{
	const char *text = ff_json_text(doc, path);
	*ret = text ? strdup(text) : NULL;
	return !text || *ret;
}

struct ff_error *ff_direct_url_parse(const char *file, struct ff_span text, struct ff_direct_url *ret)
{
	_cleanup_json_ json_t *doc = NULL;
	struct ff_error *err = ff_json_parse(file, text.p ? text.p : "", text.n, &doc);
	if (err)
		return err;
	if (!json_is_object(doc))
		return ff_error_create(FF_EFORMAT, "%s: no JSON object", file);
	struct ff_direct_url d = {.editable = json_is_true(ff_json_at(doc, "dir_info.editable"))};
	if (!copy_text(doc, "url", &d.url) || !copy_text(doc, "vcs_info.vcs", &d.vcs) ||
		!copy_text(doc, "vcs_info.commit_id", &d.commit)) {
		ff_direct_url_deinit(&d);
		return &ff_enomem;
	}
	*ret = d;
	return NULL;
}

void ff_direct_url_deinit(struct ff_direct_url *d)
{
	free(d->url);
	free(d->vcs);
	free(d->commit);
	*d = (struct ff_direct_url){0};
}
