// bitsandbytes: version, where it lies, the native libraries it ships.
//
//	{"bitsandbytes": {"version": "0.42.0", "location": ".../site-packages/bitsandbytes",
//	                  "binaries": ["libbitsandbytes_cpu.so", "libbitsandbytes_cuda121.so"]}}
//
// Which of them it would load depends on GPUs too: bitsandbytes_choice.
#include "parse/pyliteral.h"
#include "probe/module.h"
#include "probe/python_find.h"

enum { NAMES_MAX = 4096, INIT_MAX = 256 << 10 };

// Without metadata (a source checkout) the module says its version itself.
static void put_own_version(struct ff_probe_ctx *ctx, const char *folder)
{
	_cleanup_free_ char *path = ff_path_printf("%s/__init__.py", folder), *text = NULL;
	size_t n;
	struct ff_py_value value;
	_cleanup_error_ struct ff_error *err = path ? ff_host_read(ctx->host, path, INIT_MAX, &text, &n) : &ff_enomem;
	if (!err && ff_py_assigned((struct ff_span){text, n}, "__version__", &value) && value.kind == FF_PY_TEXT)
		ff_fact(ctx, "bitsandbytes.version", ff_json_string(value.text.p, value.text.n));
}

void ff_probe_bitsandbytes(struct ff_probe_ctx *ctx)
{
	const char *packaged = ff_package_version(ctx, "bitsandbytes");
	_cleanup_free_ char *folder = ff_module_folder(ctx, "bitsandbytes");
	ff_fact_text(ctx, "bitsandbytes.version", packaged);
	if (!folder)
		return;
	ff_fact_text(ctx, "bitsandbytes.location", folder);
	if (!packaged)
		put_own_version(ctx, folder);
	_cleanup_names_ struct ff_names names = {0};
	struct ff_error *err = ff_host_list(ctx->host, folder, NAMES_MAX, &names);
	if (err) {
		ff_miss(ctx, "bitsandbytes.binaries", err);
		return;
	}
	json_t *binaries = json_array();
	for (size_t i = 0; i < names.n; i++)
		if (ff_starts(names.names[i], "libbitsandbytes") && ff_ends(names.names[i], ".so"))
			json_array_append_new(binaries, ff_json_string(names.names[i], strlen(names.names[i])));
	ff_fact(ctx, "bitsandbytes.binaries", binaries);
	ff_fact_append(ctx, "complete", json_string("bitsandbytes.binaries"));
}
