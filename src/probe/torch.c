// torch: version with its build, CUDA/ROCm it was made for, cuDNN, C++ ABI; read from files, never imported.
//
//	torch/version.py                      __version__ = '2.3.1+cu121'; cuda: Optional[str] = '12.1'; hip: ... = None
//	torch/share/cmake/Torch/TorchConfig.cmake   set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")
//
// METADATA of a wheel from PyPI says 2.3.1 where version.py says 2.3.1+cu121: the module counts. A null in `cuda` is a
// fact: torch.version.cuda is None, a CPU or ROCm build.
#include "know/torch_pairs.h"
#include "parse/pyliteral.h"
#include "parse/version.h"
#include "probe/module.h"
#include "probe/python_find.h"

enum { VERSION_PY_MAX = 64 << 10, CMAKE_MAX = 256 << 10 };

static void put_text_or_null(struct ff_probe_ctx *ctx, const char *path, const struct ff_py_value *value)
{
	if (value->kind == FF_PY_TEXT)
		ff_fact(ctx, path, ff_json_string(value->text.p, value->text.n));
	else if (value->kind == FF_PY_NONE)
		ff_fact(ctx, path, json_null());
}

static bool put_version_py(struct ff_probe_ctx *ctx, const char *folder)
{
	_cleanup_free_ char *path = ff_path_printf("%s/version.py", folder), *text = NULL;
	size_t n;
	struct ff_error *err = path ? ff_host_read(ctx->host, path, VERSION_PY_MAX, &text, &n) : &ff_enomem;
	if (err) {
		ff_miss(ctx, "torch.version", err);
		return false;
	}
	static const char *const wanted[][2] = {{"__version__", "torch.version"}, {"cuda", "torch.cuda"},
		{"hip", "torch.hip"}, {"git_version", "torch.git_version"}};
	struct ff_span source = {text, n};
	struct ff_py_value value;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (ff_py_assigned(source, wanted[i][0], &value))
			put_text_or_null(ctx, wanted[i][1], &value);
	if (ff_py_assigned(source, "debug", &value) && (value.kind == FF_PY_TRUE || value.kind == FF_PY_FALSE))
		ff_fact_bool(ctx, "torch.debug", value.kind == FF_PY_TRUE);
	return true;
}

static void put_build(struct ff_probe_ctx *ctx)
{
	const json_t *cuda = ff_json_at(ctx->facts, "torch.cuda"), *hip = ff_json_at(ctx->facts, "torch.hip");
	if (json_is_string(hip))
		ff_fact_text(ctx, "torch.build", "rocm");
	else if (json_is_string(cuda))
		ff_fact_text(ctx, "torch.build", "cuda");
	else if (json_is_null(cuda))
		ff_fact_text(ctx, "torch.build", "cpu");
}

static void put_abi(struct ff_probe_ctx *ctx, const char *folder)
{
	static const char flag[] = "-D_GLIBCXX_USE_CXX11_ABI=";
	_cleanup_free_ char *path = ff_path_printf("%s/share/cmake/Torch/TorchConfig.cmake", folder), *text = NULL;
	struct ff_error *err = path ? ff_host_read(ctx->host, path, CMAKE_MAX, &text, NULL) : &ff_enomem;
	if (err) {
		ff_miss(ctx, "torch.cxx11_abi", err);
		return;
	}
	const char *at = strstr(text, flag);
	if (at && (at[strlen(flag)] == '0' || at[strlen(flag)] == '1'))
		ff_fact_bool(ctx, "torch.cxx11_abi", at[strlen(flag)] == '1');
}

// pip's cuDNN 8.9.2.26 is cuDNN 8.9.2.
static void put_cudnn(struct ff_probe_ctx *ctx)
{
	static const char *const packages[] = {
		"nvidia-cudnn-cu13", "nvidia-cudnn-cu12", "nvidia-cudnn-cu11", "nvidia-cudnn", "cudnn"};
	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
		const char *version = ff_package_version(ctx, packages[i]);
		struct ff_version v;
		if (!version || !ff_version_parse(ff_span_of(version), &v) || v.n_release < 3)
			continue;
		_cleanup_free_ char *text = ff_path_printf("%.*s.%.*s.%.*s", (int)v.release[0].n, v.release[0].p,
			(int)v.release[1].n, v.release[1].p, (int)v.release[2].n, v.release[2].p);
		ff_fact_text(ctx, "torch.cudnn", text);
		return;
	}
}

static void put_pairs(struct ff_probe_ctx *ctx)
{
	static const char *const partners[] = {"torchvision", "torchaudio"};
	const char *torch = ff_json_text(ctx->facts, "torch.version");
	for (size_t i = 0; torch && i < sizeof(partners) / sizeof(partners[0]); i++) {
		const char *found = ff_package_version(ctx, partners[i]);
		struct ff_span wants;
		if (!found || !ff_know_torch_partner(torch, partners[i], &wants))
			continue;
		bool fits = ff_version_satisfies_spans(ff_span_of(found), wants) == FF_SATISFIES_YES;
		ff_fact_append(ctx, "torch.partners",
			json_pack("{s:s, s:o, s:o, s:b}", "package", partners[i], "found",
				ff_json_string(found, strlen(found)), "wants", ff_json_string(wants.p, wants.n), "fits",
				(int)fits));
	}
}

void ff_probe_torch(struct ff_probe_ctx *ctx)
{
	const char *packaged = ff_package_version(ctx, "torch");
	_cleanup_free_ char *folder = ff_module_folder(ctx, "torch");
	if (!folder) {
		ff_fact_text(ctx, "torch.version", packaged);
		if (packaged)
			ff_miss(ctx, "torch.location",
				ff_error_create(FF_EABSENT,
					"torch %s is installed, its module is on no folder of python.site", packaged));
		return;
	}
	ff_fact_text(ctx, "torch.location", folder);
	if (!put_version_py(ctx, folder))
		ff_fact_text(ctx, "torch.version", packaged);
	put_build(ctx);
	put_abi(ctx, folder);
	put_cudnn(ctx);
	put_pairs(ctx);
}
