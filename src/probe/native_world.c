// Plays `import torch` on paper. torch/__init__.py opens lib/libtorch_global_deps.so; when a CUDA library is missing
// there, it opens those of site-packages/nvidia/* by path and tries again; newer ones then open nvrtc and nvJitLink by
// path, so that LD_LIBRARY_PATH cannot bring others (pytorch#138460). Only then comes the module itself.
// How the source lies: with system packages (conda, NGC images) there is no nvidia/ folder and nothing is opened by
// path.
#include "probe/native_world.h"

#include "base/table.h"

#include <stdio.h>

enum { INIT_MAX = 1 << 20, FOLDER_MAX = 4096 };

FF_EMBEDDED(ff_table, cuda_libraries);

char *ff_world_find(struct ff_probe_ctx *ctx, const char *name, const char **ret_site)
{
	const json_t *site = ff_json_at(ctx->facts, "python.site");
	for (size_t i = 0; i < json_array_size(site); i++) {
		const char *folder = json_string_value(json_array_get(site, i));
		_cleanup_free_ char *path = NULL;
		if (!folder || asprintf(&path, "%s/%s", folder, name) < 0)
			continue;
		if (!ff_host_mode_is(ctx->host, path, S_IFDIR))
			continue;
		if (ret_site)
			*ret_site = folder;
		return ff_take(&path);
	}
	return NULL;
}

/** Open the libraries <site>/nvidia/<folder>/lib/<library>.so.* by path, as torch does. */
static struct ff_error *open_by_path(
	struct ff_probe_ctx *ctx, struct ff_world *world, struct ff_span folder, struct ff_span library)
{
	_cleanup_free_ char *dir = NULL, *prefix = NULL;
	_cleanup_names_ struct ff_names names = {0};
	if (asprintf(&dir, "%s/nvidia/%.*s/lib", world->site, (int)folder.n, folder.p) < 0 ||
		asprintf(&prefix, "%.*s.so.", (int)library.n, library.p) < 0)
		return &ff_enomem;
	_cleanup_error_ struct ff_error *absent = ff_host_list(ctx->host, dir, FOLDER_MAX, &names);
	for (size_t i = 0; !absent && i < names.n; i++) {
		_cleanup_free_ char *path = NULL;
		size_t opened;
		if (!ff_starts(names.names[i], prefix))
			continue;
		if (asprintf(&path, "%s/%s", dir, names.names[i]) < 0)
			return &ff_enomem;
		_cleanup_error_ struct ff_error *err = ff_loader_open(world->ld, path, 0, &opened);
		return err && err->code == FF_ENOMEM ? &ff_enomem : NULL; // torch goes on when one of them fails
	}
	return NULL;
}

static struct ff_error *open_all_by_path(struct ff_probe_ctx *ctx, struct ff_world *world)
{
	struct ff_table table = ff_table_of(ff_table_cuda_libraries);
	struct ff_error *err = NULL;
	for (struct ff_table_row row; !err && ff_table_next(&table, &row);)
		if (row.cells[1].n)
			err = open_by_path(ctx, world, row.cells[1], row.cells[0]);
	return err;
}

/** Does this torch open nvJitLink by path before anything else needs it? */
static bool opens_jitlink(struct ff_probe_ctx *ctx, const char *torch)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	if (asprintf(&path, "%s/__init__.py", torch) < 0)
		return false;
	_cleanup_error_ struct ff_error *err = ff_host_read(ctx->host, path, INIT_MAX, &text, NULL);
	return !err && strstr(text, "_preload_cuda_deps(\"nvjitlink\"");
}

/** libcudart came out of site-packages/nvidia, which is torch's own condition for opening more by path. */
static bool has_pip_runtime(const struct ff_world *world)
{
	for (size_t i = 0; i < ff_loader_count(world->ld); i++)
		if (strstr(ff_loader_object(world->ld, i)->path, "nvidia/cuda_runtime/lib/libcudart.so"))
			return true;
	return false;
}

static struct ff_error *start(struct ff_probe_ctx *ctx, struct ff_world *world)
{
	const char *program = ff_json_text(ctx->facts, "python.binary");
	size_t object;
	if (!program)
		program = ff_json_text(ctx->facts, "python.executable");
	if (!program)
		return ff_error_create(FF_EABSENT, "no interpreter is known, so what it loads is not either");
	struct ff_error *err = ff_loader_create(ctx->host, NULL, &world->ld);
	return err ? err : ff_loader_start(world->ld, program, &object);
}

/** dlopen() of a file of torch/lib; one that this torch does not have is passed over. */
static struct ff_error *open_part(struct ff_world *world, const char *name, bool *ret_complete)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *problems = json_object();
	size_t object;
	if (!problems || asprintf(&path, "%s/lib/%s", world->torch, name) < 0)
		return &ff_enomem;
	struct ff_error *err = ff_loader_open(world->ld, path, 0, &object);
	if (err && err->code == FF_EABSENT) {
		ff_error_destroy(err);
		return NULL;
	}
	if (!err)
		err = ff_native_problems(world->ld, object, problems);
	if (err)
		return err;
	*ret_complete = !json_object_get(problems, "missing");
	world->torch_roots[world->torch_roots_n++] = object;
	return NULL;
}

static struct ff_error *import_torch(struct ff_probe_ctx *ctx, struct ff_world *world, bool by_path, bool *ret_complete)
{
	static const char *const eager[] = {"libtorch_python.so", "libtorch_cuda.so"};
	static const char *const lazy[] = {"libtorch_cuda_linalg.so", "libcaffe2_nvrtc.so"};
	bool part_complete;
	struct ff_error *err = start(ctx, world);
	if (!err && by_path)
		err = open_all_by_path(ctx, world);
	*ret_complete = true;
	if (!err)
		err = open_part(world, "libtorch_global_deps.so", ret_complete);
	if (!err && *ret_complete && opens_jitlink(ctx, world->torch) && has_pip_runtime(world)) {
		err = open_by_path(ctx, world, FF_SPAN("cuda_nvrtc"), FF_SPAN("libnvrtc"));
		if (!err)
			err = open_by_path(ctx, world, FF_SPAN("nvjitlink"), FF_SPAN("libnvJitLink"));
	}
	for (size_t i = 0; !err && i < sizeof(eager) / sizeof(eager[0]); i++)
		err = open_part(world, eager[i], &part_complete);
	world->torch_eager_n = world->torch_roots_n;
	for (size_t i = 0; !err && i < sizeof(lazy) / sizeof(lazy[0]); i++)
		err = open_part(world, lazy[i], &part_complete);
	return err;
}

struct ff_error *ff_world_init(struct ff_probe_ctx *ctx, struct ff_world *world)
{
	const char *site = NULL;
	bool complete = true;
	*world = (struct ff_world){.torch = ff_world_find(ctx, "torch", &site)};
	if (!world->torch) {
		struct ff_error *none = start(ctx, world);
		if (!none || none->code != FF_EABSENT)
			return none;
		ff_error_destroy(none);
		return NULL;
	}
	world->site = strdup(site ? site : "");
	struct ff_error *err = world->site ? import_torch(ctx, world, false, &complete) : &ff_enomem;
	if (!err && !complete) { // the first attempt fails as a whole; torch opens what it can by path and tries again
		ff_loader_destroy(ff_take(&world->ld));
		world->torch_roots_n = world->torch_eager_n = 0;
		err = import_torch(ctx, world, true, &complete);
	}
	return err;
}

void ff_world_deinit(struct ff_world *world)
{
	ff_loader_destroy(world->ld);
	free(world->torch);
	free(world->site);
}
