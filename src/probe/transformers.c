// transformers and what stands around it: version, place, its own pins.
//
//	{"transformers": {"version": "4.45.0", "location": "...", "requires": {"tokenizers": ">=0.20,<0.21"}},
//	 "frameworks": {"accelerate": {"version": "0.34.2", "location": "...", "requires": {"torch": ">=1.10.0"}}}}
//
// transformers/dependency_versions_table.py holds the pins that it checks at import and when an optional package is
// used (bitsandbytes, accelerate): more than METADATA says without extras.
#include "parse/pyliteral.h"
#include "parse/requirement.h"
#include "probe/module.h"
#include "probe/python_find.h"

enum { TABLE_MAX = 256 << 10 };

// Normalised package name and module name.
static const char *const frameworks[][2] = {
	{"accelerate", "accelerate"},
	{"auto-gptq", "auto_gptq"},
	{"autoawq", "awq"},
	{"deepspeed", "deepspeed"},
	{"diffusers", "diffusers"},
	{"flash-attn", "flash_attn"},
	{"flashinfer-python", "flashinfer"},
	{"gptqmodel", "gptqmodel"},
	{"huggingface-hub", "huggingface_hub"},
	{"llama-cpp-python", "llama_cpp"},
	{"peft", "peft"},
	{"ray", "ray"},
	{"safetensors", "safetensors"},
	{"sentence-transformers", "sentence_transformers"},
	{"sgl-kernel", "sgl_kernel"},
	{"sglang", "sglang"},
	{"tokenizers", "tokenizers"},
	{"triton", "triton"},
	{"vllm", "vllm"},
	{"xformers", "xformers"},
};

static json_t *framework_entry(struct ff_probe_ctx *ctx, const char *package, const char *module)
{
	const char *version = ff_package_version(ctx, package);
	_cleanup_free_ char *folder = ff_module_folder(ctx, module);
	if (!version && !folder)
		return NULL;
	json_t *entry = json_object(), *requires = ff_package_requires(ctx, package);
	if (version)
		json_object_set_new(entry, "version", json_string(version));
	if (folder)
		json_object_set_new(entry, "location", ff_json_string(folder, strlen(folder)));
	if (requires)
		json_object_set_new(entry, "requires", requires);
	return entry;
}

static void add_pins(struct ff_probe_ctx *ctx, const char *folder, json_t *requires)
{
	_cleanup_free_ char *path = ff_path_printf("%s/dependency_versions_table.py", folder), *text = NULL;
	size_t n;
	struct ff_error *err = path ? ff_host_read(ctx->host, path, TABLE_MAX, &text, &n) : &ff_enomem;
	if (err) {
		ff_miss(ctx, "transformers.requires", err);
		return;
	}
	struct ff_span rest = {text, n}, key, value;
	while (ff_py_dict_next(&rest, &key, &value)) {
		struct ff_requirement r;
		_cleanup_error_ struct ff_error *malformed = ff_requirement_parse(path, value, &r);
		_cleanup_buf_ struct ff_buf name = {0};
		if (malformed || !r.specifiers.n)
			continue;
		ff_package_name_format(r.name, &name);
		if (!name.failed)
			json_object_set_new(requires, name.p, ff_json_string(r.specifiers.p, r.specifiers.n));
	}
}

void ff_probe_transformers(struct ff_probe_ctx *ctx)
{
	json_t *all = json_object(), *own = framework_entry(ctx, "transformers", "transformers");
	const char *location = json_string_value(json_object_get(own, "location"));
	if (own && location) {
		if (!json_object_get(own, "requires"))
			json_object_set_new(own, "requires", json_object());
		add_pins(ctx, location, json_object_get(own, "requires"));
	}
	if (own)
		ff_fact(ctx, "transformers", own);
	for (size_t i = 0; i < sizeof(frameworks) / sizeof(frameworks[0]); i++) {
		json_t *entry = framework_entry(ctx, frameworks[i][0], frameworks[i][1]);
		if (entry)
			json_object_set_new(all, frameworks[i][0], entry);
	}
	ff_fact(ctx, "frameworks", all);
}
