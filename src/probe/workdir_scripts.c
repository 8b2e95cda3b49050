// workdir.scripts: what a worker's own scripts say that they will ask for.
//
//	{"file": "serve.py", "asks": ["flash_attention_2", "device_map"], "absent": ["transformers"], "repos": ["team/tiny"],
//	 "tokenizers": ["/app/model"], "apps": ["app"], "celery": ["worker"], "unset": ["MODEL_ID"],
//	 "schemes": ["postgresql+asyncpg"],
//	 "lacks": [{"module": "numpy", "name": "float_"}]}
//
// With a process (--pid) it is the script of its command line; else those of the folder, without tests.
// How the source lies: a script may be one of many and never run; what is asked for below `if` or `try` may never be.
// So imports count only at the beginning of a line, and every finding made of this is a warning.
#include "base/nearest.h"
#include "base/table.h"
#include "parse/chars.h"
#include "parse/pyscript.h"
#include "parse/requirement.h"
#include "probe/python_find.h"
#include "probe/workdir.h"

FF_EMBEDDED(ff_table, modules);
FF_EMBEDDED(ff_table, packages);

enum {
	SCRIPTS_MAX = 24,
	SCRIPT_MAX = 256 << 10,
	TEXTS_MAX = 64,
	IMPORTS_MAX = 512,
	LIST_MAX = 32,
	TEXTS_KEPT_MAX = 1024
};

static const struct {
	enum ff_py_word kind;
	const char *text, *value; // value "" is any but None, NULL does not matter
	bool ending;		  // text is how the name ends
	const char *ask;
} asks[] = {
	{FF_PY_STRING, "flash_attention_2", NULL, false, "flash_attention_2"},
	{FF_PY_GIVEN, "use_flash_attention_2", "True", false, "flash_attention_2"},
	{FF_PY_NAME, "torch.compile", NULL, false, "compile"},
	{FF_PY_GIVEN, "load_in_4bit", "True", false, "load_in_4bit"},
	{FF_PY_GIVEN, "load_in_8bit", "True", false, "load_in_8bit"},
	{FF_PY_GIVEN, "device_map", "", false, "device_map"},
	{FF_PY_GIVEN, "trust_remote_code", "True", false, "trust_remote_code"},
	{FF_PY_GIVEN, "gguf_file", "", false, "gguf_file"},
	{FF_PY_GIVEN, "weights_only", NULL, false, "weights_only"},
	{FF_PY_NAME, "torch.load", NULL, false, "torch.load"},
	{FF_PY_NAME, "load_inline", NULL, true, "cpp_extension"},
	{FF_PY_NAME, "cpp_extension.load", NULL, true, "cpp_extension"},
	{FF_PY_NAME, ".cuda", NULL, true, "cuda"},
	{FF_PY_STRING, "cuda", NULL, false, "cuda"},
	{FF_PY_STRING, "cuda:0", NULL, false, "cuda"},
	{FF_PY_STRING, "cpu", NULL, false, "cpu"},
	{FF_PY_NAME, ".is_available", NULL, true, "is_available"},
	{FF_PY_NAME, ".device_count", NULL, true, "is_available"},
	{FF_PY_TAKEN, "Form", "fastapi", false, "form"},
	{FF_PY_TAKEN, "File", "fastapi", false, "form"},
	{FF_PY_TAKEN, "UploadFile", "fastapi", false, "form"},
	{FF_PY_TAKEN, "EmailStr", "pydantic", false, "email"},
	{FF_PY_TAKEN, "Jinja2Templates", NULL, false, "templates"},
	{FF_PY_TAKEN, "SessionMiddleware", NULL, false, "sessions"},
	{FF_PY_TAKEN, "SummaryWriter", "torch.utils.tensorboard", false, "tensorboard"},
	{FF_PY_NAME, "pd.read_excel", NULL, false, "excel"},
	{FF_PY_NAME, "pandas.read_excel", NULL, false, "excel"},
	{FF_PY_NAME, "pd.read_parquet", NULL, false, "parquet"},
	{FF_PY_NAME, "pandas.read_parquet", NULL, false, "parquet"},
	{FF_PY_GIVEN, "http2", "True", false, "http2"},
	{FF_PY_TAKEN, "ZoneInfo", "zoneinfo", false, "zoneinfo"},
	{FF_PY_NAME, ".apply_chat_template", NULL, true, "chat_template"},
};

struct script {
	struct ff_workdir *w;
	const char *file, *folder;
	json_t *asks, *absent, *repos, *own, *tokenizers, *processors, *apps, *celery, *unset, *schemes;
	size_t texts, imports;
	unsigned server;    // how deep in brackets the arguments of a server's start lie; 0 elsewhere
	bool first, object; // of uvicorn.run: nothing was read yet, it is given the application itself
	enum ff_py_word last;
	struct ff_workdir_names names;
};

// NULL is a list that nobody asks for.
static void add(struct script *s, json_t *list, struct ff_span text)
{
	if (!list)
		return;
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		if (ff_span_eq(text, json_string_value(item)))
			return;
	}
	if (json_array_size(list) < LIST_MAX && json_array_append_new(list, ff_json_string(text.p, text.n)) < 0)
		s->w->ctx->out_of_memory = true;
}

static void note_ask(struct script *s, const struct ff_py_token *t)
{
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		const char *value = asks[i].value;
		bool same = asks[i].kind == t->kind &&
			(asks[i].ending ? ff_span_ends(t->text, asks[i].text) : ff_span_eq(t->text, asks[i].text));
		if (same && (!value || (*value ? ff_span_eq(t->value, value) : !ff_span_eq(t->value, "None"))))
			add(s, s->asks, ff_span_of(asks[i].ask));
	}
}

// A folder or file of the module's name in a folder that Python looks into.
static bool lies_in(struct script *s, const char *folder, struct ff_span module)
{
	static const char *const endings[] = {"", ".py"};
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		_cleanup_free_ char *path = ff_path_printf("%s/%.*s%s", folder, (int)module.n, module.p, endings[i]);
		struct stat st;
		_cleanup_error_ struct ff_error *absent = path ? ff_host_stat(s->w->ctx->host, path, &st) : &ff_enomem;
		if (!absent)
			return true;
	}
	return false;
}

// A folder of data that is called like a package holds no code.
static bool is_code(struct script *s, const char *folder, struct ff_span module)
{
	_cleanup_free_ char *path = ff_path_printf("%s/%.*s", folder, (int)module.n, module.p);
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_error_ struct ff_error *err =
		path ? ff_host_list(s->w->ctx->host, path, FF_WORKDIR_NAMES_MAX, &names) : &ff_enomem;
	if (err)
		return true; // a file, or nobody knows
	for (size_t i = 0; i < names.n; i++)
		if (ff_ends(names.names[i], ".py") || ff_ends(names.names[i], ".so") || !strchr(names.names[i], '.'))
			return true;
	return false;
}

// A part of Python itself; where its library cannot be found, everything may be one.
static bool is_standard(struct script *s, struct ff_span module)
{
	_cleanup_free_ char *library = ff_python_library(s->w->ctx);
	return !library || lies_in(s, library, module);
}

bool ff_workdir_known(struct ff_span module)
{
	struct ff_table_row row;
	if (ff_table_find(ff_table_modules, module, &row))
		return true;
	struct ff_table table = ff_table_of(ff_table_packages);
	while (ff_table_next(&table, &row))
		if (ff_package_name_equal(row.cells[0], module))
			return true;
	return false;
}

static void note_import(struct script *s, const struct ff_py_token *t)
{
	struct ff_span rest = t->text, module;
	if (t->guarded || !ff_span_next(&rest, '.', &module) || module.n > 64 || s->imports++ >= IMPORTS_MAX)
		return;
	if (ff_workdir_installed(s->w, module))
		s->w->others++;
	else if (strcmp(s->folder, s->w->folder) != 0 && lies_in(s, s->w->folder, module))
		return; // the project's
	else if (lies_in(s, s->folder, module) &&
		is_code(s, s->folder, module)) // the script's own, which is told where Python does not look there
		add(s, ff_host_getenv(s->w->ctx->host, "PYTHONSAFEPATH") ? s->own : NULL, module);
	else if (ff_workdir_known(module) && !is_standard(s, module))
		add(s, s->absent, module);
}

static bool is_repo(struct ff_span text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./";
	const char *slash = memchr(text.p, '/', text.n);
	for (size_t i = 0; i < text.n; i++)
		if (!strchr(plain, text.p[i]))
			return false;
	return slash && slash > text.p && slash + 1 < text.p + text.n && *text.p != '.' && *text.p != '-' &&
		!memchr(slash + 1, '/', (size_t)(text.p + text.n - slash) - 1);
}

static bool ends_in(struct ff_span name, const char *const endings[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ff_span_ends(name, endings[i]))
			return true;
	return false;
}

#define ENDS_IN(name, list) ends_in(name, list, sizeof(list) / sizeof((list)[0]))

static bool holds(struct ff_span text, const char *const words[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memmem(text.p, text.n, words[i], strlen(words[i])))
			return true;
	return false;
}

#define HOLDS(text, list) holds(text, list, sizeof(list) / sizeof((list)[0]))

// Names that take a model: of the hub or a folder; and those that take a file of this machine.
static const char *const takes_model[] = {"from_pretrained", "model", "model_id", "repo_id", "MODEL", "MODEL_ID", "LLM",
	"SentenceTransformer", "snapshot_download", "hf_hub_download", "model_name", "MODEL_NAME"};
static const char *const takes_file[] = {
	"torch.load", "load_file", "InferenceSession", "model_path", "MODEL_PATH", "CDLL", "LoadLibrary"};

// Is it a path, and not a repository's id? "models/llama" is one where a folder models lies here.
static bool is_local(struct ff_workdir *w, struct ff_span text)
{
	static const char *const starts[] = {"/", "./", "../"};
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (ff_span_starts(text, starts[i]))
			return true;
	const char *slash = memchr(text.p, '/', text.n);
	_cleanup_free_ char *first = slash ? ff_path_printf("%s/%.*s", w->folder, (int)(slash - text.p), text.p) : NULL;
	return first && ff_host_mode_is(w->ctx->host, first, S_IFDIR);
}

static void note_lost(struct script *s, const struct ff_py_token *t, const char *path)
{
	bool file = ENDS_IN(t->before, takes_file);
	if (!path || json_array_size(s->w->lost) >= LIST_MAX || (!file && !ENDS_IN(t->before, takes_model)) ||
		(!file && !is_local(s->w, t->text)))
		return;
	json_t *lost = json_pack("{s:s, s:o, s:o}", "file", s->file, "text", ff_json_string(t->text.p, t->text.n),
		"path", ff_json_string(path, strlen(path)));
	if (!lost || json_array_append_new(s->w->lost, lost) < 0)
		s->w->ctx->out_of_memory = true;
}

// A text that no call takes as a model may be the name of what the script makes first.
static void note_other(struct script *s, const struct ff_py_token *t)
{
	_cleanup_free_ char *text = ff_span_dup(t->text);
	if (text && json_object_size(s->w->texts) < TEXTS_KEPT_MAX &&
		json_object_set_new(s->w->texts, text, json_true()) < 0)
		s->w->ctx->out_of_memory = true;
}

static void note_text(struct script *s, const struct ff_py_token *t)
{
	static const char *const reads_tokens[] = {"Tokenizer.from_pretrained", "TokenizerFast.from_pretrained"};
	static const char *const reads_dataset[] = {"load_dataset", "load_dataset_builder"};
	static const char *const reads_processor[] = {"ImageProcessor.from_pretrained",
		"ImageProcessorFast.from_pretrained", "FeatureExtractor.from_pretrained"};
	bool model = ENDS_IN(t->before, takes_model), named = model || ENDS_IN(t->before, takes_file);
	if (ENDS_IN(t->before, reads_dataset) && ff_span_ends(t->text, ".py"))
		add(s, s->asks, ff_span_of("dataset script"));
	if (!named)
		note_other(s, t);
	if (s->texts >= TEXTS_MAX ||
		(!memchr(t->text.p, '/', t->text.n) && !named && !memmem(t->text.p, t->text.n, ".so", 3)))
		return;
	s->texts++;
	struct ff_span text = ff_span_starts(t->text, "./") ? ff_span_skip(t->text, 2) : t->text;
	text.n -= text.n > 1 && ff_span_ends(text, "/");
	_cleanup_free_ char *path = text.n && text.p[0] == '/'
		? ff_span_dup(text)
		: ff_path_printf("%s/%.*s", s->w->folder, (int)text.n, text.p);
	struct stat st;
	_cleanup_error_ struct ff_error *absent = path ? ff_host_stat(s->w->ctx->host, path, &st) : &ff_enomem;
	if (!absent && ENDS_IN(t->before, reads_tokens))
		add(s, s->tokenizers, ff_span_of(path));
	if (!absent && ENDS_IN(t->before, reads_processor))
		add(s, s->processors, ff_span_of(path));
	if (!absent)
		ff_workdir_look_at(s->w, path, s->file);
	else if (model && is_repo(t->text) && !is_local(s->w, t->text))
		add(s, s->repos, t->text);
	else if (absent->code == FF_EABSENT)
		note_lost(s, t, path);
}

// uvicorn.run(app, workers=2): whoever starts other processes must be told where they find the application.
static void note_object(struct script *s, const struct ff_py_token *t)
{
	uint64_t workers = 0;
	if (!s->server)
		return;
	s->object |= s->first && t->kind == FF_PY_NAME;
	s->first = false;
	bool more = ff_span_eq(t->text, "reload") ? ff_span_eq(t->value, "True")
						  : ff_span_eq(t->text, "workers") && ff_span_u64(t->value, &workers);
	if (s->object && t->kind == FF_PY_GIVEN && more && workers != 1)
		add(s, s->asks, ff_span_of("workers of an object"));
}

// uvicorn.run(app, host="0.0.0.0", port=8000), HTTPServer(("", 8000), Handler): a number in the brackets of what starts
// a server, which stands there alone or is given to a name that says port.
static void note_server(struct script *s, const struct ff_py_token *t, unsigned depth)
{
	static const char *const servers[] = {"uvicorn.run", "app.run", "HTTPServer", "TCPServer", "start_http_server",
		"make_server", "run_app", "start_server", "create_server", ".launch", "sock.bind", "waitress.serve"};
	uint64_t port = 0;
	if (s->server && depth < s->server)
		s->server = 0;
	note_object(s, t);
	if (t->kind == FF_PY_NAME && ENDS_IN(t->text, servers)) {
		s->server = depth + 1;
		s->first = ff_span_eq(t->text, "uvicorn.run");
		s->object = false;
	} else if (s->server && t->kind == FF_PY_NAME && s->last != FF_PY_GIVEN)
		ff_span_u64(t->text, &port);
	else if (s->server && t->kind == FF_PY_GIVEN && ff_span_ends(t->text, "port"))
		ff_span_u64(t->value, &port);
	s->last = t->kind;
	ff_workdir_note_port(s->w, s->file, port);
}

// create_engine("postgresql+asyncpg://..."), Celery(broker=os.environ["BROKER_URL"]): how the URL begins, which says
// what package opens it. Nothing else of it is kept.
static void note_scheme(struct script *s, const struct ff_py_token *t)
{
	static const char *const opens[] = {"create_engine", "create_async_engine", "Celery", "broker", "backend",
		"url", "URL", "URI", "uri", "dsn"};
	static const char *const reads[] = {"environ", "environ.get", "getenv"};
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789+_";
	_cleanup_free_ char *name = ENDS_IN(t->before, reads) ? ff_span_dup(t->text) : NULL;
	const char *value = name ? ff_host_getenv(s->w->ctx->host, name) : NULL;
	struct ff_span text = value ? ff_span_of(value) : t->text;
	const char *end = text.n ? memmem(text.p, text.n, "://", 3) : NULL;
	struct ff_span scheme = ff_span_first(text, end ? (size_t)(end - text.p) : 0);
	for (size_t i = 0; i < scheme.n; i++)
		if (!strchr(plain, scheme.p[i]))
			return;
	if (scheme.n && (value || ENDS_IN(t->before, opens)))
		add(s, s->schemes, scheme);
}

// "app = FastAPI(title='x')", "async def app(scope, receive, send)": what an ASGI or WSGI server is given. Only at the
// beginning of a line.
static void note_apps(struct script *s, struct ff_span text)
{
	static const char *const makers[] = {"FastAPI(", "Flask(", "Starlette(", "Quart(", "Sanic(", "Litestar(",
		"get_asgi_application(", "get_wsgi_application(", "create_app("};
	static const char *const workers[] = {"Celery("};
	for (struct ff_span line; ff_span_line(&text, &line);) {
		const char *raw = ff_span_starts(line, "async def ") ? memmem(line.p, line.n, "(scope", 6) : NULL;
		if (raw)
			add(s, s->apps, ff_span_trim((struct ff_span){line.p + 10, (size_t)(raw - line.p) - 10}));
		const char *equals = line.n && ff_is_letter(line.p[0]) ? memchr(line.p, '=', line.n) : NULL;
		struct ff_span name = ff_span_trim(ff_span_first(line, equals ? (size_t)(equals - line.p) : 0));
		if (!equals || !name.n || memchr(name.p, ' ', name.n) || memchr(name.p, '.', name.n))
			continue;
		struct ff_span made = {equals, (size_t)(line.p + line.n - equals)};
		if (HOLDS(made, makers))
			add(s, s->apps, name);
		if (HOLDS(made, workers))
			add(s, s->celery, name);
	}
}

// os.environ["MODEL_ID"] at the margin, of a name that is not set and that no other text of the scripts gives or asks
// for: there the script ends. `rest` is what stands behind the text.
static void note_variable(struct script *s, const struct ff_py_token *t, struct ff_span rest, bool indented)
{
	static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	_cleanup_free_ char *text = ff_span_dup(t->text);
	if (!text || indented || !ff_span_eq(t->before, "os.environ") || !rest.n || *rest.p != ']' ||
		strspn(text, name) != t->text.n || ff_host_getenv(s->w->ctx->host, text) ||
		json_object_get(s->w->texts, text))
		return;
	rest = ff_span_trim(ff_span_skip(rest, 1));
	if (!ff_span_starts(rest, "=") || ff_span_starts(rest, "=="))
		add(s, s->unset, t->text);
}

static void read_tokens(struct script *s, struct ff_span text)
{
	struct ff_py_script script = {.rest = text};
	for (struct ff_py_token t; ff_py_script_next(&script, &t);) {
		note_ask(s, &t);
		note_server(s, &t, script.depth);
		if (t.kind == FF_PY_STRING) {
			note_variable(s, &t, script.rest, script.indented);
			note_scheme(s, &t);
		}
		ff_workdir_note_name(s->w, &s->names, &t);
		if (t.kind == FF_PY_IMPORT)
			note_import(s, &t);
		else if (t.kind == FF_PY_STRING)
			note_text(s, &t);
	}
}

// The lists that its fact holds, by their names.
static json_t *fact_of(struct script *s, bool *ret_any)
{
	const struct {
		const char *key;
		json_t *list;
	} lists[] = {{"asks", s->asks}, {"absent", s->absent}, {"repos", s->repos}, {"own", s->own},
		{"tokenizers", s->tokenizers}, {"processors", s->processors}, {"apps", s->apps}, {"celery", s->celery},
		{"unset", s->unset}, {"schemes", s->schemes}, {"lacks", s->names.lacks}};
	json_t *fact = json_pack("{s:o}", "file", ff_json_string(s->file, strlen(s->file)));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		*ret_any |= json_array_size(lists[i].list) > 0;
		ff_workdir_put(fact, lists[i].key, json_incref(lists[i].list));
	}
	return fact;
}

void ff_workdir_read_script(struct ff_workdir *w, const char *path, const char *name)
{
	_cleanup_json_ json_t *asked = json_array(), *absent = json_array(), *repos = json_array(), *own = json_array(),
			      *tokenizers = json_array(), *processors = json_array(), *apps = json_array(),
			      *celery = json_array(), *unset = json_array(), *schemes = json_array(),
			      *lacks = json_array(), *modules = json_object();
	_cleanup_free_ char *text = NULL, *folder = ff_path_parent(path);
	size_t n;
	bool any = false;
	_cleanup_error_ struct ff_error *err = folder && !json_object_get(w->seen, path)
		? ff_host_read(w->ctx->host, path, SCRIPT_MAX, &text, &n)
		: &ff_enomem;
	if (err || json_object_set_new(w->seen, path, json_true()) < 0)
		return;
	struct script s = {.w = w,
		.file = name,
		.folder = folder,
		.asks = asked,
		.absent = absent,
		.repos = repos,
		.own = own,
		.tokenizers = tokenizers,
		.processors = processors,
		.apps = apps,
		.celery = celery,
		.unset = unset,
		.schemes = schemes,
		.names = {.modules = modules,
			.lacks = lacks,
			.careful = memmem(text, n, "hasattr(", 8) || memmem(text, n, "AttributeError", 14)}};
	read_tokens(&s, (struct ff_span){text, n});
	note_apps(&s, (struct ff_span){text, n});
	_cleanup_json_ json_t *fact = fact_of(&s, &any);
	if (any)
		ff_fact_append(w->ctx, "workdir.scripts", json_incref(fact));
}

// "python3 -u /app/serve.py --port 8000"
static void read_running(struct ff_workdir *w)
{
	size_t i;
	json_t *word;
	json_array_foreach (ff_json_at(w->ctx->facts, "process.cmdline"), i, word) {
		const char *name = json_string_value(word);
		if (!i || !name || !ff_ends(name, ".py"))
			continue;
		_cleanup_free_ char *path = *name == '/' ? strdup(name) : ff_path_printf("%s/%s", w->folder, name);
		if (path)
			ff_workdir_read_script(w, path, name);
		return;
	}
}

// "./models/lama-chat" beside a folder llama-chat: the path with the name that was meant, or NULL.
static json_t *near_path(struct ff_workdir *w, const char *text, const char *path)
{
	const char *slash = strrchr(text, '/'), *name = strrchr(path, '/');
	_cleanup_names_ struct ff_names names = {0};
	_cleanup_free_ char *parent = ff_path_parent(path);
	_cleanup_error_ struct ff_error *err =
		parent && name ? ff_host_list(w->ctx->host, parent, FF_WORKDIR_NAMES_MAX, &names) : &ff_enomem;
	struct ff_nearest nearest = {.wrong = ff_span_of(name ? name + 1 : NULL)};
	for (size_t i = 0; !err && i < names.n; i++)
		ff_nearest_try(&nearest, names.names[i]);
	if (!nearest.best)
		return NULL;
	return json_sprintf("%.*s%s", slash ? (int)(slash + 1 - text) : 0, text, nearest.best);
}

// What no script makes: its text stands nowhere else in them.
static void put_lost(struct ff_workdir *w)
{
	size_t i;
	json_t *lost;
	json_array_foreach (w->lost, i, lost) {
		const char *text = ff_json_text(lost, "text"), *path = ff_json_text(lost, "path");
		if (!text || !path || json_object_get(w->texts, text))
			continue;
		json_t *near = near_path(w, text, path);
		if (near)
			json_object_set_new(lost, "near", near);
		ff_fact_append(w->ctx, "workdir.lost", json_incref(lost));
	}
}

void ff_workdir_scripts(struct ff_workdir *w)
{
	if (ff_host_pid(w->ctx->host)) {
		read_running(w);
		return;
	}
	for (size_t i = 0, n = 0; i < w->names.n && n < SCRIPTS_MAX; i++) {
		const char *name = w->names.names[i];
		bool test = ff_starts(name, "test_") || ff_ends(name, "_test.py") || strcmp(name, "conftest.py") == 0 ||
			strcmp(name, "setup.py") == 0;
		_cleanup_free_ char *path =
			ff_ends(name, ".py") && !test ? ff_path_printf("%s/%s", w->folder, name) : NULL;
		if (path) {
			ff_workdir_read_script(w, path, name);
			w->scripts++;
			n++;
		}
	}
	ff_workdir_entries(w);
}

void ff_workdir_put_scripts(struct ff_workdir *w)
{
	if (!ff_host_pid(w->ctx->host))
		put_lost(w);
	ff_workdir_put_imports(w);
}
