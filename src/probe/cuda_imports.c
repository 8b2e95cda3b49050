// Compiled modules of installed packages: what the loader would not find if they were imported after torch
// (rules/data/import_libraries.tsv says which). Each is opened and forgotten, so that none finds what another brought.
//
//	{"python": {"unloadable": [{"package": "onnxruntime", "file": ".../libonnxruntime_providers_cuda.so", "when": "gpu",
//	            "missing": [{"library": "libcublasLt.so.11", "needed_by": "..."}], "missing_versions": [...],
//	            "missing_symbols": [...], "built_for": {...}}]}}
// Modules of Python itself (_ssl, _ctypes) are of the package "python".
// How the source lies: what is missing is missing for this order alone; where a worker does not import torch, torch's
// own libraries are not there either. libcuda.so.1 is the driver's, which rules of its own speak of.
#include "probe/cuda_choice.h"

#include "base/table.h"
#include "probe/python_find.h"

#include <stdio.h>

enum { NAMES_MAX = 20000, FILES_MAX = 96 };

FF_EMBEDDED(ff_table, import_libraries);

struct imports {
	struct ff_cuda_libraries *libraries;
	struct ff_world *world;
	size_t files;
};

static bool failed(struct imports *m, struct ff_error *err)
{
	if (err)
		ff_miss(m->libraries->ctx, "python.unloadable", err);
	return err != NULL;
}

// Leaves out what is not there because there is no driver.
static void without_driver(json_t *problems)
{
	json_t *missing = json_object_get(problems, "missing");
	for (size_t i = json_array_size(missing); i-- > 0;) {
		const char *library = ff_json_text(json_array_get(missing, i), "library");
		if (library && (ff_starts(library, "libcuda.so") || ff_starts(library, "libnvidia-ml.so")))
			json_array_remove(missing, i);
	}
	if (missing && !json_array_size(missing))
		json_object_del(problems, "missing");
}

static void try_file(struct imports *m, const struct ff_table_row *row, const char *path)
{
	_cleanup_json_ json_t *problems = json_object();
	size_t before = ff_loader_count(m->world->ld), root;
	if (!problems || m->files++ >= FILES_MAX)
		return;
	struct ff_error *err = ff_loader_open(m->world->ld, path, 0, &root);
	if (err) { // no ELF file, or of another machine: the probe wheels tells
		ff_error_destroy(err);
		return;
	}
	const char *torch = ff_json_text(m->libraries->ctx->facts, "torch.version");
	bool unknown = failed(m, ff_native_problems(m->world->ld, root, problems)) ||
		failed(m, ff_native_torch_symbols(m->libraries->ctx->host, m->world->ld, root, torch, problems));
	ff_loader_forget(m->world->ld, before);
	without_driver(problems);
	if (unknown || !json_object_size(problems))
		return;
	json_t *fact = json_pack("{s:s%, s:o*, s:s%}", "package", row->cells[0].p, row->cells[0].n, "file",
		ff_native_text(path), "when", row->cells[3].p, row->cells[3].n);
	if (fact && json_object_update_missing(fact, problems) < 0)
		m->libraries->ctx->out_of_memory = true;
	ff_fact_append(m->libraries->ctx, "python.unloadable", fact);
}

static void try_row(struct imports *m, const char *site, const struct ff_table_row *row)
{
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_free_ char *folder = NULL, *prefix = ff_span_dup(row->cells[2]);
	bool top = ff_span_eq(row->cells[1], ".");
	if (asprintf(&folder, "%s%s%.*s", site, top ? "" : "/", top ? 0 : (int)row->cells[1].n, row->cells[1].p) < 0)
		return;
	_cleanup_error_ struct ff_error *absent =
		prefix ? ff_host_list(m->libraries->ctx->host, folder, NAMES_MAX, &names) : &ff_enomem;
	for (size_t i = 0; !absent && i < names.n; i++) {
		_cleanup_free_ char *path = NULL;
		if (ff_starts(names.names[i], prefix) && ff_ends(names.names[i], ".so") &&
			asprintf(&path, "%s/%s", folder, names.names[i]) > 0)
			try_file(m, row, path);
	}
}

void ff_cuda_try_imports(struct ff_cuda_libraries *libraries, struct ff_world *world)
{
	struct imports m = {.libraries = libraries, .world = world};
	struct ff_table table = ff_table_of(ff_table_import_libraries);
	_cleanup_free_ char *library = ff_python_library(libraries->ctx);
	for (struct ff_table_row row; ff_table_next(&table, &row);) {
		if (ff_span_eq(row.cells[0], "python")) {
			if (library)
				try_row(&m, library, &row);
			continue;
		}
		_cleanup_free_ char *package = ff_span_dup(row.cells[0]);
		const char *site = NULL;
		_cleanup_free_ char *folder = package ? ff_world_find(libraries->ctx, package, &site) : NULL;
		if (folder && site)
			try_row(&m, site, &row);
	}
}
