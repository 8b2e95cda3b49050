// CUDA toolkits, without running nvcc. The order is that of torch.utils.cpp_extension: CUDA_HOME, CUDA_PATH, the nvcc
// on PATH, /usr/local/cuda; others on the machine are listed behind.
//
//	version.json  {"cuda": {"name": "CUDA SDK", "version": "12.4.1"}, "cuda_nvcc": {"version": "12.4.131"}, ...}
//	version.txt   CUDA Version 10.2.89
//	cuda.h        #define CUDA_VERSION 12040
// How the source lies: runtime-only images have the libraries and version.json but no nvcc; CUDA_HOME may be a list
// with colons, which no reader of it splits; "runtime" numbers (12.4.127) are not those of the SDK (12.4.1).
#include "probe/cuda_toolkit.h"

#include "probe/native.h"

#include <stdio.h>

enum { JSON_MAX = 1 << 20, HEADER_MAX = 4 << 20, NAMES_MAX = 4096 };

struct toolkits {
	struct ff_probe_ctx *ctx;
	json_t *list;
};

static void set(struct toolkits *t, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		t->ctx->out_of_memory = true;
}

static char *read_below(struct toolkits *t, const char *home, const char *name, size_t max)
{
	_cleanup_free_ char *path = NULL;
	char *text = NULL;
	if (asprintf(&path, "%s/%s", home, name) < 0)
		return NULL;
	struct ff_error *err = ff_host_read(t->ctx->host, path, max, &text, NULL);
	if (err && err->code != FF_EABSENT)
		ff_miss(t->ctx, "cuda.toolkit", ff_take(&err));
	ff_error_destroy(err);
	return text;
}

static void read_version_json(struct toolkits *t, const char *home, json_t *toolkit)
{
	_cleanup_free_ char *text = read_below(t, home, "version.json", JSON_MAX);
	_cleanup_json_ json_t *doc = NULL;
	if (!text)
		return;
	struct ff_error *err = ff_json_parse("version.json", text, strlen(text), &doc);
	if (err) {
		ff_miss(t->ctx, "cuda.toolkit.version", err);
		return;
	}
	const char *version = ff_json_text(doc, "cuda.version"), *nvcc = ff_json_text(doc, "cuda_nvcc.version");
	if (version)
		set(t, toolkit, "version", json_string(version));
	if (nvcc)
		set(t, toolkit, "nvcc", json_string(nvcc));
}

/** The words behind a label up to white space; empty when the label is not there. */
static struct ff_span word_behind(const char *text, const char *label)
{
	const char *p = text ? strstr(text, label) : NULL;
	if (!p)
		return (struct ff_span){NULL, 0};
	p += strlen(label);
	p += strspn(p, " \t");
	return (struct ff_span){p, strcspn(p, " \t\r\n")};
}

static void read_version_txt(struct toolkits *t, const char *home, json_t *toolkit)
{
	_cleanup_free_ char *text = read_below(t, home, "version.txt", 4096);
	struct ff_span version = word_behind(text, "CUDA Version");
	if (version.n)
		set(t, toolkit, "version", ff_json_string(version.p, version.n));
}

static void read_header(struct toolkits *t, const char *home, json_t *toolkit)
{
	_cleanup_free_ char *text = read_below(t, home, "include/cuda.h", HEADER_MAX);
	uint64_t number;
	if (ff_span_u64(word_behind(text, "#define CUDA_VERSION"), &number))
		set(t, toolkit, "version",
			json_sprintf("%u.%u", (unsigned)(number / 1000), (unsigned)(number % 1000 / 10)));
}

static json_t *known(const struct toolkits *t, const char *real)
{
	size_t i;
	json_t *toolkit;
	json_array_foreach (t->list, i, toolkit) {
		if (strcmp(json_string_value(json_object_get(toolkit, "real")), real) == 0)
			return toolkit;
	}
	return NULL;
}

/** A folder is a toolkit when it says its version, has nvcc, or has the runtime. */
static bool describe(struct toolkits *t, const char *home, json_t *toolkit)
{
	static void (*const readers[])(struct toolkits * t, const char *home, json_t *toolkit) = {
		read_version_json, read_version_txt, read_header};
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]) && !json_object_get(toolkit, "version"); i++)
		readers[i](t, home, toolkit);
	_cleanup_free_ char *nvcc = NULL;
	if (asprintf(&nvcc, "%s/bin/nvcc", home) < 0)
		return false;
	bool has_nvcc = ff_host_mode_is(t->ctx->host, nvcc, S_IFREG);
	if (has_nvcc)
		set(t, toolkit, "nvcc_path", ff_native_text(nvcc));
	return has_nvcc || json_object_get(toolkit, "version");
}

static void look_at(struct toolkits *t, const char *home, const char *from)
{
	_cleanup_free_ char *real = NULL;
	struct ff_error *err = ff_host_realpath(t->ctx->host, home, &real);
	if (err) {
		ff_error_destroy(err);
		return;
	}
	json_t *toolkit = known(t, real);
	if (!toolkit) {
		_cleanup_json_ json_t *made = json_pack(
			"{s:o*, s:o*, s:[]}", "home", ff_native_text(home), "real", ff_native_text(real), "from");
		if (!made || !describe(t, home, made))
			return;
		toolkit = made;
		if (json_array_append(t->list, made) < 0)
			t->ctx->out_of_memory = true;
	}
	if (json_array_append_new(json_object_get(toolkit, "from"), json_string(from)) < 0)
		t->ctx->out_of_memory = true;
}

static void look_at_variable(struct toolkits *t, const char *name)
{
	const char *value = ff_host_getenv(t->ctx->host, name);
	if (!value || !*value)
		return;
	if (strchr(value, ':')) {
		ff_fact_append(t->ctx, "cuda.notes",
			json_pack("{s:s, s:s, s:o*}", "kind", "list-in-home", "variable", name, "value",
				ff_native_text(value)));
		return;
	}
	if (value[0] == '/' && ff_host_mode_is(t->ctx->host, value, S_IFDIR))
		look_at(t, value, name);
	else
		ff_fact_append(t->ctx, "cuda.notes",
			json_pack("{s:s, s:s, s:o*}", "kind", "home-missing", "variable", name, "value",
				ff_native_text(value)));
}

/** The toolkit whose nvcc a shell would run. */
static void look_on_path(struct toolkits *t)
{
	struct ff_span rest = ff_span_of(ff_host_getenv(t->ctx->host, "PATH")), folder;
	while (ff_span_next(&rest, ':', &folder)) {
		_cleanup_free_ char *nvcc = NULL, *real = NULL;
		if (!folder.n || folder.p[0] != '/' || asprintf(&nvcc, "%.*s/nvcc", (int)folder.n, folder.p) < 0)
			continue;
		if (!ff_host_mode_is(t->ctx->host, nvcc, S_IFREG))
			continue;
		_cleanup_error_ struct ff_error *err = ff_host_realpath(t->ctx->host, nvcc, &real);
		char *bin = err ? NULL : strstr(real, "/bin/nvcc");
		if (!bin)
			return;
		*bin = '\0';
		look_at(t, bin == real ? "/" : real, "PATH");
		return;
	}
}

static void look_in_usr_local(struct toolkits *t)
{
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *err = ff_host_list(t->ctx->host, "/usr/local", NAMES_MAX, &names);
	for (size_t i = 0; !err && i < names.n; i++) {
		_cleanup_free_ char *home = NULL;
		if (ff_starts(names.names[i], "cuda") && asprintf(&home, "/usr/local/%s", names.names[i]) > 0)
			look_at(t, home, "/usr/local");
	}
}

const json_t *ff_cuda_find_toolkits(struct ff_probe_ctx *ctx)
{
	_cleanup_json_ json_t *list = json_array();
	struct toolkits t = {.ctx = ctx, .list = list};
	if (!list) {
		ctx->out_of_memory = true;
		return NULL;
	}
	look_at_variable(&t, "CUDA_HOME");
	look_at_variable(&t, "CUDA_PATH");
	look_on_path(&t);
	look_in_usr_local(&t);
	look_at(&t, "/opt/cuda", "/opt/cuda");
	const char *conda = ff_host_getenv(ctx->host, "CONDA_PREFIX");
	if (conda && conda[0] == '/')
		look_at(&t, conda, "CONDA_PREFIX");
	if (!json_array_size(list))
		return NULL;
	ff_fact(ctx, "cuda.toolkit", json_deep_copy(json_array_get(list, 0)));
	ff_fact(ctx, "cuda.toolkits", json_incref(list));
	return ff_json_at(ctx->facts, "cuda.toolkits");
}
