// One JSON document. The top level comes in the order of the contract, whatever order the probes finished in; below it
// each probe's own order stays. Bytes beyond ASCII are escaped: U+009B or U+202E in a fact must not act on a terminal.
#include "emit/emit.h"

static const char *const order[] = {"schema", "taken_at", "took_ms", "trigger", "captured", "system", "env", "driver",
	"gpus", "cuda", "python", "torch", "bitsandbytes", "transformers", "model", "process", "allocator", "verdict",
	"runs", "history", "diagnoses", "unexplained"};

static struct ff_error *ordered(const json_t *from, json_t **ret)
{
	_cleanup_json_ json_t *copy = json_object();
	if (!copy)
		return &ff_enomem;
	const char *key;
	json_t *value;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		value = json_object_get(from, order[i]);
		if (value && json_object_set(copy, order[i], value) < 0)
			return &ff_enomem;
	}
	json_object_foreach ((json_t *)from, key, value) {
		if (strcmp(key, "errors") != 0 && !json_object_get(copy, key) && json_object_set(copy, key, value) < 0)
			return &ff_enomem;
	}
	value = json_object_get(from, "errors");
	if (value && json_object_set(copy, "errors", value) < 0)
		return &ff_enomem;
	*ret = ff_take(&copy);
	return NULL;
}

static int add_bytes(const char *bytes, size_t n, void *arg)
{
	struct ff_buf *out = arg;
	ff_buf_add(out, bytes, n);
	return out->failed ? -1 : 0;
}

struct ff_error *ff_emit_json(const struct ff_shareable *document, char **ret)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_buf_ struct ff_buf out = {0};
	const json_t *from = ff_shareable_document(document);
	struct ff_error *err = json_is_object(from) ? ordered(from, &doc) : NULL;
	if (err)
		return err;
	size_t flags = JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
	if (json_dump_callback(doc ? doc : from, add_bytes, &out, flags) < 0)
		return &ff_enomem;
	ff_buf_char(&out, '\n');
	return ff_buf_finish(&out, ret);
}
