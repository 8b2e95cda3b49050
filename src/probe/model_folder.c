// A folder that a model lies in. Only the ends of its files are read: headers, the last bytes, sizes.
//
//	model.safetensors           8 bytes, JSON, data: the header says how long the file has to be
//	pytorch_model.bin           a zip since torch 1.6, whose directory stands at its end
//	version https://git-lfs...  130 bytes in place of any of them: cloned without git-lfs
//	<!DOCTYPE html>             a proxy's or the hub's sign-in page, saved under the file's name
//	{"error": "Not Found"}      what a server answered, in place of config.json; or another document than the name says
//	model-00002-of-00003...     promises two more
// How the source lies: .bin is anybody's ending (OpenVINO, CTranslate2, a pickle of arguments), so that a beginning
// counts as wrong only under the names that torch's own weights have; a file that is being written is short, too.
#include "probe/model_folder.h"

#include "host/bytes.h"
#include "parse/chars.h"
#include "parse/model_file.h"
#include "probe/python_find.h"

#include <stdio.h>

enum {
	CONFIG_MAX = 1 << 20,
	PIECES_MAX = 16 << 20,
	FILES_MAX = 256,
	HEAD = 160,
	ZIP_END = 22,
	ZIP_TAIL = 65557,
	HEADER_MAX = 4 << 20,
	SHARDS_MAX = 512,
	SHARD_NAME_MAX = 256
};

static void put_number(json_t *object, const char *key, uint64_t value)
{
	if (value && value <= INT64_MAX)
		json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *config_of(const struct ff_model_shape *s)
{
	json_t *config = json_object();
	const struct {
		const char *key, *text;
	} texts[] = {{"type", s->type}, {"dtype", s->dtype}, {"quantization", s->quantization},
		{"transformers", s->made_by}, {"name", s->name}};
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {{"quantization_bits", s->quantization_bits}, {"layers", s->layers}, {"hidden", s->hidden},
		{"heads", s->heads}, {"kv_heads", s->kv_heads}, {"head_dim", s->head_dim},
		{"vocabulary", s->vocabulary}, {"intermediate", s->intermediate}, {"experts", s->experts},
		{"experts_used", s->experts_used}, {"expert_width", s->expert_width}, {"context", s->context},
		{"full_layers", s->kept.full == s->layers ? 0 : s->kept.full}, {"windowed_layers", s->kept.windowed},
		{"window", s->kept.windowed ? s->kept.window : 0}, {"recurrent_layers", s->kept.recurrent},
		{"state", s->kept.recurrent ? s->kept.state : 0}, {"latent", s->kept.latent},
		{"latent_whole", s->kept.latent_whole}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (*texts[i].text)
			json_object_set_new(config, texts[i].key, ff_json_string(texts[i].text, strlen(texts[i].text)));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		put_number(config, numbers[i].key, numbers[i].value);
	if (s->custom_code)
		json_object_set_new(config, "custom_code", json_true());
	if (s->transformers)
		json_object_set_new(config, "has_class", json_true());
	return config;
}

json_t *ff_model_config(struct ff_probe_ctx *ctx, const char *folder, const char *fact)
{
	struct ff_model_shape s;
	size_t n;
	_cleanup_free_ char *path = ff_path_printf("%s/config.json", folder), *text = NULL;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(ctx->host, path, CONFIG_MAX, &text, &n) : &ff_enomem;
	if (absent)
		return NULL;
	struct ff_error *err = ff_config_json_parse(path, (struct ff_span){text, n}, &s);
	if (!err)
		return config_of(&s);
	ff_miss(ctx, fact, err);
	return NULL;
}

// ---- what kind of file it is ----

enum format { OTHER, SAFETENSORS, TORCH, GGUF, JSON, MESSAGE };

static enum format format_of(const char *name)
{
	static const struct {
		const char *start, *end;
		enum format format;
	} names[] = {{"", ".safetensors", SAFETENSORS}, {"", ".gguf", GGUF}, {"pytorch_model", ".bin", TORCH},
		{"adapter_model", ".bin", TORCH}, {"diffusion_pytorch_model", ".bin", TORCH}, {"", ".pt", TORCH},
		{"", ".pth", TORCH}, {"", ".ckpt", TORCH}, {"", ".index.json", JSON}, {"config", ".json", JSON},
		{"tokenizer", ".json", JSON}, {"generation_config", ".json", JSON}, {"adapter_config", ".json", JSON},
		{"tokenizer", ".model", MESSAGE}, {"spiece", ".model", MESSAGE}, {"", ".onnx", MESSAGE}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ff_starts(name, names[i].start) && ff_ends(name, names[i].end))
			return names[i].format;
	return OTHER;
}

bool ff_is_model_folder(const struct ff_names *names)
{
	bool model = ff_names_have(names, "config.json") || ff_names_have(names, "model_index.json");
	for (size_t i = 0; i < names->n && !model; i++) {
		enum format format = format_of(names->names[i]);
		model = format == SAFETENSORS || format == GGUF ||
			(format == TORCH && ff_ends(names->names[i], ".bin"));
	}
	return model;
}

// ---- is it whole? ----

struct file {
	struct ff_file at;
	struct ff_model_count *sum; // NULL for a file that is not to be counted
	uint64_t size, wants;
	char head[HEAD];
	size_t head_n;
};

static bool read_at(struct file *f, uint64_t offset, void *into, size_t n)
{
	struct ff_error *err = ff_bytes_read_far(&f->at.bytes, offset, into, n, "the file");
	ff_error_destroy(err);
	return !err;
}

static const char *safetensors_flaw(struct file *f)
{
	uint64_t n = 0;
	struct ff_model_tensors t = {0};
	struct ff_error *err = ff_safetensors_header(f->at.path, (struct ff_span){f->head, f->head_n}, f->size, &n);
	_cleanup_free_ char *json = !err && n <= HEADER_MAX ? malloc(n + 1) : NULL;
	if (f->sum)
		f->sum->unknown |= !json;
	if (!err && !json)
		return NULL; // too long to be read in passing
	bool got = !err && read_at(f, 8, json, n);
	if (got)
		err = ff_safetensors_parse(f->at.path, (struct ff_span){json, n}, &t);
	bool torn = err && err->code == FF_EFORMAT;
	ff_error_destroy(err);
	f->wants = torn || !got ? 0 : t.file_bytes;
	if (f->sum && (!f->wants || f->wants != f->size || !ff_model_tensors_join(&f->sum->tensors, &t)))
		f->sum->unknown = true;
	return torn ? "torn" : f->wants > f->size ? "short" : f->wants && f->wants < f->size ? "torn" : NULL;
}

static bool has_zip_end(struct file *f)
{
	static const char mark[4] = {'P', 'K', 5, 6};
	char end[ZIP_END];
	if (f->size < ZIP_END || (read_at(f, f->size - ZIP_END, end, ZIP_END) && memcmp(end, mark, sizeof(mark)) == 0))
		return f->size >= ZIP_END;
	size_t n = f->size < ZIP_TAIL ? (size_t)f->size : ZIP_TAIL;
	_cleanup_free_ char *tail = malloc(n);
	return !tail || !read_at(f, f->size - n, tail, n) || memmem(tail, n, mark, sizeof(mark));
}

static const char *torch_flaw(struct file *f)
{
	if (f->head_n >= 4 && memcmp(f->head, "PK\3\4", 4) == 0)
		return has_zip_end(f) ? NULL : "short";
	bool pickle = f->head_n && (unsigned char)f->head[0] == 0x80;
	return pickle || !ff_ends(f->at.path, ".bin") ? NULL : "torn";
}

static const char *gguf_flaw(struct file *f)
{
	_cleanup_map_ struct ff_map map = {0};
	struct ff_model_tensors t = {0};
	struct ff_model_shape shape;
	if (f->head_n < 4 || memcmp(f->head, "GGUF", 4) != 0)
		return "torn";
	struct ff_error *err = ff_host_map(f->at.host, f->at.path, &map);
	bool mapped = !err;
	if (mapped)
		err = ff_gguf_parse(f->at.path, (struct ff_span){map.p, map.n}, &t, &shape);
	bool cut = mapped && err && err->code == FF_ELIMIT; // the header goes on behind the end
	f->wants = err ? 0 : t.file_bytes;
	ff_error_destroy(err);
	return cut || f->wants > f->size ? "short" : NULL;
}

// A document of another kind under this name: one that lacks what its reader asks for first, or what a server answered
// in place of the file, {"error": "Invalid username or password."}.
static bool is_other_document(const struct file *f, const json_t *doc)
{
	static const struct {
		const char *end, *key;
	} wants[] = {{"/tokenizer.json", "model"}, {".index.json", "weight_map"}};
	bool other = json_object_size(doc) <= 3 && json_is_string(json_object_get(doc, "error"));
	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
		other |= ff_ends(f->at.path, wants[i].end) && !json_is_object(json_object_get(doc, wants[i].key));
	return other;
}

// Small ones are read as whole. Python's reader takes what others do not: NaN and Infinity, halves of surrogate pairs,
// and numbers of any length (model_max_length is 10^30 in many a tokenizer_config.json).
static const char *document_flaw(struct file *f)
{
	static const char *const only_python[] = {"NaN", "Infinity", "\\ud", "\\uD"};
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_free_ char *text = f->size <= CONFIG_MAX ? malloc(f->size) : NULL;
	json_error_t why;
	if (!text || !read_at(f, 0, text, f->size))
		return NULL;
	for (size_t i = 0; i < sizeof(only_python) / sizeof(only_python[0]); i++) {
		if (memmem(text, f->size, only_python[i], strlen(only_python[i])))
			return NULL;
	}
	doc = json_loadb(text, f->size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &why);
	if (doc)
		return is_other_document(f, doc) ? "other" : NULL;
	bool broken = json_error_code(&why) == json_error_invalid_syntax ||
		json_error_code(&why) == json_error_premature_end_of_input;
	return broken ? "torn" : NULL;
}

static const char *json_flaw(struct file *f)
{
	char end[16];
	size_t n = f->size < sizeof(end) ? (size_t)f->size : sizeof(end);
	if (!f->head[0] || !strchr("{[ \t\r\n\xef", f->head[0]))
		return "torn";
	if (!read_at(f, f->size - n, end, n))
		return NULL;
	while (n && strchr(" \t\r\n", end[n - 1]))
		n--;
	if (n && end[n - 1] != '}' && end[n - 1] != ']')
		return "short";
	return document_flaw(f);
}

static bool take_varint(struct ff_span *rest, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; rest->n && shift < 63; shift += 7) {
		unsigned char c = (unsigned char)*rest->p;
		*rest = ff_span_skip(*rest, 1);
		*ret |= (uint64_t)(c & 127) << shift;
		if (!(c & 128))
			return true;
	}
	return false;
}

// SentencePiece models and those of ONNX are one protobuf message: fields, one after the other, to the very end, each a
// number or of a length that stands before it. Others that are called so (tiktoken's) are lines of text.
static const char *message_flaw(struct file *f)
{
	enum { NUMBER = 0, EIGHT_BYTES = 1, LENGTH = 2, FOUR_BYTES = 5 };
	_cleanup_map_ struct ff_map map = {0};
	bool onnx = ff_ends(f->at.path, ".onnx");
	if (onnx ? f->head[0] != 8 : f->head[0] != '\n' || !ff_ends(f->at.path, ".model") || f->size > PIECES_MAX)
		return NULL;
	_cleanup_error_ struct ff_error *err = ff_host_map(f->at.host, f->at.path, &map);
	for (struct ff_span rest = {map.p, map.n}; !err && rest.n;) {
		uint64_t tag, length = 0;
		if (!take_varint(&rest, &tag))
			return "short";
		unsigned kind = tag & 7;
		if ((kind == NUMBER || kind == LENGTH) && !take_varint(&rest, &length))
			return rest.n ? NULL : "short";
		if (kind != NUMBER && kind != EIGHT_BYTES && kind != LENGTH && kind != FOUR_BYTES)
			return NULL; // no message: nothing is said
		uint64_t behind = kind == EIGHT_BYTES ? 8 : kind == FOUR_BYTES ? 4 : kind == LENGTH ? length : 0;
		if (behind > rest.n)
			return "short";
		rest = ff_span_skip(rest, (size_t)behind);
	}
	return NULL;
}

static bool is_web_page(struct ff_span head)
{
	static const char *const starts[] = {"<!doctype", "<html", "<?xml", "<error"};
	head = ff_span_trim(head);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (head.n >= strlen(starts[i]) && strncasecmp(head.p, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static bool is_pointer(struct file *f)
{
	static const char size[] = "\nsize ";
	struct ff_span head = {f->head, f->head_n}, line;
	if (!ff_span_starts(head, "version https://git-lfs.github.com/spec/"))
		return false;
	const char *at = memmem(head.p, head.n, size, strlen(size));
	struct ff_span rest =
		at ? (struct ff_span){at + strlen(size), (size_t)(head.p + head.n - at) - strlen(size)} : head;
	if (ff_span_next(&rest, '\n', &line))
		ff_span_u64(line, &f->wants);
	return true;
}

static const char *flaw_of(struct file *f, enum format format)
{
	static const char *(*const formats[])(struct file *) = {[OTHER] = NULL,
		[SAFETENSORS] = safetensors_flaw,
		[TORCH] = torch_flaw,
		[GGUF] = gguf_flaw,
		[JSON] = json_flaw,
		[MESSAGE] = message_flaw};
	if (!f->size)
		return "empty";
	f->head_n = f->size < HEAD ? (size_t)f->size : HEAD;
	if (!read_at(f, 0, f->head, f->head_n))
		return NULL;
	if (is_pointer(f))
		return "lfs";
	if (is_web_page((struct ff_span){f->head, f->head_n}))
		return "web-page";
	return formats[format] ? formats[format](f) : NULL;
}

static json_t *look_at(struct ff_probe_ctx *ctx, const char *folder, const char *name, struct ff_model_count *sum)
{
	enum format format = format_of(name);
	struct file f = {.at = FF_FILE_CLOSED, .sum = ff_starts(name, "consolidated") ? NULL : sum};
	_cleanup_free_ char *path = format == OTHER ? NULL : ff_path_printf("%s/%s", folder, name);
	if (!path)
		return NULL;
	_cleanup_error_ struct ff_error *unknown = ff_file_open(ctx->host, path, &f.at);
	if (unknown && unknown->code == FF_EDENIED)
		return json_pack("{s:o, s:s}", "file", ff_json_string(name, strlen(name)), "kind", "denied");
	if (unknown)
		return NULL;
	f.size = f.at.bytes.size;
	const char *kind = flaw_of(&f, format);
	json_t *entry = kind ? json_pack("{s:o, s:s, s:I}", "file", ff_json_string(name, strlen(name)), "kind", kind,
				       "size", (json_int_t)f.size)
			     : NULL;
	if (entry)
		put_number(entry, "wants", f.wants);
	ff_file_deinit(&f.at);
	return entry;
}

json_t *ff_model_damage(
	struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names, struct ff_model_count *ret)
{
	json_t *list = json_array();
	for (size_t i = 0, n = 0; list && i < names->n && n < FILES_MAX; i++) {
		json_t *entry = look_at(ctx, folder, names->names[i], ret);
		n += format_of(names->names[i]) != OTHER;
		if (entry && json_array_append_new(list, entry) < 0)
			ctx->out_of_memory = true;
	}
	return list;
}

// {"parameters", "matrix_parameters", "wide_parameters"}: what arithmetic on the weights needs; NULL where not known.
json_t *ff_model_tensors_json(const struct ff_model_count *count)
{
	const struct ff_model_tensors *t = &count->tensors;
	uint64_t wide = 0;
	for (size_t i = 0; i < t->n_dtypes; i++)
		wide += strcmp(t->dtypes[i].name, "F32") == 0 ? t->dtypes[i].parameters : 0;
	if (count->unknown || !t->parameters)
		return NULL;
	json_t *doc = json_object();
	put_number(doc, "parameters", t->parameters);
	put_number(doc, "matrix_parameters", t->matrix_parameters);
	put_number(doc, "wide_parameters", wide);
	return doc;
}

// ---- sizes and shards ----

// All files of one format together; Mistral's "consolidated" files hold the same again.
uint64_t ff_model_weights(struct ff_probe_ctx *ctx, const char *folder, const struct ff_names *names)
{
	static const char *const formats[] = {".safetensors", ".bin", ".gguf", ".pth"};
	uint64_t bytes = 0;
	for (size_t k = 0; !bytes && k < sizeof(formats) / sizeof(formats[0]); k++) {
		for (size_t i = 0, files = 0; i < names->n && files < SHARDS_MAX; i++) {
			if (!ff_ends(names->names[i], formats[k]) || ff_starts(names->names[i], "consolidated"))
				continue;
			struct stat st;
			_cleanup_free_ char *path = ff_path_printf("%s/%s", folder, names->names[i]);
			_cleanup_error_ struct ff_error *gone = path ? ff_host_stat(ctx->host, path, &st) : &ff_enomem;
			if (!gone)
				bytes += (uint64_t)st.st_size;
			files++;
		}
	}
	return bytes;
}

// "model-00002-of-00003.safetensors": the number of shards, and where in the name the own number stands (5 digits).
static unsigned shards_of(const char *name, size_t *ret_at)
{
	const char *of = strstr(name, "-of-");
	unsigned total = 0;
	int n = 0;
	if (!of || of - name < 6 || sscanf(of, "-of-%5u%n", &total, &n) != 1 || n != 9 || of[-6] != '-' ||
		strspn(of - 5, "0123456789") != 5)
		return 0;
	*ret_at = (size_t)(of - 5 - name);
	return format_of(name) != OTHER && total <= SHARDS_MAX ? total : 0;
}

static bool same_series(const char *a, const char *b, size_t at)
{
	return strlen(a) == strlen(b) && strncmp(a, b, at) == 0 && strcmp(a + at + 5, b + at + 5) == 0;
}

json_t *ff_model_missing(const struct ff_names *names)
{
	json_t *list = json_array();
	size_t at;
	for (size_t i = 0; list && i < names->n && !json_array_size(list); i++) {
		unsigned total = strlen(names->names[i]) < SHARD_NAME_MAX ? shards_of(names->names[i], &at) : 0;
		if (total && i && same_series(names->names[i - 1], names->names[i], at))
			continue; // names are sorted: its first one has told of all
		for (unsigned k = 1; k <= total; k++) {
			char name[SHARD_NAME_MAX + 8], digits[12];
			snprintf(name, sizeof(name), "%s", names->names[i]);
			snprintf(digits, sizeof(digits), "%05u", k);
			memcpy(name + at, digits, 5);
			if (!ff_names_have(names, name) &&
				json_array_append_new(list, ff_json_string(name, strlen(name))) < 0)
				return list;
		}
	}
	return list;
}

json_t *ff_model_file_damage(struct ff_probe_ctx *ctx, const char *folder, const char *name)
{
	return look_at(ctx, folder, name, NULL);
}
