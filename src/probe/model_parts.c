// The folders that a model consists of, where a file beside them says which.
//
//	modules.json      [{"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
//	model_index.json  {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
//	                   "safety_checker": [null, null]}
//	model.safetensors.index.json  {"weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors"}}
// How the source lies: a module without settings ("2_Normalize") has an empty folder, which git does not keep; the
// library does not look into it.
#include "probe/model_folder.h"

#include "probe/python_find.h"

enum { INDEX_MAX = 1 << 20, PARTS_MAX = 16 };

static json_t *read_index(struct ff_probe_ctx *ctx, const char *folder, const char *name)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, name), *text = NULL;
	size_t n;
	json_t *doc = NULL;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(ctx->host, path, INDEX_MAX, &text, &n) : &ff_enomem;
	_cleanup_error_ struct ff_error *torn = absent ? NULL : ff_json_parse(path, text, n, &doc);
	return doc;
}

static void note_part(struct ff_probe_ctx *ctx, const char *folder, const char *part, const char *by, json_t *list)
{
	if (!part || !*part || part[0] == '/' || strstr(part, "..") || json_array_size(list) >= PARTS_MAX)
		return;
	_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, part);
	if (path && !ff_host_mode_is(ctx->host, path, S_IFDIR) &&
		json_array_append_new(list, json_pack("{s:s, s:s}", "folder", part, "named_by", by)) < 0)
		ctx->out_of_memory = true;
}

void ff_model_indexed(struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names, json_t *missing)
{
	static const char index_name[] = "model.safetensors.index.json";
	bool counts = ff_names_have(names, index_name) && !ff_names_have(names, "model.safetensors");
	_cleanup_json_ json_t *index = counts ? read_index(ctx, folder, index_name) : NULL, *told = json_object();
	const char *tensor, *last = "";
	json_t *file;
	json_object_foreach (json_object_get(index, "weight_map"), tensor, file) {
		const char *name = json_string_value(file);
		if (!name || strcmp(name, last) == 0 || ff_names_have(names, name) || json_object_get(told, name))
			continue;
		last = name;
		if (json_object_set_new(told, name, json_true()) < 0 ||
			json_array_append_new(missing, ff_json_string(name, strlen(name))) < 0)
			ctx->out_of_memory = true;
	}
}

json_t *ff_model_parts(struct ff_probe_ctx *ctx, const char *folder)
{
	_cleanup_json_ json_t *modules = read_index(ctx, folder, "modules.json"),
			      *index = read_index(ctx, folder, "model_index.json");
	json_t *list = json_array(), *part;
	const char *name;
	size_t i;
	json_array_foreach (modules, i, part) {
		const char *type = ff_json_text(part, "type");
		if (type && !ff_ends(type, ".Normalize"))
			note_part(ctx, folder, ff_json_text(part, "path"), "modules.json", list);
	}
	json_object_foreach (index, name, part) {
		if (name[0] != '_' && json_is_string(json_array_get(part, 0)) &&
			json_is_string(json_array_get(part, 1)))
			note_part(ctx, folder, name, "model_index.json", list);
	}
	return list;
}
