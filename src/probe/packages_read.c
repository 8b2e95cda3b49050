// One folder of packages: *.dist-info/METADATA, *.egg-info (a folder with PKG-INFO, or that file itself), *.egg-link.
//
//	site-packages/torch-2.3.1.dist-info/METADATA      read up to the first blank line: the description may be megabytes
//	site-packages/~orch-2.3.0.dist-info/              left behind by a pip that was interrupted: not a package
//	site-packages/foo.egg-link                        "/src/foo\n.": the package lies there
//	site-packages/bar-1.0.dist-info/                  of another user, with umask 077: python.unreadable
//
// The folder's own name says version and name too, but lies after hand-made copies; METADATA counts.
#include "probe/packages_read.h"

#include "parse/chars.h"
#include "parse/metadata.h"
#include "probe/python_find.h"

#include <stdio.h>

enum {
	NAMES_MAX = 65536,
	DISTS_MAX = 8192,
	HEAD_FIRST = 16 << 10,
	HEAD_MAX = 1 << 20,
	SMALL_MAX = 64 << 10,
	REQUIRES_MAX = 256 << 10,
};

struct reader {
	struct ff_probe_ctx *ctx;
	const struct ff_marker_env *env;
	const char *folder;
	unsigned index;
	struct ff_dists *dists;
};

static void dist_deinit(struct ff_dist *d)
{
	char *const owned[] = {d->name, d->version, d->location, d->python, d->requires, d->source_url, d->commit};
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		free(owned[i]);
	*d = (struct ff_dist){0};
}

void ff_dists_deinit(struct ff_dists *dists)
{
	for (size_t i = 0; i < dists->n; i++)
		dist_deinit(&dists->items[i]);
	free(dists->items);
	*dists = (struct ff_dists){0};
}

static void miss(struct reader *r, struct ff_error *err)
{
	r->dists->incomplete = true;
	ff_miss(r->ctx, "python.packages", err);
}

// What this user may not read, Python does not find either: {"package": "bar", "location": "/srv/venv/lib/..."}.
static void miss_denied(struct reader *r, const char *dir, struct ff_error *err)
{
	const char *slash = strrchr(dir, '/'), *name = slash ? slash + 1 : dir, *dash = strchr(name, '-');
	if (err->code == FF_EDENIED && dash && ff_ends(name, ".dist-info"))
		ff_fact_append(r->ctx, "python.unreadable",
			json_pack("{s:o, s:s}", "package", ff_json_string(name, (size_t)(dash - name)), "location",
				r->folder));
	miss(r, err);
}

// Takes what is in *d.
static void add_dist(struct reader *r, struct ff_dist *d)
{
	struct ff_dists *dists = r->dists;
	if (dists->n == dists->cap) {
		size_t cap = dists->cap ? 2 * dists->cap : 64;
		struct ff_dist *grown = dists->n < DISTS_MAX ? reallocarray(dists->items, cap, sizeof(*grown)) : NULL;
		if (!grown) {
			miss(r, ff_error_create(FF_ELIMIT, "%s: more than %d packages", r->folder, DISTS_MAX));
			dist_deinit(d);
			return;
		}
		dists->items = grown;
		dists->cap = cap;
	}
	dists->items[dists->n++] = *d;
	*d = (struct ff_dist){0};
}

// The headers of a file, growing the read until their end is in it.
static struct ff_error *read_head(struct ff_host *host, const char *path, struct ff_buf *ret)
{
	_cleanup_close_ int fd = -1;
	struct ff_error *err = ff_host_open(host, path, &fd);
	if (err)
		return err;
	_cleanup_free_ char *chunk = malloc(HEAD_FIRST);
	if (!chunk)
		return &ff_enomem;
	while (ret->n < HEAD_MAX) {
		ssize_t n = read(fd, chunk, HEAD_FIRST);
		if (n < 0)
			return ff_error_os(errno, "%s", path);
		ff_buf_add(ret, chunk, (size_t)n);
		if (ret->failed)
			return &ff_enomem;
		if (n == 0 || ff_headers_end((struct ff_span){ret->p, ret->n}) < ret->n)
			return NULL;
	}
	return NULL;
}

// NULL when it is no name of a package.
static char *normal_name(struct ff_span name)
{
	struct ff_requirement plain;
	_cleanup_error_ struct ff_error *malformed = ff_requirement_parse("name", name, &plain);
	if (malformed || plain.name.n != name.n)
		return NULL;
	struct ff_buf b = {0};
	char *text = NULL;
	ff_package_name_format(name, &b);
	_cleanup_error_ struct ff_error *err = ff_buf_finish(&b, &text);
	return err ? NULL : text;
}

// Keeps a requirement that holds on this interpreter. One whose marker cannot be judged is left out, and said.
static void keep_requirement(
	struct reader *r, const char *path, struct ff_span text, struct ff_span more_marker, struct ff_buf *keep)
{
	struct ff_requirement requirement;
	enum ff_satisfies holds = FF_SATISFIES_NO, also = FF_SATISFIES_YES;
	struct ff_error *err = ff_requirement_parse(path, text, &requirement);
	if (!err)
		err = ff_marker_evaluate(path, requirement.marker, r->env, &holds);
	if (!err && holds != FF_SATISFIES_NO)
		err = ff_marker_evaluate(path, more_marker, r->env, &also);
	if (err) {
		ff_miss(r->ctx, "python.conflicts", err);
		return;
	}
	if (holds != FF_SATISFIES_YES || also != FF_SATISFIES_YES || keep->n + text.n > REQUIRES_MAX)
		return;
	// Folded lines would look like two.
	for (size_t i = 0; i < text.n; i++)
		ff_buf_char(keep, text.p[i] == '\n' ? ' ' : text.p[i]);
	ff_buf_char(keep, '\n');
}

static void read_headers(
	struct reader *r, const char *path, struct ff_span text, struct ff_dist *d, struct ff_buf *keep)
{
	struct ff_headers headers = {.rest = text};
	struct ff_span key, value, none = {NULL, 0};
	while (ff_header_next(&headers, &key, &value)) {
		if (!d->name && ff_span_same_case(key, "Name"))
			d->name = normal_name(value);
		else if (!d->version && ff_span_same_case(key, "Version"))
			d->version = ff_span_dup(value);
		else if (!d->python && ff_span_same_case(key, "Requires-Python"))
			d->python = ff_span_dup(value);
		else if (ff_span_same_case(key, "Requires-Dist"))
			keep_requirement(r, path, value, none, keep);
	}
}

static void read_egg_requires(struct reader *r, const char *dir, struct ff_buf *keep)
{
	_cleanup_free_ char *path = ff_path_printf("%s/requires.txt", dir), *text = NULL;
	size_t n;
	_cleanup_error_ struct ff_error *err =
		path ? ff_host_read(r->ctx->host, path, SMALL_MAX, &text, &n) : &ff_enomem;
	struct ff_egg_requires egg = {.rest = {text, err ? 0 : n}};
	for (struct ff_span line; !err && ff_egg_requires_next(&egg, &line);)
		if (!egg.extra.n)
			keep_requirement(r, path, line, egg.marker, keep);
}

static void read_direct_url(struct reader *r, const char *dir, struct ff_dist *d)
{
	_cleanup_free_ char *path = ff_path_printf("%s/direct_url.json", dir), *text = NULL;
	size_t n;
	struct ff_direct_url url;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(r->ctx->host, path, SMALL_MAX, &text, &n) : &ff_enomem;
	if (absent)
		return;
	struct ff_error *err = ff_direct_url_parse(path, (struct ff_span){text, n}, &url);
	if (err) {
		ff_miss(r->ctx, "python.packages", err);
		return;
	}
	d->source_url = ff_take(&url.url);
	d->commit = ff_take(&url.commit);
	d->editable = url.editable;
	ff_direct_url_deinit(&url);
}

// `dir` is the metadata folder, or the metadata file itself; `location` where the modules lie.
static void read_dist(struct reader *r, const char *dir, const char *file, const char *location, bool is_egg)
{
	_cleanup_free_ char *path = *file ? ff_path_printf("%s/%s", dir, file) : strdup(dir);
	_cleanup_buf_ struct ff_buf head = {0}, keep = {0};
	struct ff_dist d = {.folder = r->index};
	struct ff_error *err = path ? read_head(r->ctx->host, path, &head) : &ff_enomem;
	if (err) {
		miss_denied(r, dir, err);
		return;
	}
	read_headers(r, path, (struct ff_span){head.p, head.n}, &d, &keep);
	if (is_egg && *file)
		read_egg_requires(r, dir, &keep);
	if (!is_egg)
		read_direct_url(r, dir, &d);
	if (!d.name || !*d.name || !d.version)
		miss(r, ff_error_create(FF_EFORMAT, "%s: no %s in the metadata", path, d.version ? "Name" : "Version"));
	d.location = strdup(location);
	if (keep.n && ff_buf_finish(&keep, &d.requires))
	d.requires = NULL;
	if (d.name && *d.name && d.location)
		add_dist(r, &d);
	else
		dist_deinit(&d);
}

// A linked source tree: its egg-info folder lies in it.
static void read_egg_link(struct reader *r, const char *name)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%s", r->folder, name), *text = NULL;
	struct ff_error *err = path ? ff_host_read(r->ctx->host, path, SMALL_MAX, &text, NULL) : &ff_enomem;
	if (err) {
		miss(r, err);
		return;
	}
	text[strcspn(text, "\r\n")] = 0;
	_cleanup_names_ struct ff_names names = {0};
	err = ff_host_list(r->ctx->host, text, NAMES_MAX, &names);
	if (err)
		miss(r, err);
	for (size_t i = 0; i < names.n; i++) {
		if (!ff_ends(names.names[i], ".egg-info"))
			continue;
		_cleanup_free_ char *dir = ff_path_printf("%s/%s", text, names.names[i]);
		if (!dir || !ff_host_mode_is(r->ctx->host, dir, S_IFDIR))
			continue;
		size_t before = r->dists->n;
		read_dist(r, dir, "PKG-INFO", text, true);
		if (r->dists->n > before)
			r->dists->items[before].editable = true;
	}
}

static void read_entry(struct reader *r, const char *name)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%s", r->folder, name);
	bool is_dist = ff_ends(name, ".dist-info"), is_egg = ff_ends(name, ".egg-info");
	if (!path)
		return;
	if (name[0] == '~' && (is_dist || is_egg))
		ff_miss(r->ctx, "python.packages",
			ff_error_create(FF_EFORMAT, "%s: left behind by an interrupted pip", path));
	else if (is_dist)
		read_dist(r, path, "METADATA", r->folder, false);
	else if (is_egg)
		read_dist(r, path, ff_host_mode_is(r->ctx->host, path, S_IFDIR) ? "PKG-INFO" : "", r->folder, true);
	else if (ff_ends(name, ".egg-link"))
		read_egg_link(r, name);
}

void ff_dists_read(struct ff_probe_ctx *ctx, const char *folder, unsigned index, const struct ff_marker_env *env,
	struct ff_dists *ret)
{
	struct reader r = {ctx, env, folder, index, ret};
	_cleanup_names_ struct ff_names names = {0};
	struct ff_error *err = ff_host_list(ctx->host, folder, NAMES_MAX, &names);
	if (err)
		miss(&r, err);
	for (size_t i = 0; i < names.n; i++)
		read_entry(&r, names.names[i]);
	// An .egg folder on the path carries its metadata inside.
	_cleanup_free_ char *egg_info = ff_path_printf("%s/EGG-INFO", folder);
	if (ff_ends(folder, ".egg") && egg_info && ff_host_mode_is(ctx->host, egg_info, S_IFDIR))
		read_dist(&r, egg_info, "PKG-INFO", folder, true);
}

static int by_name_and_precedence(const void *a, const void *b)
{
	const struct ff_dist *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	if (!order && x->folder != y->folder)
		order = x->folder < y->folder ? -1 : 1;
	return order ? order : ff_version_compare(y->version ? y->version : "", x->version ? x->version : "");
}

void ff_dists_sort(struct ff_dists *dists)
{
	if (dists->n)
		qsort(dists->items, dists->n, sizeof(*dists->items), by_name_and_precedence);
}

const struct ff_dist *ff_dists_find(const struct ff_dists *dists, const char *name)
{
	size_t low = 0, high = dists->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(dists->items[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < dists->n && strcmp(dists->items[low].name, name) == 0 ? &dists->items[low] : NULL;
}
