// GPU code of installed packages: which architectures torch, bitsandbytes, flash-attn, vllm, ... were built for, read
// from their libraries' headers (rules/data/native_packages.tsv says where those lie).
//
//	{"torch": {"archs": ["sm_50", "sm_90"]}, "bitsandbytes": {"libraries": {"libbitsandbytes_cuda121.so": ["sm_75"]}},
//	 "extensions": [{"package": "flash_attn", "file": "...", "archs": ["sm_80", "sm_90"]}]}
// How the source lies: a wheel built from source on a build machine carries only that machine's architecture; torch's
// list (torch.cuda.get_arch_list) is that of libtorch_cuda.so, other libraries beside it can carry fewer.
#include "base/table.h"
#include "probe/native_world.h"

#include <stdio.h>

enum { NAMES_MAX = 20000, FILES_MAX = 400 };

FF_EMBEDDED(ff_table, native_packages);

struct search {
	struct ff_probe_ctx *ctx;
	const char *site;
	struct ff_names site_names; // of the site folder itself
	struct ff_span package, folder, prefix;
	json_t *torch;	   // architectures of all of torch
	json_t *libraries; // of bitsandbytes: file name to architectures
	size_t files;
};

static void file_fact(struct search *s, const char *name, const char *path, json_t *gpu)
{
	_cleanup_error_ struct ff_error *err =
		ff_span_eq(s->package, "torch") ? ff_native_gpu_merge(s->torch, gpu) : NULL;
	if (!err)
		err = ff_native_gpu_narrow(gpu);
	s->ctx->out_of_memory |= err != NULL;
	if (ff_span_eq(s->package, "bitsandbytes") &&
		json_object_set(s->libraries, name, json_object_get(gpu, "archs")) < 0)
		return; // no machine code, or a name that is not UTF-8
	json_t *fact = json_pack("{s:s%, s:o*}", "package", s->package.p, s->package.n, "file", ff_native_text(path));
	if (fact && json_object_update_missing(fact, gpu) < 0)
		s->ctx->out_of_memory = true;
	ff_fact_append(s->ctx, "extensions", fact);
}

static void look_at_file(struct search *s, const char *dir, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *gpu = NULL;
	if (s->files++ >= FILES_MAX)
		return;
	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		s->ctx->out_of_memory = true;
		return;
	}
	struct ff_error *err = ff_native_gpu(s->ctx->host, path, &gpu);
	if (err)
		ff_miss(s->ctx, "extensions", err);
	else if (json_object_size(gpu))
		file_fact(s, name, path, gpu);
}

static bool is_library(struct ff_span prefix, const char *name)
{
	return strncmp(name, prefix.p ? prefix.p : "", prefix.n) == 0 && (ff_ends(name, ".so") || strstr(name, ".so."));
}

static void look_in(struct search *s, const char *dir, const struct ff_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (is_library(s->prefix, names->names[i]))
			look_at_file(s, dir, names->names[i]);
}

static void look_for_package(struct search *s)
{
	if (ff_span_eq(s->folder, ".")) {
		look_in(s, s->site, &s->site_names);
		return;
	}
	_cleanup_free_ char *dir = NULL;
	_cleanup_names_ struct ff_names names = {0};
	if (asprintf(&dir, "%s/%.*s", s->site, (int)s->folder.n, s->folder.p) < 0) {
		s->ctx->out_of_memory = true;
		return;
	}
	struct ff_error *err = ff_host_list(s->ctx->host, dir, NAMES_MAX, &names);
	if (!err)
		look_in(s, dir, &names);
	else if (err->code != FF_EABSENT)
		ff_miss(s->ctx, "extensions", ff_take(&err));
	ff_error_destroy(err);
}

static void look_in_site(struct search *s)
{
	struct ff_error *err = ff_host_list(s->ctx->host, s->site, NAMES_MAX, &s->site_names);
	if (err) { // folders on sys.path need not exist
		ff_error_destroy(err);
		return;
	}
	struct ff_table table = ff_table_of(ff_table_native_packages);
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		s->package = row.cells[0];
		s->folder = row.cells[1];
		s->prefix = row.cells[2];
		look_for_package(s);
	}
	ff_names_deinit(&s->site_names);
	s->site_names = (struct ff_names){0};
}

static void put_torch(struct ff_probe_ctx *ctx, const json_t *gpu)
{
	static const char *const facts[][2] = {{"archs", "torch.archs"}, {"ptx", "torch.ptx"},
		{"ptx_isa", "torch.ptx_isa"}, {"hip", "torch.archs"}, {"partial", "torch.partial"}};
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		json_t *value = json_object_get(gpu, facts[i][0]);
		if (value)
			ff_fact(ctx, facts[i][1], json_incref(value));
	}
}

static void put_bitsandbytes(struct ff_probe_ctx *ctx, json_t *libraries)
{
	if (json_object_size(libraries)) // which of them counts is known only in the join: bitsandbytes_needs.c
		ff_fact(ctx, "bitsandbytes.libraries", json_incref(libraries));
}

void ff_probe_extensions(struct ff_probe_ctx *ctx)
{
	_cleanup_json_ json_t *torch = json_object();
	_cleanup_json_ json_t *libraries = json_object();
	struct search s = {.ctx = ctx, .torch = torch, .libraries = libraries};
	const json_t *site = ff_json_at(ctx->facts, "python.site");
	if (!torch || !libraries) {
		ctx->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < json_array_size(site); i++) {
		s.site = json_string_value(json_array_get(site, i));
		if (s.site)
			look_in_site(&s);
	}
	_cleanup_error_ struct ff_error *err = ff_native_gpu_narrow(torch);
	ctx->out_of_memory |= err != NULL;
	put_torch(ctx, torch);
	put_bitsandbytes(ctx, libraries);
	if (s.files > FILES_MAX)
		ff_miss(ctx, "extensions",
			ff_error_create(FF_ELIMIT, "more than %d native libraries; the rest was not read", FILES_MAX));
}
