// workdir: the folder that the worker is started in, as far as it tells what the start will need: models in it, files
// that hide a package, an environment that is not active, sources that want a compiler; what its scripts name
// (workdir_scripts.c), what its start scripts run (workdir_start.c) and where that code lies (workdir_entries.c), whose
// ports those take (workdir_ports.c) and what its generated code was made for (workdir_generated.c).
//
//	{"workdir": {"folder": "/app", "models": [{"path": "/app/model", "because": "folder", "config": {"type": "qwen3",
//	 "transformers": "4.51.0", "known": false}, "damaged": [{"file": "model.safetensors", "kind": "lfs", "size": 134}],
//	 "missing": ["model-00002-of-00003.safetensors"], "tokenizer": ["tokenizer.model"], "git": true, "rows": 32000}],
//	 "shadows": [{"file": "safetensors.py", "module": "safetensors", "package": true}],
//	 "environment": {"path": "/app/.venv", "active": false, "has": ["einops"]}, "sources": ["/app/ext/setup.py"],
//	 "lost": [{"file": "serve.py", "text": "./models/lama", "near": "./models/llama"}]}}
//
// How the source lies: the folder is that of `firstfix check`, not always the worker's; a folder named models may hold
// Python code; a local package may be meant to stand before the installed one. So only files that would break in any
// case are told.
#include "probe/workdir.h"

#include "probe/native_world.h"
#include "probe/python_find.h"

#include <stdio.h>

enum { SUBFOLDERS_MAX = 64, TYPES_MAX = 1 << 20, GIT_CONFIG_MAX = 64 << 10, SOURCE_MAX = 256 << 10 };

bool ff_workdir_installed(const struct ff_workdir *w, struct ff_span module)
{
	for (size_t s = 0; s < w->site_n; s++) {
		for (size_t i = 0; i < w->site[s].n; i++) {
			const char *name = w->site[s].names[i];
			if (strncmp(name, module.p, module.n) != 0)
				continue;
			const char *rest = name + module.n;
			if (!*rest || strcmp(rest, ".py") == 0 || (*rest == '.' && ff_ends(rest, ".so")))
				return true;
		}
	}
	return false;
}

// ---- models ----

// Whether the installed transformers knows a model type: the type stands as a text in its table.
static bool type_is_known(struct ff_workdir *w, const char *type)
{
	static const char *const tables[] = {"configuration_auto.py", "auto_mappings.py"};
	const char *location = ff_json_text(w->ctx->facts, "transformers.location");
	_cleanup_free_ char *word = ff_path_printf("\"%s\"", type);
	bool read = false;
	for (size_t i = 0; location && word && i < sizeof(tables) / sizeof(tables[0]); i++) {
		_cleanup_free_ char *path = ff_path_printf("%s/models/auto/%s", location, tables[i]), *text = NULL;
		_cleanup_error_ struct ff_error *absent =
			path ? ff_host_read(w->ctx->host, path, TYPES_MAX, &text, NULL) : &ff_enomem;
		if (!absent && strstr(text, word))
			return true;
		read |= !absent;
	}
	return !read; // nothing is said without the table
}

// Where a clone came from: "url = https://huggingface.co/team/tiny" of .git/config.
static void put_origin(struct ff_workdir *w, const char *folder, json_t *model)
{
	static const char hub[] = "huggingface.co/";
	size_t n;
	_cleanup_free_ char *path = ff_path_printf("%s/.git/config", folder), *text = NULL;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(w->ctx->host, path, GIT_CONFIG_MAX, &text, &n) : &ff_enomem;
	if (absent)
		return;
	json_object_set_new(model, "git", json_true());
	const char *at = strstr(text, hub);
	struct ff_span rest = ff_span_of(at ? at + strlen(hub) : NULL), name;
	if (at && ff_span_next(&rest, '\n', &name)) {
		name = ff_span_trim(name);
		name.n -= ff_span_ends(name, ".git") ? strlen(".git") : 0;
		json_object_set_new(model, "repo", ff_json_string(name.p, name.n));
	}
}

void ff_workdir_put(json_t *into, const char *key, json_t *list)
{
	if (json_array_size(list))
		json_object_set(into, key, list);
	json_decref(list);
}

static json_t *tokenizer_of(const struct ff_names *names)
{
	static const char *const files[] = {"tokenizer.json", "tokenizer.model", "spiece.model",
		"sentencepiece.bpe.model", "vocab.json", "vocab.txt", "tekken.json", "spm.model", "source.spm",
		"vocab.bpe", "merges.txt", "sentencepiece.model", "tokenizer_config.json"};
	json_t *list = json_array();
	for (size_t i = 0; list && i < sizeof(files) / sizeof(files[0]); i++)
		if (ff_names_have(names, files[i]))
			json_array_append_new(list, json_string(files[i]));
	return list;
}

// How much it is, where all of it is there.
static void put_weights(struct ff_workdir *w, const char *path, const struct ff_names *names,
	const struct ff_model_count *count, json_t *model)
{
	json_t *missing = ff_model_missing(names), *tensors = ff_model_tensors_json(count);
	if (!json_array_size(missing))
		ff_model_indexed(w->ctx, path, names, missing);
	uint64_t bytes = json_array_size(missing) ? 0 : ff_model_weights(w->ctx, path, names);
	if (bytes && bytes <= INT64_MAX)
		json_object_set_new(model, "weights", json_integer((json_int_t)bytes));
	if (bytes && tensors)
		json_object_set(model, "tensors", tensors);
	json_decref(tensors);
	ff_workdir_put(model, "missing", missing);
}

static void put_model(struct ff_workdir *w, const char *path, const struct ff_names *names, const char *because)
{
	json_t *model = json_pack("{s:o, s:s}", "path", ff_json_string(path, strlen(path)), "because", because);
	if (!model) {
		w->ctx->out_of_memory = true;
		return;
	}
	json_t *config = ff_model_config(w->ctx, path, "workdir.models");
	const char *type = ff_json_text(config, "type");
	if (type && json_object_get(config, "has_class") && !json_object_get(config, "custom_code") &&
		!type_is_known(w, type))
		json_object_set_new(config, "known", json_false());
	if (config)
		json_object_set_new(model, "config", config);
	struct ff_model_count count = {0};
	ff_workdir_put(model, "damaged", ff_model_damage(w->ctx, path, names, &count));
	put_weights(w, path, names, &count, model);
	int64_t words;
	if (count.tensors.inputs == 1 && ff_json_int(config, "vocabulary", &words) &&
		(uint64_t)words != count.tensors.input_rows)
		json_object_set_new(model, "rows", json_integer((json_int_t)count.tensors.input_rows));
	ff_workdir_put(model, "tokenizer", tokenizer_of(names));
	if (ff_names_have(names, "preprocessor_config.json") || ff_names_have(names, "processor_config.json"))
		json_object_set_new(model, "processor", json_true());
	ff_workdir_put(model, "parts", ff_model_parts(w->ctx, path));
	ff_model_asks(w->ctx, path, names, model);
	if (ff_names_have(names, "adapter_config.json") && !ff_names_have(names, "config.json"))
		json_object_set_new(model, "adapter", json_true());
	put_origin(w, path, model);
	ff_fact_append(w->ctx, "workdir.models", model);
}

// A file of a model that a script opens by its own name.
static void put_model_file(struct ff_workdir *w, const char *path, const char *because)
{
	_cleanup_free_ char *folder = ff_path_parent(path);
	const char *slash = strrchr(path, '/');
	json_t *damage = folder && slash && !json_object_get(w->seen, folder)
		? ff_model_file_damage(w->ctx, folder, slash + 1)
		: NULL;
	if (damage && w->models++ < FF_WORKDIR_FOUND_MAX)
		ff_fact_append(w->ctx, "workdir.models",
			json_pack("{s:o, s:s, s:[O]}", "path", ff_native_text(folder), "because", because, "damaged",
				damage));
	json_t *onnx = !damage && ff_ends(path, ".onnx") && w->models++ < FF_WORKDIR_FOUND_MAX
		? ff_model_onnx(w->ctx, path)
		: NULL;
	if (onnx)
		ff_fact_append(w->ctx, "workdir.onnx", onnx);
	json_decref(damage);
}

// ---- libraries ----

// A library that a script opens: what ld.so would say of it in this worker's Python.
static void put_library(struct ff_workdir *w, const char *path)
{
	_cleanup_json_ json_t *problems = json_object();
	_cleanup_loader_ struct ff_loader *ld = NULL;
	const char *program = ff_json_text(w->ctx->facts, "python.binary");
	size_t python, object;
	struct ff_error *err = program && problems ? ff_loader_create(w->ctx->host, NULL, &ld) : &ff_enomem;
	if (!err)
		err = ff_loader_start(ld, program, &python);
	if (!err)
		err = ff_loader_open(ld, path, python, &object);
	if (!err)
		err = ff_native_problems(ld, object, problems);
	if (err)
		ff_error_destroy(err);
	else if (json_object_size(problems) && json_object_set_new(problems, "file", ff_native_text(path)) == 0)
		ff_fact_append(w->ctx, "workdir.libraries", json_incref(problems));
}

void ff_workdir_look_at(struct ff_workdir *w, const char *path, const char *because)
{
	_cleanup_names_ struct ff_names names = {0};
	struct stat st;
	_cleanup_error_ struct ff_error *absent =
		json_object_get(w->seen, path) ? &ff_enomem : ff_host_stat(w->ctx->host, path, &st);
	if (absent || json_object_set_new(w->seen, path, json_true()) < 0)
		return;
	const char *name = strrchr(path, '/');
	if (S_ISDIR(st.st_mode)) {
		_cleanup_error_ struct ff_error *err = ff_host_list(w->ctx->host, path, FF_WORKDIR_NAMES_MAX, &names);
		if (!err && ff_is_model_folder(&names) && w->models++ < FF_WORKDIR_FOUND_MAX)
			put_model(w, path, &names, because);
		if (err && err->code == FF_EDENIED && strcmp(because, "folder") != 0)
			ff_fact_append(w->ctx, "workdir.models",
				json_pack("{s:o, s:s, s:b}", "path", ff_native_text(path), "because", because, "denied",
					1));
	} else if (S_ISREG(st.st_mode) && (ff_ends(path, ".so") || (name && strstr(name, ".so.")))) {
		if (w->libraries++ < FF_WORKDIR_FOUND_MAX)
			put_library(w, path);
	} else if (S_ISREG(st.st_mode)) {
		put_model_file(w, path, because);
	}
}

// ---- the folder itself ----

static bool is_package(struct ff_workdir *w, const char *name)
{
	_cleanup_free_ char *path = strchr(name, '.') ? NULL : ff_path_printf("%s/%s/__init__.py", w->folder, name);
	return path && ff_host_mode_is(w->ctx->host, path, S_IFREG);
}

// Modules of Python itself that others import.
static const char parts_of_python[] = " abc ast asyncio bisect calendar collections concurrent contextlib copy "
				      "dataclasses datetime decimal email enum functools "
				      "glob hashlib heapq html http importlib inspect io json logging "
				      "multiprocessing numbers operator pickle platform queue "
				      "random re secrets shutil signal socket ssl string struct subprocess "
				      "tempfile threading token tokenize traceback types "
				      "typing uuid warnings weakref ";

static bool is_part_of_python(struct ff_span module)
{
	char word[48];
	snprintf(word, sizeof(word), " %.*s ", module.n < 40 ? (int)module.n : 0, module.p);
	return word[1] != ' ' && strstr(parts_of_python, word);
}

// Folders of PYTHONPATH come before Python's own library, too: an old backport in one hides what it once stood for.
static void put_hidden(struct ff_workdir *w)
{
	struct ff_span rest = ff_span_of(ff_host_getenv(w->ctx->host, "PYTHONPATH")), entry;
	while (rest.n && ff_span_next(&rest, ':', &entry)) {
		_cleanup_free_ char *folder =
			ff_span_starts(entry, "/") && !ff_span_eq(entry, w->folder) ? ff_span_dup(entry) : NULL;
		_cleanup_names_ struct ff_names names = {0};
		_cleanup_error_ struct ff_error *err =
			folder ? ff_host_list(w->ctx->host, folder, FF_WORKDIR_NAMES_MAX, &names) : &ff_enomem;
		for (size_t i = 0; !err && i < names.n; i++) {
			struct ff_span module = ff_span_of(names.names[i]);
			if (!ff_span_ends(module, ".py"))
				continue;
			module.n -= strlen(".py");
			if (is_part_of_python(module))
				ff_fact_append(w->ctx, "workdir.hidden",
					json_pack("{s:o, s:o}", "module", ff_json_string(module.p, module.n), "folder",
						ff_native_text(folder)));
		}
	}
}

// Files beside a script come first on sys.path: one that is called like a module that the rest imports hides it.
static void put_shadows(struct ff_workdir *w)
{
	for (size_t i = 0; w->scripts && w->others && i < w->names.n; i++) {
		const char *name = w->names.names[i];
		size_t ending = ff_ends(name, ".py") ? strlen(".py") : 0, n = strlen(name) - ending;
		if (!n || n > 40 || (ending ? w->scripts < 2 : !is_package(w, name)))
			continue;
		struct ff_span module = {name, n};
		bool package = ff_workdir_known(module) && ff_workdir_installed(w, module);
		if (package || (ending && is_part_of_python(module)))
			ff_fact_append(w->ctx, "workdir.shadows",
				json_pack("{s:o, s:s%, s:b}", "file", ff_native_text(name), "module", name, n,
					"package", package));
	}
}

static bool lists_module(const struct ff_names *site, const char *module)
{
	_cleanup_free_ char *file = ff_path_printf("%s.py", module);
	return ff_names_have(site, module) || (file && ff_names_have(site, file));
}

// Of what the scripts import and the Python that runs does not have: what that environment has.
static void put_environment_has(struct ff_workdir *w, const struct ff_names *site)
{
	size_t i, k;
	json_t *script, *module;
	json_array_foreach (ff_json_at(w->ctx->facts, "workdir.scripts"), i, script) {
		json_array_foreach (json_object_get(script, "absent"), k, module) {
			const char *name = json_string_value(module);
			if (name && lists_module(site, name))
				ff_fact_append(w->ctx, "workdir.environment.has", json_incref(module));
		}
	}
}

static void look_into_environment(struct ff_workdir *w, const char *path)
{
	_cleanup_names_ struct ff_names lib = {0};
	_cleanup_free_ char *folder = ff_path_printf("%s/lib", path);
	_cleanup_error_ struct ff_error *absent =
		folder ? ff_host_list(w->ctx->host, folder, FF_WORKDIR_NAMES_MAX, &lib) : &ff_enomem;
	for (size_t i = 0; !absent && i < lib.n; i++) {
		_cleanup_names_ struct ff_names site = {0};
		_cleanup_free_ char *at = ff_starts(lib.names[i], "python3.")
			? ff_path_printf("%s/%s/site-packages", folder, lib.names[i])
			: NULL;
		_cleanup_error_ struct ff_error *none =
			at ? ff_host_list(w->ctx->host, at, 65536, &site) : ff_error_create(FF_EABSENT, "no Python's");
		if (!none)
			put_environment_has(w, &site);
	}
}

// An environment in the folder that is not the one whose Python runs.
static void put_environment(struct ff_workdir *w)
{
	static const char *const names[] = {".venv", "venv", "env"};
	const char *prefix = ff_json_text(w->ctx->facts, "python.prefix");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		_cleanup_free_ char *path = ff_path_printf("%s/%s", w->folder, names[i]);
		_cleanup_free_ char *mark = path ? ff_path_printf("%s/pyvenv.cfg", path) : NULL;
		if (!ff_names_have(&w->names, names[i]) || !mark || !ff_host_mode_is(w->ctx->host, mark, S_IFREG))
			continue;
		ff_fact_text(w->ctx, "workdir.environment.path", path);
		ff_fact_bool(w->ctx, "workdir.environment.active", prefix && strcmp(prefix, path) == 0);
		look_into_environment(w, path);
		return;
	}
}

// A setup.py that builds CUDA code.
static void look_at_source(struct ff_workdir *w, const char *folder)
{
	_cleanup_free_ char *path = ff_path_printf("%s/setup.py", folder), *text = NULL;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(w->ctx->host, path, SOURCE_MAX, &text, NULL) : &ff_enomem;
	if (!absent && strstr(text, "CUDAExtension("))
		ff_fact_append(w->ctx, "workdir.sources", ff_native_text(path));
}

static void look_below(struct ff_workdir *w, const char *folder, const struct ff_names *names, bool deeper)
{
	for (size_t i = 0, n = 0; i < names->n && n < SUBFOLDERS_MAX; i++) {
		const char *name = names->names[i];
		_cleanup_free_ char *path = name[0] == '.' ? NULL : ff_path_printf("%s/%s", folder, name);
		if (!path || !ff_host_mode_is(w->ctx->host, path, S_IFDIR))
			continue;
		n++;
		ff_workdir_look_at(w, path, "folder");
		if (!deeper)
			continue;
		look_at_source(w, path);
		if (ff_starts(name, "model") || strcmp(name, "checkpoints") == 0 || strcmp(name, "weights") == 0) {
			_cleanup_names_ struct ff_names below = {0};
			_cleanup_error_ struct ff_error *err =
				ff_host_list(w->ctx->host, path, FF_WORKDIR_NAMES_MAX, &below);
			if (!err)
				look_below(w, path, &below, false);
		}
	}
}

// MODEL_PATH, LLM_MODEL, ...: folders that variables name.
static void look_at_variables(struct ff_workdir *w)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)ff_host_env(w->ctx->host), name, value) {
		const char *path = json_string_value(value);
		if (path && *path == '/' && strstr(name, "MODEL") && !strstr(name, "CACHE"))
			ff_workdir_look_at(w, path, name);
	}
}

static void look_at_arguments(struct ff_workdir *w)
{
	size_t i;
	json_t *word;
	json_array_foreach (ff_json_at(w->ctx->facts, "process.cmdline"), i, word) {
		const char *text = json_string_value(word), *equals = text ? strchr(text, '=') : NULL;
		const char *path = equals && ff_starts(text, "--") ? equals + 1 : text;
		_cleanup_free_ char *whole = !i || !path || !strchr(path, '/') || *path == '-' ? NULL
			: *path == '/'							       ? strdup(path)
				       : ff_path_printf("%s/%s", w->folder, path);
		if (whole)
			ff_workdir_look_at(w, whole, "command line");
	}
}

static void read_site(struct ff_workdir *w)
{
	const json_t *site = ff_json_at(w->ctx->facts, "python.site");
	size_t n = json_array_size(site);
	w->site = calloc(n + 1, sizeof(*w->site));
	for (size_t i = 0; w->site && i < n; i++) {
		const char *folder = json_string_value(json_array_get(site, i));
		_cleanup_error_ struct ff_error *absent = !folder || strcmp(folder, w->folder) == 0
			? ff_error_create(FF_EABSENT, "the folder itself")
			: ff_host_list(w->ctx->host, folder, 65536, &w->site[w->site_n]);
		w->site_n += !absent;
	}
}

static void look_at_all(struct ff_workdir *w)
{
	read_site(w);
	ff_workdir_scripts(w);
	ff_workdir_commands(w);
	ff_workdir_put_scripts(w);
	ff_workdir_ports(w);
	if (ff_host_pid(w->ctx->host))
		look_at_arguments(w);
	look_at_variables(w);
	if (w->names.n) {
		ff_workdir_look_at(w, w->folder, "folder");
		look_at_source(w, w->folder);
		ff_workdir_generated(w);
		ff_workdir_projects(w);
		look_below(w, w->folder, &w->names, true);
		put_environment(w);
		put_shadows(w);
	}
	put_hidden(w);
}

void ff_probe_workdir(struct ff_probe_ctx *ctx)
{
	struct ff_workdir w = {.ctx = ctx,
		.seen = json_object(),
		.lost = json_array(),
		.texts = json_object(),
		.imports = json_object(),
		.ports = json_array()};
	_cleanup_error_ struct ff_error *unknown = ff_host_readlink_process(ctx->host, 0, "cwd", &w.folder);
	bool whole = w.seen && w.lost && w.texts && w.imports && w.ports;
	if (!unknown && whole && w.folder[0] == '/' && w.folder[1]) {
		ff_step(ctx, w.folder);
		_cleanup_error_ struct ff_error *large =
			ff_host_list(ctx->host, w.folder, FF_WORKDIR_NAMES_MAX, &w.names);
		ff_fact_text(ctx, "workdir.folder", w.folder);
		look_at_all(&w);
	}
	for (size_t i = 0; i < w.site_n; i++)
		ff_names_deinit(&w.site[i]);
	free(w.site);
	ff_names_deinit(&w.names);
	json_decref(w.seen);
	json_decref(w.lost);
	json_decref(w.texts);
	json_decref(w.imports);
	json_decref(w.ports);
	free(w.folder);
}
