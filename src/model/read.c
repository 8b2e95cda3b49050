// From a list of files to one model: which of them are its weights, and the sum of their headers.
//
//	config.json  model-00001-of-00030.safetensors ...  model.safetensors.index.json  original/  tokenizer.json
//
// How the source lies: the same weights may lie there twice (Mistral's consolidated.*, a .bin beside each
// .safetensors, several quantizations of one GGUF); an adapter's file is no model; an index may name files that
// are gone.
#include "model/read.h"

#include <stdlib.h>

enum {
	CONFIG_MAX = 4 << 20,
	HEAD = 256 << 10,
	HEADER_MAX = 32 << 20,
	GGUF_FIRST = 1 << 20,
	GGUF_MAX = 64 << 20,
	FILES_MAX = 512
};

// ---- which files ----

static bool is_weights(const char *name, const char *ending)
{
	static const char *const others[] = {"adapter_", "consolidated", "training_args", "optimizer", "scheduler",
		"rng_state", "mmproj", "tokenizer"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (ff_starts(name, others[i]))
			return false;
	return ff_ends(name, ending);
}

// "model-00002-of-00003.gguf" belongs to "model-00001-of-00003.gguf".
static bool same_split(const char *a, const char *b)
{
	const char *of = strstr(a, "-of-");
	size_t n = of && of - a >= 5 ? (size_t)(of - a) - 5 : 0;
	return n && strlen(a) == strlen(b) && strncmp(a, b, n) == 0 && strcmp(of, b + (of - a)) == 0;
}

static bool is_meant(const struct ff_model_source *s, const char *name)
{
	return !s->only || strcmp(s->only, name) == 0 || same_split(s->only, name) ||
		(!ff_ends(s->only, ".gguf") && strcasestr(name, s->only) != NULL);
}

struct weights {
	const char *names[FILES_MAX];
	size_t n;
	const char *ending;
};

// The first format of which there is something.
static struct ff_error *choose(const struct ff_model_source *s, const struct ff_names *names, struct weights *ret)
{
	static const char *const endings[] = {".safetensors", ".gguf", ".bin", ".pth"};
	for (size_t k = 0; k < sizeof(endings) / sizeof(endings[0]) && !ret->n; k++) {
		ret->ending = endings[k];
		for (size_t i = 0; i < names->n && ret->n < FILES_MAX; i++)
			if (is_weights(names->names[i], endings[k]) && is_meant(s, names->names[i]))
				ret->names[ret->n++] = names->names[i];
	}
	if (!ret->n)
		return ff_error_create(FF_EABSENT, "%s: no weights (*.safetensors, *.gguf, *.bin)%s%s", s->place,
			s->only ? " with a name like " : "", s->only ? s->only : "");
	for (size_t i = 1; i < ret->n && strcmp(ret->ending, ".gguf") == 0; i++)
		if (!same_split(ret->names[0], ret->names[i]))
			return ff_error_create(FF_EUSAGE, "%s has several models: name one, as %s or %s", s->place,
				ret->names[0], ret->names[i]);
	return NULL;
}

// ---- headers ----

static struct ff_error *read_more(
	struct ff_model_source *s, const char *name, size_t n, struct ff_buf *into, uint64_t *ret_size, uint64_t *total)
{
	size_t before = into->n;
	struct ff_error *err = n > before ? s->read(s, name, before, n - before, into, ret_size) : NULL;
	*total += into->n - before;
	return err;
}

static struct ff_error *read_safetensors(
	struct ff_model_source *s, const char *name, struct ff_model_files *files, struct ff_model_tensors *ret)
{
	_cleanup_buf_ struct ff_buf head = {0};
	uint64_t size = 0, n = 0;
	struct ff_error *err = read_more(s, name, HEAD, &head, &size, &files->bytes_read);
	if (!err)
		err = ff_safetensors_header(name, (struct ff_span){head.p, head.n}, size ? size : UINT64_MAX, &n);
	if (!err)
		err = read_more(s, name, (size_t)n + 8, &head, &size, &files->bytes_read);
	if (!err && head.n < n + 8)
		err = ff_error_create(FF_EFORMAT, "%s: its header is cut off: fetch it again", name);
	return err ? err : ff_safetensors_parse(name, (struct ff_span){head.p + 8, (size_t)n}, ret);
}

static struct ff_error *read_gguf(struct ff_model_source *s, const char *name, struct ff_model_files *files,
	struct ff_model_shape *ret_shape, struct ff_model_tensors *ret)
{
	_cleanup_buf_ struct ff_buf head = {0};
	struct ff_error *err = NULL;
	for (size_t n = GGUF_FIRST; n <= GGUF_MAX; n *= 2) {
		uint64_t size = 0;
		ff_error_destroy(err);
		err = read_more(s, name, n, &head, &size, &files->bytes_read);
		if (err)
			return err;
		err = ff_gguf_parse(name, (struct ff_span){head.p, head.n}, ret, ret_shape);
		if (!err || err->code != FF_ELIMIT || head.n < n)
			return err;
	}
	return err;
}

// A file without a header that could be read: its size tells how many parameters of 16 bits it may hold.
static struct ff_error *read_size(
	struct ff_model_source *s, const char *name, struct ff_model_files *files, struct ff_model_tensors *ret)
{
	_cleanup_buf_ struct ff_buf head = {0};
	uint64_t size = 0;
	struct ff_error *err = read_more(s, name, 1, &head, &size, &files->bytes_read);
	if (err)
		return err;
	bool wide = strcmp(files->model.shape.dtype, "float32") == 0;
	*ret = (struct ff_model_tensors){.file_bytes = size};
	ff_model_tensors_add(ret, wide ? "F32" : "F16", size / (wide ? 4 : 2), size);
	ret->matrix_parameters = ret->parameters;
	files->sizes_alone = true;
	return NULL;
}

static struct ff_error *read_weights(
	struct ff_model_source *s, const struct weights *weights, struct ff_model_files *files)
{
	struct ff_model_shape shape = {0};
	for (size_t i = 0; i < weights->n; i++) {
		struct ff_model_tensors one = {0};
		const char *name = weights->names[i];
		struct ff_error *err;
		if (strcmp(weights->ending, ".safetensors") == 0)
			err = read_safetensors(s, name, files, &one);
		else if (strcmp(weights->ending, ".gguf") == 0)
			err = read_gguf(s, name, files, &shape, &one);
		else
			err = read_size(s, name, files, &one);
		if (err)
			return err;
		if (!i && strcmp(weights->ending, ".gguf") == 0) {
			files->model.shape = shape;
			files->model.gguf = true;
		}
		if (!ff_model_tensors_join(&files->model.tensors, &one))
			return ff_error_create(FF_EFORMAT, "%s: sizes that no model has", name);
	}
	files->n = weights->n;
	return NULL;
}

static struct ff_error *read_config(
	struct ff_model_source *s, const struct ff_names *names, struct ff_model_files *files)
{
	_cleanup_buf_ struct ff_buf text = {0};
	uint64_t size;
	if (!ff_names_have(names, "config.json"))
		return NULL;
	struct ff_error *err = read_more(s, "config.json", CONFIG_MAX, &text, &size, &files->bytes_read);
	return err ? err : ff_config_json_parse("config.json", (struct ff_span){text.p, text.n}, &files->model.shape);
}

static struct ff_error *read_all(struct ff_model_source *s, struct ff_model_files *files)
{
	_cleanup_names_ struct ff_names names = {0};
	struct weights weights = {0};
	struct ff_error *err = s->list(s, &names);
	if (!err)
		err = choose(s, &names, &weights);
	if (!err && strcmp(weights.ending, ".gguf") != 0)
		err = read_config(s, &names, files);
	if (!err)
		err = read_weights(s, &weights, files);
	if (!err && !files->model.shape.layers)
		err = ff_error_create(FF_EFORMAT,
			"%s: no config.json that says how many layers it has: is it a language model?", s->place);
	if (err)
		return err;
	files->from = s->from;
	files->place = strdup(s->place);
	return files->place ? NULL : &ff_enomem;
}

struct ff_error *ff_model_read(struct ff_host *host, const char *what, bool offline, struct ff_model_files *ret)
{
	struct ff_model_files files = {0};
	_cleanup_model_source_ struct ff_model_source *source = NULL;
	struct ff_error *err = ff_model_local(host, what, &source);
	if (err && err->code == FF_EABSENT) {
		_cleanup_error_ struct ff_error *absent = err;
		err = offline ? ff_error_create(FF_EABSENT, "%s: not on this machine (%s), and --offline asks nobody",
					what, absent->message)
			      : ff_model_hub(host, what, &source);
	}
	if (!err)
		err = read_all(source, &files);
	if (err)
		ff_model_files_deinit(&files);
	else
		*ret = files;
	return err;
}

void ff_model_files_deinit(struct ff_model_files *files)
{
	free(files->place);
	files->place = NULL;
}
