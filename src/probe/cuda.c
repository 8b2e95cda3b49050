// CUDA toolkits and libraries, and which of them a worker would load.
//
//	{"cuda": {"toolkit": {"home": "/usr/local/cuda", "version": "12.4.1", "nvcc": "12.4.131"},
//	 "libraries": [{"name": "libcudart", "soname": "libcudart.so.12", "version": "12.1.105", "path": "...", "from": "pip",
//	 "chosen_by": "torch", "because": "RPATH of libtorch_global_deps.so", "found_on": ["pip"]}], "conflicts": [...]}}
// How the source lies: a library on LD_LIBRARY_PATH is not thereby the one that is loaded, see cuda_choice.c.
#include "parse/maps.h"
#include "probe/cuda_choice.h"
#include "probe/cuda_toolkit.h"

#include <stdio.h>

enum { NAMES_MAX = 4096, MAPS_MAX = 32 << 20 };

static void look_below(struct ff_cuda_libraries *l, const char *folder, const char *rest, const char *from)
{
	_cleanup_free_ char *path = NULL;
	if (asprintf(&path, "%s/%s", folder, rest) < 0) {
		l->ctx->out_of_memory = true;
		return;
	}
	ff_cuda_look_in(l, &(struct ff_cuda_place){path, from});
}

static void look_in_library_path(struct ff_cuda_libraries *l)
{
	struct ff_span rest = ff_span_of(ff_host_getenv(l->ctx->host, "LD_LIBRARY_PATH")), piece;
	while (ff_span_next(&rest, ':', &piece)) {
		_cleanup_free_ char *folder = piece.n && piece.p[0] == '/' ? ff_span_dup(piece) : NULL;
		if (folder)
			ff_cuda_look_in(l, &(struct ff_cuda_place){folder, "LD_LIBRARY_PATH"});
	}
}

/** site-packages/nvidia/<every folder>/lib and torch/lib. */
static void look_in_site(struct ff_cuda_libraries *l, const char *site)
{
	_cleanup_free_ char *nvidia = NULL;
	_cleanup_names_ struct ff_names names = {0};
	if (asprintf(&nvidia, "%s/nvidia", site) < 0) {
		l->ctx->out_of_memory = true;
		return;
	}
	_cleanup_error_ struct ff_error *absent = ff_host_list(l->ctx->host, nvidia, NAMES_MAX, &names);
	l->site = site;
	for (size_t i = 0; !absent && i < names.n; i++) {
		_cleanup_free_ char *folder = NULL;
		if (!ff_starts(names.names[i], "_") && asprintf(&folder, "%s/%s", nvidia, names.names[i]) > 0)
			look_below(l, folder, "lib", "pip");
	}
	look_below(l, site, "torch/lib", "torch");
}

static void look_everywhere(struct ff_cuda_libraries *l, const json_t *toolkits)
{
	size_t i;
	const json_t *item;
	const json_t *site = ff_json_at(l->ctx->facts, "python.site");
	// The site folder that torch comes from last: it is the one that origins are judged by.
	for (size_t k = json_array_size(site); k > 0; k--) {
		const char *folder = json_string_value(json_array_get(site, k - 1));
		if (folder)
			look_in_site(l, folder);
	}
	const char *torch_site = l->site;
	free(ff_world_find(l->ctx, "torch", &torch_site)); // its site folder is what is asked for
	l->site = torch_site;
	json_array_foreach (toolkits, i, item) {
		const char *home = ff_json_text(item, "real");
		if (!home)
			continue;
		look_below(l, home, "lib64", "toolkit");
		look_below(l, home, "compat", "toolkit");
	}
	const char *conda = ff_host_getenv(l->ctx->host, "CONDA_PREFIX");
	if (conda && conda[0] == '/')
		look_below(l, conda, "lib", "conda");
	look_in_library_path(l);
	ff_cuda_look_in_cache(l);
}

/** With --pid: what the process has really mapped. */
static void note_mapped(struct ff_cuda_libraries *l)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	if (!ff_host_pid(l->ctx->host))
		return;
	struct ff_error *err = ff_host_read_process(l->ctx->host, 0, "maps", MAPS_MAX, &text, &n);
	if (err) {
		ff_miss(l->ctx, "cuda.libraries", err);
		return;
	}
	struct ff_span rest = {text, n};
	for (struct ff_map_line map; ff_map_next(&rest, &map);) {
		_cleanup_free_ char *path = map.executable ? ff_span_dup(map.path) : NULL;
		json_t *entry = path ? ff_cuda_entry(l, path, "system") : NULL;
		if (entry && json_object_set_new(entry, "mapped", json_true()) < 0)
			l->ctx->out_of_memory = true;
	}
}

void ff_probe_cuda(struct ff_probe_ctx *ctx)
{
	struct ff_cuda_libraries *l = calloc(1, sizeof(*l));
	_cleanup_json_ json_t *list = json_array();
	if (!l || !list) {
		ctx->out_of_memory = true;
		free(l);
		return;
	}
	l->ctx = ctx;
	l->list = list;
	look_everywhere(l, ff_cuda_find_toolkits(ctx));
	ff_cuda_choose(l);
	note_mapped(l);
	free(l);
	if (json_array_size(list))
		ff_fact(ctx, "cuda.libraries", ff_take(&list));
}
