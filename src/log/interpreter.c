// The interpreter and its packages, as a log's paths, banners and installers tell of them.
//
//	  File "/opt/venv/lib/python3.10/site-packages/torch/nn/modules/module.py", line 1532, in _call_impl
//	  File "E:\ComfyUI\python_embeded\Lib\site-packages\torch\nn\modules\module.py", line 1532, in _call_impl
//	** Python executable: E:\ComfyUI\python_embeded\python.exe
//	ImportError: cannot import name 'x' from 'y' (/srv/venv/lib/python3.11/site-packages/y.py)
//	Requirement already satisfied: torch>=2.0 in /srv/venv/lib/python3.11/site-packages (from w) (2.5.1+cu124)
//	Successfully installed torch-2.5.1 triton-3.1.0
//
// How it lies: an installer builds in an environment of its own, which is gone when it ends; and what it installed may
// be replaced by a later command, so that its words are kept apart from the worker's.
#include "log/interpreter.h"

#include "base/words.h"

#include <ctype.h>
#include <strings.h>
#include <threads.h>

enum { WORD_MAX = 300, NAME_MAX_BYTES = 64, PACKAGES_MAX = 200 };

static struct ff_error *put(json_t *said, const char *path, struct ff_span value)
{
	return value.n && value.n <= WORD_MAX ? ff_json_put(said, path, ff_json_string(value.p, value.n)) : NULL;
}

// Where a text stands that tells something.
struct place {
	struct ff_span before, rest; // of its line
	const char *name;	     // the package or installer
};

// ---- words ----

struct ff_span ff_word_at(struct ff_span text)
{
	size_t n = 0;
	while (n < text.n && (isalnum((unsigned char)text.p[n]) || strchr("_-.+", text.p[n])) && text.p[n])
		n++;
	while (n && text.p[n - 1] == '.')
		n--;
	return (struct ff_span){text.p, n};
}

struct ff_span ff_version_at(struct ff_span text)
{
	while (text.n && *text.p && strchr(" :=v`", *text.p)) {
		text.p++;
		text.n--;
	}
	struct ff_span word = ff_word_at(text);
	bool number = word.n >= 3 && isdigit((unsigned char)word.p[0]) && memchr(word.p, '.', word.n);
	return number ? word : (struct ff_span){NULL, 0};
}

// ---- packages ----

static struct ff_error *put_package(json_t *said, const char *path, struct ff_span name, struct ff_span version)
{
	char key[NAME_MAX_BYTES];
	if (!name.n || name.n >= sizeof(key) || !version.n)
		return NULL;
	struct ff_error *err = ff_json_at(said, path) ? NULL : ff_json_put(said, path, json_object());
	json_t *packages = ff_json_at(said, path);
	if (err || json_object_size(packages) >= PACKAGES_MAX)
		return err;
	for (size_t i = 0; i < name.n; i++)
		key[i] = name.p[i] == '_' ? '-' : (char)tolower((unsigned char)name.p[i]);
	key[name.n] = '\0';
	json_object_set_new(packages, key, ff_json_string(version.p, version.n));
	return NULL;
}

struct ff_error *ff_interpreter_package(json_t *said, struct ff_span name, struct ff_span version)
{
	return put_package(said, "packages", name, version);
}

// "torch>=2.0 in /srv/venv/lib/python3.11/site-packages (from w) (2.5.1+cu124)"
static struct ff_error *read_satisfied(json_t *said, const struct place *at)
{
	struct ff_span line = ff_span_trim(at->rest);
	size_t name = 0;
	while (name < line.n && (isalnum((unsigned char)line.p[name]) || strchr("_-.", line.p[name])))
		name++;
	const char *bracket = line.n && line.p[line.n - 1] == ')' ? memrchr(line.p, '(', line.n) : NULL;
	if (!bracket)
		return NULL;
	struct ff_span version = ff_version_at((struct ff_span){bracket + 1, (size_t)(line.p + line.n - 1 - bracket)});
	return put_package(said, "installer.packages", (struct ff_span){line.p, name}, version);
}

// "torch-2.5.1+cu124": the version begins behind the last dash that a digit follows.
static struct ff_error *read_installed(json_t *said, const struct place *at)
{
	struct ff_span line = at->rest;
	struct ff_error *err = NULL;
	for (struct ff_span one; !err && line.n && ff_span_next(&line, ' ', &one);) {
		struct ff_span word = ff_word_at(one);
		size_t dash = word.n;
		while (dash > 1 && !(word.p[dash - 1] == '-' && dash < word.n && isdigit((unsigned char)word.p[dash])))
			dash--;
		if (dash > 1 && word.n == ff_span_trim(one).n)
			err = put_package(said, "installer.packages", (struct ff_span){word.p, dash - 1},
				(struct ff_span){word.p + dash, word.n - dash});
	}
	return err;
}

// "[pip3] torch==2.3.1+cu121"
static struct ff_error *read_pip_line(json_t *said, const struct place *at)
{
	struct ff_span name = ff_word_at(at->rest), after = {at->rest.p + name.n, at->rest.n - name.n};
	return ff_span_starts(after, "==") ? put_package(said, "packages", name, ff_version_at(after)) : NULL;
}

static struct ff_error *read_package(json_t *said, const struct place *at)
{
	return put_package(said, "packages", ff_span_of(at->name), ff_version_at(at->rest));
}

static struct ff_error *read_installer(json_t *said, const struct place *at)
{
	return put(said, "installer.name", ff_span_of(at->name));
}

// "E:\AI\webui" stands on Windows, but for a folder of it that a container or WSL is given.
static struct ff_error *read_drive(json_t *said, const struct place *at)
{
	const char *p = at->before.p;
	size_t n = at->before.n;
	bool drive = n && isupper((unsigned char)p[n - 1]) && (n == 1 || !isalnum((unsigned char)p[n - 2])) &&
		at->rest.n && isalpha((unsigned char)*at->rest.p);
	if (!p || !drive || memmem(p, n, "docker", 6) || memmem(p, n, "/mnt/", 5) || json_object_get(said, "platform"))
		return NULL;
	return put(said, "platform", ff_span_of(at->name));
}

static struct ff_error *read_platform(json_t *said, const struct place *at)
{
	return put(said, "platform", ff_span_of(at->name));
}

// A command that was typed, or a line of a Dockerfile; advice stands in a sentence.
static struct ff_error *read_typed(json_t *said, const struct place *at)
{
	static const char *const ends[] = {"$ ", "# ", "% ", "> ", "RUN ", "&& "};
	bool typed = !at->before.n;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		typed |= ff_span_ends(at->before, ends[i]);
	return typed ? read_installer(said, at) : NULL;
}

struct ff_error *ff_interpreter_runtime(json_t *said, const char *name)
{
	json_t *list = json_object_get(said, "runtime"), *item;
	size_t i;
	json_array_foreach (list, i, item) {
		if (strcmp(json_string_value(item), name) == 0)
			return NULL;
	}
	if (!list && json_object_set_new(said, "runtime", list = json_array()) < 0)
		return &ff_enomem;
	return json_array_append_new(list, json_string(name)) < 0 ? &ff_enomem : NULL;
}

// ---- the interpreter ----

// "3.10" of "3.10.12"
static struct ff_error *put_version(json_t *said, struct ff_span version)
{
	size_t dots = 0, n = 0;
	for (; n < version.n && (isdigit((unsigned char)version.p[n]) || version.p[n] == '.'); n++) {
		dots += version.p[n] == '.';
		if (dots == 2)
			break;
	}
	if (!dots || !n || version.p[n - 1] == '.')
		return NULL;
	return put(said, "python.version", (struct ff_span){version.p, n});
}

// Where an installer builds, which nothing can be installed into afterwards.
static bool is_passing(struct ff_span path)
{
	static const char *const parts[] = {"pip-build-env-", "builds-v0", "pip-install-", "pip-standalone-pip-"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (memmem(path.p, path.n, parts[i], strlen(parts[i])))
			return true;
	return false;
}

static bool is_windows(struct ff_span path)
{
	return path.n > 3 && isalpha((unsigned char)path.p[0]) && path.p[1] == ':' && path.p[2] == '\\';
}

static struct ff_span cut_at(struct ff_span path, const char *part)
{
	const char *at = path.n <= WORD_MAX ? strcasestr(path.p, part) : NULL;
	return at && at < path.p + path.n ? (struct ff_span){path.p, (size_t)(at - path.p)} : (struct ff_span){NULL, 0};
}

static struct ff_error *read_version(json_t *said, const struct place *at)
{
	return put_version(said, ff_version_at(at->rest));
}

static struct ff_error *put_program(json_t *said, const char *text)
{
	struct ff_span whole = ff_span_of(text);
	if (is_passing(whole))
		return NULL;
	if (whole.n && whole.p[0] == '/')
		return strstr(text, "/bin/python") ? put(said, "python.executable", whole) : NULL;
	if (!is_windows(whole) || !ff_span_ends(whole, ".exe"))
		return NULL;
	struct ff_span prefix = cut_at(whole, "\\scripts\\python");
	if (!prefix.n)
		prefix = cut_at(whole, "\\python.exe");
	struct ff_error *err = put(said, "platform", FF_SPAN("windows"));
	return err ? err : put(said, "python.prefix", prefix);
}

// "E:\ComfyUI\python_embeded\python.exe", or up to the quotation mark: venv "E:\sd\venv\Scripts\Python.exe"
static struct ff_error *read_program(json_t *said, const struct place *at)
{
	struct ff_span rest = at->rest, path = {rest.p, 0};
	ff_span_next(&rest, '"', &path);
	_cleanup_free_ char *text = ff_span_dup(ff_span_trim(path));
	return text ? put_program(said, text) : &ff_enomem;
}

// A command that was typed at a prompt of Windows: "E:\AI>.\python_embeded\python.exe -s main.py".
static struct ff_error *read_prompt(json_t *said, const struct place *at)
{
	struct ff_span rest = at->rest, word;
	_cleanup_buf_ struct ff_buf b = {0};
	if (!is_windows(at->before) || !ff_span_next(&rest, ' ', &word) || !ff_span_ends(word, "python.exe"))
		return NULL;
	ff_buf_printf(&b, "%.*s\\%.*s", (int)at->before.n, at->before.p, (int)word.n, word.p);
	return b.failed ? &ff_enomem : put_program(said, b.p);
}

// `*ret` tells whether the file lies among an interpreter's packages.
static struct ff_error *put_prefix(json_t *said, const char *file, bool *ret)
{
	const char *lib = strstr(file, "/lib/python");
	const char *packages = lib ? strstr(lib, "-packages/") : NULL;
	*ret = lib && packages && lib != file && file[0] == '/' && !is_passing(ff_span_of(file));
	if (!*ret)
		return NULL;
	struct ff_span version = ff_word_at(ff_span_of(lib + strlen("/lib/python")));
	bool own =
		lib - file > 7 && ff_starts(lib - 7, "/.local/"); // a user's: any interpreter of that version reads it
	struct ff_span prefix = {file, (size_t)(lib - file)};
	if (ff_span_eq(prefix, "/usr/local") && ff_starts(packages - 4, "dist")) // Debian's Python lies in /usr
		prefix = FF_SPAN("/usr");
	struct ff_error *err =
		own ? ff_json_put(said, "python.user_site", json_true()) : put(said, "python.prefix", prefix);
	return err ? err : put_version(said, version); // Debian's "python3/dist-packages" has none
}

static struct ff_error *put_windows_prefix(json_t *said, const char *file)
{
	struct ff_span path = {file, strnlen(file, WORD_MAX)}, prefix = cut_at(path, "\\lib\\site-packages\\");
	return prefix.n && is_windows(path) && !is_passing(path) ? put(said, "python.prefix", prefix) : NULL;
}

// ComfyUI's portable bundle keeps its interpreter beside the program's folder, and no frame of the program lies in it.
static struct ff_error *put_portable(json_t *said, const char *file)
{
	struct ff_span path = {file, strnlen(file, WORD_MAX)}, where = cut_at(path, "\\ComfyUI_windows_portable\\");
	_cleanup_buf_ struct ff_buf b = {0};
	if (!where.n || !is_windows(path) || ff_json_at(said, "python.prefix"))
		return NULL;
	ff_buf_printf(&b, "%.*s\\ComfyUI_windows_portable\\python_embeded\\python.exe", (int)where.n, where.p);
	return b.failed ? &ff_enomem : put_program(said, b.p);
}

static struct ff_error *read_path(json_t *said, const char *file)
{
	static const struct {
		const char *part, *platform, *runtime;
	} parts[] = {{"\\site-packages\\", "windows", NULL}, {"/Users/", "macos", NULL},
		{"/opt/homebrew/", "macos", NULL}, {"/kaggle/", NULL, "kaggle"}, {"/content/", NULL, "colab"},
		{"ipykernel", NULL, "notebook"}, {"/runpod", NULL, "runpod"}};
	struct ff_error *err = NULL;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && !err; i++) {
		if (!strstr(file, parts[i].part))
			continue;
		if (parts[i].platform)
			err = put(said, "platform", ff_span_of(parts[i].platform));
		if (!err && parts[i].runtime)
			err = ff_interpreter_runtime(said, parts[i].runtime);
	}
	return err;
}

static struct ff_error *read_file(json_t *said, const char *file)
{
	bool found;
	struct ff_error *err = put_prefix(said, file, &found);
	if (!err && !found)
		err = put_windows_prefix(said, file);
	return err || found ? err : put_portable(said, file);
}

// "cannot import name 'x' from 'y' (/srv/venv/lib/python3.11/site-packages/y.py)"; "tokenizers>=0.20 is required ...,
// but found tokenizers==0.15.2": what is found is what is there.
static struct ff_error *read_message(json_t *said, const char *message)
{
	const char *at = strstr(message, "cannot import name ") ? strstr(message, "' (") : NULL;
	struct ff_error *err = NULL;
	if (at && at[3] != '/')
		err = read_path(said, at + 3);
	if (at && !err)
		err = read_file(said, at + 3);
	at = strstr(message, "found ");
	struct ff_span name = at ? ff_word_at(ff_span_of(at + strlen("found "))) : (struct ff_span){NULL, 0};
	if (!err && name.n && ff_starts(name.p + name.n, "=="))
		err = ff_interpreter_package(said, name, ff_version_at(ff_span_of(name.p + name.n)));
	return err;
}

struct ff_error *ff_interpreter_event(json_t *said, const struct ff_event *event)
{
	struct ff_error *err = NULL;
	for (size_t i = 0; i < event->frame_count && !err; i++) {
		err = read_path(said, event->frames[i].file);
		if (!err)
			err = read_file(said, event->frames[i].file);
	}
	return err ? err : read_message(said, event->message);
}

// ---- lines ----

static const struct mark {
	const char *text;
	struct ff_error *(*read)(json_t *said, const struct place *at);
	const char *name;
} marks[] = {
	{"PyTorch version", read_package, "torch"},
	{"torch version", read_package, "torch"},
	{"torch.__version__", read_package, "torch"},
	{"transformers` version", read_package, "transformers"},
	{"transformers version", read_package, "transformers"},
	{"bitsandbytes version", read_package, "bitsandbytes"},
	{"[pip3] ", read_pip_line, NULL},
	{"Requirement already satisfied: ", read_satisfied, NULL},
	{"Successfully installed ", read_installed, NULL},
	{"/uv/builds-v", read_installer, "uv"},
	{"The build backend returned an error", read_installer, "uv"},
	{"uv pip install ", read_typed, "uv"},
	{"uv sync", read_typed, "uv"},
	{"uv add ", read_typed, "uv"},
	{"Python version", read_version, NULL},
	{"Python executable: ", read_program, NULL},
	{"venv \"", read_program, NULL},
	{">.\\", read_prompt, NULL},
	{":\\", read_drive, "windows"},
	{"\\site-packages\\", read_platform, "windows"},
};

enum { MARKS = sizeof(marks) / sizeof(*marks), PLACES_MAX = 4000 };
static struct ff_words words;
static const char *texts[MARKS];
static once_flag made = ONCE_FLAG_INIT;

static void make_words(void)
{
	for (size_t i = 0; i < MARKS; i++)
		texts[i] = marks[i].text;
	ff_words_init(&words, texts, MARKS, false);
}

struct reading {
	json_t *said;
	struct ff_span lines;
	size_t places;
	struct ff_error *err;
};

static bool on_mark(size_t mark, size_t at, void *context)
{
	struct reading *r = context;
	const char *end = r->lines.p + r->lines.n, *p = r->lines.p + at, *rest = p + strlen(marks[mark].text);
	const char *start = memrchr(r->lines.p, '\n', at), *stop = memchr(rest, '\n', (size_t)(end - rest));
	start = start ? start + 1 : r->lines.p;
	stop = stop ? stop : end;
	struct place place = {{start, (size_t)(p - start)}, {rest, (size_t)(stop - rest)}, marks[mark].name};
	r->err = marks[mark].read(r->said, &place);
	return !r->err && ++r->places < PLACES_MAX;
}

struct ff_error *ff_interpreter_read(json_t *said, struct ff_span lines)
{
	struct reading reading = {.said = said, .lines = lines};
	call_once(&made, make_words);
	ff_words_find(&words, lines, on_mark, &reading);
	return reading.err;
}
