// What a model's own files ask of the releases that are installed, where the text of those releases tells that they do
// not know it.
//
//	adapter_config.json {"peft_type": "LORA", "lora_bias": false}      peft/tuners/lora/config.py has no lora_bias
//	config.json {"rope_scaling": {"rope_type": "llama3", "factor": 8}} configuration_llama.py wants "two fields"
//	model.onnx                                                         08 0a: version 10 of ONNX's representation
//
// How the source lies: peft takes settings of its later releases from 0.14 on (and says so in its code), so only what
// is older is told of; code beside a model ("auto_map") has a configuration of its own.
#include "probe/model_folder.h"

#include "host/bytes.h"
#include "parse/chars.h"
#include "probe/python_find.h"

enum { SETTINGS_MAX = 1 << 20, SOURCE_MAX = 256 << 10, UNKNOWN_MAX = 8, TYPE_MAX = 64 };

static json_t *settings_of(struct ff_probe_ctx *ctx, const char *folder, const char *name)
{
	size_t n;
	json_t *doc = NULL;
	_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, name), *text = NULL;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(ctx->host, path, SETTINGS_MAX, &text, &n) : &ff_enomem;
	_cleanup_error_ struct ff_error *torn = absent ? NULL : ff_json_parse(path, text, n, &doc);
	return doc;
}

// A file of an installed package, NULL where it is not there.
static char *source_of(struct ff_probe_ctx *ctx, const char *package, const char *file)
{
	size_t i;
	json_t *site;
	json_array_foreach (ff_json_at(ctx->facts, "python.site"), i, site) {
		char *text = NULL;
		size_t n;
		_cleanup_free_ char *path = ff_path_printf("%s/%s/%s", json_string_value(site), package, file);
		_cleanup_error_ struct ff_error *absent =
			path ? ff_host_read(ctx->host, path, SOURCE_MAX, &text, &n) : &ff_enomem;
		if (!absent)
			return text;
	}
	return NULL;
}

// "LORA" -> "lora", "deepseek-v2" -> "deepseek_v2": as modules are called. False where it can be no module's name.
static bool module_name(const char *type, char *ret)
{
	size_t n = type ? strlen(type) : 0;
	for (size_t i = 0; i < n && n < TYPE_MAX; i++) {
		bool letter = ff_is_alnum(type[i]) || type[i] == '_' || type[i] == '-';
		if (!letter)
			return false;
		ret[i] = type[i] == '-' ? '_' : type[i] >= 'A' && type[i] <= 'Z' ? (char)(type[i] | 32) : type[i];
	}
	if (!n || n >= TYPE_MAX)
		return false;
	ret[n] = '\0';
	return true;
}

static void put_adapter(struct ff_probe_ctx *ctx, const char *folder, json_t *model)
{
	char module[TYPE_MAX];
	_cleanup_json_ json_t *settings = settings_of(ctx, folder, "adapter_config.json");
	if (!module_name(ff_json_text(settings, "peft_type"), module))
		return;
	_cleanup_free_ char *file = ff_path_printf("tuners/%s/config.py", module);
	_cleanup_free_ char *common = source_of(ctx, "peft", "config.py");
	_cleanup_free_ char *own = file && common ? source_of(ctx, "peft", file) : NULL;
	// those that inherit from another tuner's settings have these in another file
	bool whole = own && strstr(own, "(PeftConfig)");
	json_t *unknown = whole && !strstr(common, "unexpected keyword argument") ? json_array() : NULL;
	const char *key;
	json_t *value;
	json_object_foreach (settings, key, value) {
		bool known = !unknown || ff_has_word(own, key) || ff_has_word(common, key);
		if (!known && json_array_size(unknown) < UNKNOWN_MAX)
			json_array_append_new(unknown, ff_json_string(key, strlen(key)));
	}
	if (json_array_size(unknown))
		json_object_set(model, "adapter_unknown", unknown);
	json_decref(unknown);
}

// {"type": "linear", "factor": 2} is what releases before 4.43 take, and nothing else.
static void put_rope(struct ff_probe_ctx *ctx, const char *folder, json_t *model)
{
	char module[TYPE_MAX];
	_cleanup_json_ json_t *settings = settings_of(ctx, folder, "config.json");
	const json_t *rope = json_object_get(settings, "rope_scaling");
	if (!json_is_object(rope) || (json_object_size(rope) == 2 && json_object_get(rope, "type")) ||
		json_object_get(settings, "auto_map") || !module_name(ff_json_text(settings, "model_type"), module))
		return;
	_cleanup_free_ char *file = ff_path_printf("models/%s/configuration_%s.py", module, module);
	_cleanup_free_ char *source = file ? source_of(ctx, "transformers", file) : NULL;
	if (source && strstr(source, "with two fields"))
		json_object_set_new(model, "rope_unknown", json_true());
}

void ff_model_asks(struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names, json_t *model)
{
	if (ff_names_have(names, "adapter_config.json"))
		put_adapter(ctx, folder, model);
	if (ff_names_have(names, "config.json"))
		put_rope(ctx, folder, model);
}

// The first field of the message is its version; a number below 128 is one byte.
json_t *ff_model_onnx(struct ff_probe_ctx *ctx, const char *path)
{
	unsigned char head[2] = {0};
	struct ff_file file = FF_FILE_CLOSED;
	_cleanup_error_ struct ff_error *unknown = ff_file_open(ctx->host, path, &file);
	bool got = false;
	if (!unknown && file.bytes.size >= sizeof(head)) {
		_cleanup_error_ struct ff_error *err =
			ff_bytes_read_far(&file.bytes, 0, (char *)head, sizeof(head), "the file");
		got = !err;
	}
	if (!unknown)
		ff_file_deinit(&file);
	return got && head[0] == 8 && head[1] && head[1] < 128
		? json_pack("{s:o, s:I}", "path", ff_json_string(path, strlen(path)), "ir", (json_int_t)head[1])
		: NULL;
}
