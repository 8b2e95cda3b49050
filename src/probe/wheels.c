// python.foreign, torn, hollow, noexec: installed packages that cannot be imported here, whatever their metadata says.
//
//	{"python": {"foreign": [{"package": "safetensors", "version": "0.4.5", "tag": "cp311-cp311-manylinux_2_17_aarch64",
//	                         "because": "machine", "location": "/srv/venv/lib/python3.11/site-packages"}],
//	            "torn": [{"package": "torch", "version": "2.3.1", "file": "torch/lib/libtorch_cpu.so", "kind": "short",
//	                      "size": 100000000, "recorded": 467114520}],
//	            "hollow": [{"package": "einops", "version": "0.8.0", "file": "einops"}],
//	            "noexec": ["/volume/pkgs"]}}
//
// From WHEEL and RECORD beside METADATA, and only of the copy that is imported; all but hollow (the record is there and
// the modules are not) of packages with compiled code alone.
// How the source lies: strip makes a library smaller than RECORD says, so a file is short only when bytes that the
// loader maps are missing; images are slimmed by deleting libraries that are never loaded, so a missing file is a fact
// and no failure yet.
#include "host/bytes.h"
#include "parse/chars.h"
#include "parse/elf.h"
#include "parse/metadata.h"
#include "parse/requirement.h"
#include "parse/wheel.h"
#include "probe/probe.h"
#include "probe/python_find.h"

enum {
	NAMES_MAX = 65536,
	WHEEL_MAX = 64 << 10,
	RECORD_MAX = 16 << 20,
	TORN_MAX = 64,
	TORN_PER_PACKAGE = 16,
	HEAD = 8192
};

struct wheels {
	struct ff_probe_ctx *ctx;
	const char *folder; // of sys.path
	struct ff_wheel_place place;
	size_t torn, hollow;
	bool compiled; // something in this folder has compiled code
};

static char *package_name(const char *dist_info, struct ff_span *ret_version)
{
	const char *dash = strchr(dist_info, '-');
	struct ff_buf b = {0};
	char *text = NULL;
	if (!dash)
		return NULL;
	size_t n = strlen(dist_info) - strlen(".dist-info");
	*ret_version = (struct ff_span){dash + 1, n - (size_t)(dash + 1 - dist_info)};
	ff_package_name_format((struct ff_span){dist_info, (size_t)(dash - dist_info)}, &b);
	_cleanup_error_ struct ff_error *err = ff_buf_finish(&b, &text);
	return err ? NULL : text;
}

// Does `import` take it from this folder?
static bool is_imported(const struct wheels *w, const char *package)
{
	const json_t *entry = json_object_get(ff_json_at(w->ctx->facts, "python.packages"), package);
	const char *location = ff_json_text(entry, "location");
	return location && strcmp(location, w->folder) == 0;
}

static bool is_library(struct ff_span path)
{
	return ff_span_ends(path, ".so") || memmem(path.p, path.n, ".so.", strlen(".so."));
}

static bool is_cut(struct ff_host *host, const char *path)
{
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_elf_ struct ff_elf *elf = NULL;
	struct ff_error *err = ff_file_open(host, path, &file);
	if (!err)
		err = ff_elf_create(&file.bytes, &elf);
	bool cut = err ? err->code == FF_EFORMAT : elf->loaded_end > file.bytes.size;
	ff_error_destroy(err);
	return cut;
}

struct dist {
	const char *package;
	struct ff_span version;
};

static json_t *entry_of(const struct wheels *w, const struct dist *d)
{
	return json_pack("{s:s, s:o, s:o}", "package", d->package, "version",
		ff_json_string(d->version.p, d->version.n), "location", ff_json_string(w->folder, strlen(w->folder)));
}

static bool look_at_file(struct wheels *w, const struct dist *d, struct ff_span name, int64_t recorded)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%.*s", w->folder, (int)name.n, name.p);
	struct stat st;
	struct ff_error *err = path ? ff_host_stat(w->ctx->host, path, &st) : &ff_enomem;
	bool missing = err && err->code == FF_EABSENT;
	bool unknown = err && !missing;
	ff_error_destroy(err);
	if (unknown || (!missing && (st.st_size >= recorded || !is_cut(w->ctx->host, path))))
		return false;
	json_t *torn = entry_of(w, d);
	if (torn) {
		json_object_set_new(torn, "file", ff_json_string(name.p, name.n));
		json_object_set_new(torn, "kind", json_string(missing ? "missing" : "short"));
		json_object_set_new(torn, "recorded", json_integer(recorded));
	}
	if (torn && !missing)
		json_object_set_new(torn, "size", json_integer(st.st_size));
	ff_fact_append(w->ctx, "python.torn", torn);
	w->torn++;
	return true;
}

static void look_at_record(struct wheels *w, const struct dist *d, const char *dist_info)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%s/RECORD", w->folder, dist_info), *text = NULL;
	size_t n = 0, torn = 0;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(w->ctx->host, path, RECORD_MAX, &text, &n) : &ff_enomem;
	struct ff_span rest = {text, absent ? 0 : n}, name;
	int64_t size;
	while (w->torn < TORN_MAX && torn < TORN_PER_PACKAGE && ff_record_next(&rest, &name, &size)) {
		if (size > 0 && is_library(name) && !ff_span_starts(name, "..") && !ff_span_starts(name, "/"))
			torn += look_at_file(w, d, name, size);
	}
}

// The first module that RECORD names, by what `import` looks for: a folder, or a file. A head of it tells.
static void look_for_modules(struct wheels *w, const struct dist *d, const char *dist_info)
{
	char head[HEAD];
	_cleanup_file_ struct ff_file file = FF_FILE_CLOSED;
	_cleanup_free_ char *path = ff_path_printf("%s/%s/RECORD", w->folder, dist_info);
	struct ff_error *err = path ? ff_file_open(w->ctx->host, path, &file) : &ff_enomem;
	size_t n = err || file.bytes.size > HEAD ? HEAD : (size_t)file.bytes.size;
	if (!err)
		err = ff_bytes_read_far(&file.bytes, 0, head, n, "the file");
	struct ff_span rest = {head, err ? 0 : n}, name, top;
	ff_error_destroy(err);
	for (int64_t size; ff_record_next(&rest, &name, &size);) {
		bool module = ff_span_ends(name, ".py") && size > 0 && !ff_span_starts(name, ".") && name.p[0] != '/' &&
			!memmem(name.p, name.n, ".dist-info/", strlen(".dist-info/"));
		if (!module || !ff_span_next(&name, '/', &top))
			continue;
		_cleanup_free_ char *at = ff_path_printf("%s/%.*s", w->folder, (int)top.n, top.p),
				    *compiled = ff_path_printf("%s/%.*sc", w->folder, (int)top.n, top.p);
		struct stat st;
		_cleanup_error_ struct ff_error *absent = at ? ff_host_stat(w->ctx->host, at, &st) : &ff_enomem;
		if (absent && absent->code == FF_EABSENT && compiled &&
			!ff_host_mode_is(w->ctx->host, compiled, S_IFREG) && w->hollow++ < TORN_MAX) {
			json_t *hollow = entry_of(w, d);
			json_object_set_new(hollow, "file", ff_json_string(top.p, top.n));
			ff_fact_append(w->ctx, "python.hollow", hollow);
		}
		return;
	}
}

static void look_at(struct wheels *w, const char *dist_info)
{
	static const char *const because[] = {[FF_WHEEL_OTHER_PYTHON] = "python",
		[FF_WHEEL_OTHER_MACHINE] = "machine",
		[FF_WHEEL_OTHER_SYSTEM] = "system"};
	struct dist d = {0};
	_cleanup_free_ char *package = package_name(dist_info, &d.version), *wheel = NULL;
	_cleanup_free_ char *path = ff_path_printf("%s/%s/WHEEL", w->folder, dist_info);
	size_t n;
	if (!package || !path || !is_imported(w, package))
		return;
	_cleanup_error_ struct ff_error *absent = ff_host_read(w->ctx->host, path, WHEEL_MAX, &wheel, &n);
	struct ff_span text = {wheel, absent ? 0 : n}, tag;
	d.package = package;
	if (!absent)
		look_for_modules(w, &d, dist_info);
	if (absent || ff_wheel_is_plain(text))
		return;
	w->compiled = true;
	enum ff_wheel_fit fit = ff_wheel_fit(text, &w->place, &tag);
	if (fit != FF_WHEEL_FITS) {
		json_t *foreign = entry_of(w, &d);
		if (foreign) {
			json_object_set_new(foreign, "tag", ff_json_string(tag.p, tag.n));
			json_object_set_new(foreign, "because", json_string(because[fit]));
		}
		ff_fact_append(w->ctx, "python.foreign", foreign);
	}
	look_at_record(w, &d, dist_info);
}

static void look_at_folder(struct wheels *w)
{
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *absent = ff_host_list(w->ctx->host, w->folder, NAMES_MAX, &names);
	w->compiled = false;
	for (size_t i = 0; !absent && i < names.n; i++) {
		if (ff_ends(names.names[i], ".dist-info"))
			look_at(w, names.names[i]);
	}
	struct ff_space space = {0};
	_cleanup_error_ struct ff_error *unknown =
		w->compiled ? ff_host_space(w->ctx->host, w->folder, &space) : ff_error_create(FF_EABSENT, "nothing");
	if (!unknown && space.no_exec)
		ff_fact_append(w->ctx, "python.noexec", ff_json_string(w->folder, strlen(w->folder)));
}

void ff_probe_wheels(struct ff_probe_ctx *ctx)
{
	const json_t *site = ff_json_at(ctx->facts, "python.site"), *folder;
	const char *version = ff_json_text(ctx->facts, "python.version");
	size_t i;
	struct wheels w = {.ctx = ctx,
		.place = {.python = ff_span_of(version ? version : ""),
			.machine = ff_span_of(ff_json_text(ctx->facts, "system.arch")),
			.libc = ff_span_of(ff_json_text(ctx->facts, "system.libc.name"))}};
	json_array_foreach (site, i, folder) {
		w.folder = json_string_value(folder);
		if (w.folder)
			look_at_folder(&w);
	}
}
