// Where the Python code lies that a start leads to, where it lies below the worker's folder.
//
//	src/main.py, acme/__main__.py      read as the worker's scripts, where the folder itself has none
//	python service/run.py              read, too; {"file": "start.sh", "words": [...]} of workdir.commands, and
//	python svc/main.py                 "module": "svc.main" where that file can only run as `python -m svc.main`: it
//	                                   imports its own package, whose folder is not on sys.path then
//	uvicorn main:app                   "below": "src" where main.py lies there and not in the folder
//	celery -A worker.app worker        "nowhere": "worker.app" where no such module is found at all
//
// How the source lies: a folder of several services has an entry each, and each an environment of its own; so those of
// sub-folders count only where one sub-folder has any, or a command names them. A project that is installed to be
// edited in place (a .pth file) is found from anywhere: then nothing is said of where modules lie.
#include "parse/chars.h"
#include "probe/python_find.h"
#include "probe/workdir.h"

enum { FOLDERS_MAX = 64, SOURCE_MAX = 256 << 10 };

static const char name_of_module[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";

static const char *const entries[] = {
	"main.py", "app.py", "server.py", "serve.py", "api.py", "worker.py", "__main__.py", "asgi.py", "wsgi.py"};

static bool is_folder_of_code(struct ff_workdir *w, const char *name)
{
	static const char *const others[] = {
		"tests", "test", "docs", "examples", "node_modules", "build", "dist", "notebooks", "site-packages"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(name, others[i]) == 0)
			return false;
	_cleanup_free_ char *path = *name == '.' ? NULL : ff_path_printf("%s/%s", w->folder, name);
	_cleanup_free_ char *environment = path ? ff_path_printf("%s/pyvenv.cfg", path) : NULL;
	return environment && ff_host_mode_is(w->ctx->host, path, S_IFDIR) &&
		!ff_host_mode_is(w->ctx->host, environment, S_IFREG);
}

static size_t read_entries(struct ff_workdir *w, const char *folder, bool read)
{
	size_t found = 0;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		_cleanup_free_ char *name = ff_path_printf("%s/%s", folder, entries[i]);
		_cleanup_free_ char *path = name ? ff_path_printf("%s/%s", w->folder, name) : NULL;
		if (!path || !ff_host_mode_is(w->ctx->host, path, S_IFREG))
			continue;
		found++;
		if (read)
			ff_workdir_read_script(w, path, name);
	}
	return found;
}

void ff_workdir_entries(struct ff_workdir *w)
{
	const char *only = NULL;
	for (size_t i = 0, n = 0; !w->scripts && i < w->names.n && n < FOLDERS_MAX; i++) {
		const char *name = w->names.names[i];
		if (!is_folder_of_code(w, name))
			continue;
		n++;
		if (!read_entries(w, name, false))
			continue;
		if (only)
			return;
		only = name;
	}
	if (only)
		read_entries(w, only, true);
}

// The file of a module below a folder, "app/main.py" or "app/main/__init__.py"; NULL where none is there.
static char *module_file(struct ff_workdir *w, const char *folder, const char *module)
{
	static const char *const endings[] = {".py", "/__init__.py", "/__main__.py"};
	_cleanup_free_ char *below = strdup(module);
	for (char *p = below; p && *p; p++)
		*p = *p == '.' ? '/' : *p;
	for (size_t i = 0; below && i < sizeof(endings) / sizeof(endings[0]); i++) {
		_cleanup_free_ char *path = ff_path_printf("%s/%s%s", folder, below, endings[i]);
		if (path && ff_host_mode_is(w->ctx->host, path, S_IFREG))
			return strdup(path);
	}
	return NULL;
}

// A project that is installed to be edited in place, PYTHONPATH: modules are found elsewhere, too.
static bool looks_elsewhere(const struct ff_workdir *w)
{
	static const char *const harmless[] = {"distutils-precedence.pth", "_virtualenv.pth", "nspkg.pth"};
	if (ff_host_getenv(w->ctx->host, "PYTHONPATH"))
		return true;
	for (size_t s = 0; s < w->site_n; s++)
		for (size_t i = 0; i < w->site[s].n; i++) {
			bool path = ff_ends(w->site[s].names[i], ".pth");
			for (size_t k = 0; k < sizeof(harmless) / sizeof(harmless[0]); k++)
				path = path && !ff_ends(w->site[s].names[i], harmless[k]);
			if (path)
				return true;
		}
	return !w->site_n;
}

static struct ff_span top_of(const char *module)
{
	return (struct ff_span){module, strcspn(module, ".")};
}

// The one folder below that has the module.
static void put_below(struct ff_workdir *w, json_t *command, const char *module, bool anywhere)
{
	const char *only = NULL;
	for (size_t i = 0, n = 0; i < w->names.n && n < FOLDERS_MAX; i++) {
		const char *name = w->names.names[i];
		if (!is_folder_of_code(w, name))
			continue;
		n++;
		_cleanup_free_ char *folder = ff_path_printf("%s/%s", w->folder, name);
		_cleanup_free_ char *file = folder ? module_file(w, folder, module) : NULL;
		if (file && only)
			return;
		only = file ? name : only;
	}
	if (only)
		json_object_set_new(command, "below", ff_json_string(only, strlen(only)));
	else if (anywhere)
		json_object_set_new(command, "nowhere", ff_json_string(module, strlen(module)));
	if (only)
		json_object_set_new(command, "lost", ff_json_string(module, strlen(module)));
}

static bool mentions(struct ff_workdir *w, const char *path, const char *name)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	_cleanup_error_ struct ff_error *absent = ff_host_read(w->ctx->host, path, SOURCE_MAX, &text, &n);
	return absent || strstr(text, name);
}

// What loads an application by its module's name: by which flags, or as a word "module:name".
static const struct loader {
	const char *program, *flags[2];
	bool last_may_be_a_name; // of "worker.app" the module may be worker
	bool alone;		 // nothing but a project's own code has modules for it
} loaders[] = {
	{"celery", {"-A", "--app"}, true, true},
	{"flask", {"-A", "--app"}, false, true},
	{"python", {"-m", "-m"}, false, false},
};

// A start that is being followed.
struct lead {
	struct ff_workdir *w;
	json_t *command;
	const char *folder; // that it starts in
	const char *place;  // the folder that it puts on Python's path, NULL for none
	const struct loader *loader;
};

static void read_below(const struct lead *l, const char *file)
{
	size_t n = strlen(l->w->folder);
	if (strncmp(file, l->w->folder, n) == 0 && file[n] == '/' && strchr(file + n + 1, '/'))
		ff_workdir_read_script(l->w, file, file + n + 1);
}

// The module's file, or that of its package where the last part is a name in there.
static char *file_of(const struct lead *l, const char *folder, char *module)
{
	_cleanup_free_ char *file = module_file(l->w, folder, module);
	char *dot = l->loader && l->loader->last_may_be_a_name && !file ? strrchr(module, '.') : NULL;
	if (dot) {
		*dot = '\0';
		file = module_file(l->w, folder, module);
		*dot = '.';
		if (file && !mentions(l->w, file, dot + 1))
			return NULL;
	}
	return ff_take(&file);
}

// "main" of uvicorn main:app, "worker.app" of celery -A worker.app, "src/web.py" of flask --app src/web.py.
static void lead_to_module(const struct lead *l, struct ff_span text)
{
	struct ff_workdir *w = l->w;
	if (ff_span_ends(text, ".py"))
		text.n -= strlen(".py");
	_cleanup_free_ char *module = ff_span_dup(text), *file = NULL, *place = NULL;
	bool path = module && strchr(module, '/');
	if (path)
		file = ff_path_printf("%s/%s.py", *module == '/' ? "" : l->folder, module + (*module == '/'));
	if (path && file && ff_host_mode_is(w->ctx->host, file, S_IFREG))
		read_below(l, file);
	if (path || !module || !*module || strspn(module, name_of_module) != text.n || *module == '.')
		return;
	place = !l->place ? NULL : *l->place == '/' ? strdup(l->place) : ff_path_printf("%s/%s", l->folder, l->place);
	file = file_of(l, l->folder, module);
	if (!file && place)
		file = file_of(l, place, module);
	if (file)
		read_below(l, file);
	bool known = l->place || looks_elsewhere(w) || ff_workdir_installed(w, top_of(module)) ||
		(l->loader && !l->loader->alone) || strcmp(l->folder, w->folder) != 0;
	if (!file && !known)
		put_below(w, l->command, module, l->loader);
}

// Does the script import the package that it lies in, at the margin? From its own folder that is not found.
static bool imports_own_package(struct ff_workdir *w, struct ff_span text, struct ff_span top)
{
	_cleanup_free_ char *taken = ff_path_printf("from %.*s.", (int)top.n, top.p),
			    *named = ff_path_printf("import %.*s.", (int)top.n, top.p);
	_cleanup_free_ char *inner = ff_path_printf("%s/%.*s/%.*s", w->folder, (int)top.n, top.p, (int)top.n, top.p);
	bool own = false;
	bool found = memmem(text.p, text.n, "sys.path", 8) || ff_workdir_installed(w, top) || looks_elsewhere(w) ||
		(inner && ff_host_mode_is(w->ctx->host, inner, S_IFDIR));
	for (struct ff_span line; taken && named && ff_span_line(&text, &line);) {
		if (ff_span_starts(line, "from .")) // relative: it has no package in any case
			return true;
		own |= !found && (ff_span_starts(line, taken) || ff_span_starts(line, named));
	}
	return own;
}

static void lead_to_script(struct ff_workdir *w, json_t *command, struct ff_span name)
{
	_cleanup_free_ char *relative =
		ff_span_starts(name, "./") ? ff_span_dup(ff_span_skip(name, 2)) : ff_span_dup(name);
	const char *slash = relative ? strchr(relative, '/') : NULL;
	if (!slash || slash == relative || !ff_ends(relative, ".py"))
		return;
	_cleanup_free_ char *path = ff_path_printf("%s/%s", w->folder, relative), *text = NULL;
	size_t n;
	_cleanup_error_ struct ff_error *absent =
		path ? ff_host_read(w->ctx->host, path, SOURCE_MAX, &text, &n) : &ff_enomem;
	if (absent)
		return;
	ff_workdir_read_script(w, path, relative);
	struct ff_span top = {relative, (size_t)(slash - relative)};
	bool own = imports_own_package(w, (struct ff_span){text, n}, top);
	relative[strlen(relative) - strlen(".py")] = '\0';
	for (char *p = relative; *p; p++)
		*p = *p == '/' ? '.' : *p;
	if (own && strspn(relative, name_of_module) == strlen(relative))
		json_object_set_new(command, "module", ff_json_string(relative, strlen(relative)));
}

// The value of "-A tasks", "--app=tasks".
static struct ff_span value_of(const json_t *words, const char *const flags[2])
{
	size_t i;
	json_t *item;
	json_array_foreach (words, i, item) {
		struct ff_span word = ff_span_of(json_string_value(item));
		for (size_t k = 0; k < 2; k++) {
			size_t n = strlen(flags[k]);
			if (ff_span_eq(word, flags[k]))
				return ff_span_of(json_string_value(json_array_get(words, i + 1)));
			if (ff_span_starts(word, flags[k]) && word.n > n && word.p[n] == '=')
				return ff_span_skip(word, n + 1);
		}
	}
	return (struct ff_span){0};
}

// Up to the name of the application: "web:create_app('x')".
static struct ff_span before_colon(struct ff_span text)
{
	const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
	return colon ? ff_span_first(text, (size_t)(colon - text.p)) : text;
}

// The first word of a server that has a colon behind a name: the module before it.
static struct ff_span positional(const json_t *words)
{
	size_t i;
	json_t *item;
	json_array_foreach (words, i, item) {
		struct ff_span word = ff_span_of(json_string_value(item));
		if (i && word.n && ff_is_letter(*word.p) && memchr(word.p, ':', word.n))
			return before_colon(word);
	}
	return (struct ff_span){0};
}

static char *place_of(const json_t *words)
{
	static const char *const places[][2] = {
		{"--app-dir", "--chdir"}, {"--pythonpath", "--working-dir"}, {"--workdir", "--workdir"}};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct ff_span place = value_of(words, places[i]);
		if (place.n)
			return ff_span_dup(place);
	}
	return NULL;
}

void ff_workdir_lead(struct ff_workdir *w, json_t *command, const char *program, const char *folder, const char *flask)
{
	const json_t *words = json_object_get(command, "words");
	_cleanup_free_ char *place = place_of(words);
	struct lead l = {.w = w, .command = command, .folder = folder, .place = place};
	for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++)
		if (ff_starts(program, loaders[i].program))
			l.loader = &loaders[i];
	struct ff_span module = l.loader ? before_colon(value_of(words, l.loader->flags)) : positional(words);
	if (!module.n && flask && strcmp(program, "flask") == 0)
		module = before_colon(ff_span_of(flask));
	const char *second = json_string_value(json_array_get(words, 1));
	if (module.n)
		lead_to_module(&l, module);
	else if (second && ff_starts(program, "python") && strcmp(folder, w->folder) == 0)
		lead_to_script(w, command, ff_span_of(second));
	else if (second && ff_starts(program, "python") && ff_ends(second, ".py"))
		lead_to_module(&l, ff_span_of(second));
}
