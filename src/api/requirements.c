// Facts of a file that says what will be installed: what a machine would show once it is, as far as names, versions and
// the tables tell. The lines are kept, so that an answer names the one to change.
//
//	torch==2.3.1            -> {"python": {"packages": {"torch": {"version": "2.3.1"}}}, "torch": {"cuda": "12.1", "archs": [...]},
//	transformers==4.57.0        "requirements": {"file": "requirements.txt", "kind": "requirements",
//	                                             "pins": [{"name": "torch", "version": "2.3.1", "line": 1, "step": 0}],
//	                                             "steps": [{"build": "+cu121"}]}}
//
// How the source lies: a release without "+cu121" is the build that the registry has, unless an index says otherwise;
// what is not pinned is not known; two pins may exclude each other, which only an installer would say.
#include "api/requirements.h"
#include "api/api.h"

#include "base/io.h"
#include "know/torch_pairs.h"
#include "parse/pins.h"
#include "parse/requirement.h"

#include <fcntl.h>
#include <stdio.h>

enum { FILE_MAX = 16 << 20, PINS_MAX = 4000, FILES_MAX = 8, DEPTH_MAX = 3, LINES_SHOWN = 4 };

struct reading {
	struct ff_asked *to;
	const char *file;
	char build[24];		// that an index of the environment serves: "+cu121", or ""
	size_t files, left_out; // names behind the first PINS_MAX
	unsigned depth;
	struct ff_error *err;
};

static struct ff_error *read_file(struct reading *r, const char *path);

static json_t *text(struct ff_span s)
{
	return ff_json_string(s.n ? s.p : "", s.n);
}

static char *normal(struct ff_span name)
{
	struct ff_buf b = {0};
	char *ret = NULL;
	ff_package_name_format(name, &b);
	_cleanup_error_ struct ff_error *err = ff_buf_finish(&b, &ret);
	return err ? NULL : ret;
}

// "==2.6.0" alone is a version; a list or a wildcard is none.
static struct ff_span exact(struct ff_span specifiers)
{
	struct ff_span s = ff_span_trim(specifiers);
	bool one = ff_span_starts(s, "==") && !memchr(s.p, ',', s.n) && !memchr(s.p, '*', s.n);
	size_t skip = ff_span_starts(s, "===") ? 3 : 2;
	return one ? ff_span_trim((struct ff_span){s.p + skip, s.n - skip}) : (struct ff_span){NULL, 0};
}

static bool has_room(struct reading *r)
{
	bool room = json_array_size(r->to->pins) < PINS_MAX;
	r->left_out += !room;
	return room;
}

static size_t step_now(const struct reading *r)
{
	return json_array_size(r->to->steps) - 1;
}

static void package(struct reading *r, struct ff_span name, struct ff_span specifiers, unsigned line)
{
	_cleanup_free_ char *key = normal(name);
	struct ff_span version = exact(specifiers);
	if (!key || !*key || !has_room(r))
		return;
	json_t *pin = json_pack("{s:s, s:s, s:i, s:I}", "name", key, "file", r->file, "line", (int)line, "step",
		(json_int_t)step_now(r));
	json_object_set_new(pin, version.n ? "version" : "needs", text(version.n ? version : specifiers));
	json_array_append_new(r->to->pins, pin);
	if (version.n)
		ff_asked_choose(r->to, key, version, step_now(r));
}

static void new_step(struct reading *r)
{
	json_array_append_new(r->to->steps, json_pack("{s:s*, s:[]}", "build", *r->build ? r->build : NULL, "options"));
}

static void note_index(struct reading *r, struct ff_span url)
{
	char build[24];
	json_t *step = json_array_get(r->to->steps, step_now(r));
	bool known = ff_asked_build(url, build);
	json_object_set_new(step, known ? "build" : "index", known ? json_string(build) : text(url));
}

static void note_setting(struct reading *r, const struct ff_pin *pin)
{
	_cleanup_free_ char *name = ff_span_dup(pin->name);
	_cleanup_buf_ struct ff_buf path = {0};
	ff_buf_printf(&path, "requirements.settings.%s", name ? name : "");
	if (name && !path.failed)
		r->err = ff_json_put(r->to->doc, path.p, text(pin->value));
}

static void note_file(struct reading *r, struct ff_span name)
{
	_cleanup_buf_ struct ff_buf path = {0};
	const char *slash = strrchr(r->file, '/');
	if (r->depth == DEPTH_MAX || r->files == FILES_MAX || !name.n || name.p[0] == '/' ||
		memchr(name.p, ':', name.n))
		return;
	ff_buf_printf(&path, "%.*s%.*s", slash ? (int)(slash + 1 - r->file) : 0, r->file, (int)name.n, name.p);
	struct reading inner = *r;
	inner.depth++;
	if (path.failed || access(path.p, R_OK) < 0) // COPY brought it from elsewhere
		return;
	struct ff_error *err = read_file(&inner, path.p);
	r->files = inner.files;
	r->left_out = inner.left_out;
	r->err = err ? err : inner.err;
}

// Packages come from where these say, until something else is said.
static void note_env(struct reading *r, const struct ff_pin *pin)
{
	static const char *const indexes[] = {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL",
		"UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_DEFAULT_INDEX"};
	_cleanup_free_ char *name = ff_span_dup(pin->name);
	if (!name || !has_room(r))
		return;
	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++)
		if (strcmp(name, indexes[i]) == 0 && !ff_asked_build(pin->value, r->build))
			r->build[0] = 0;
	json_object_set_new(json_object_get(r->to->doc, "env"), name, text(pin->value));
	json_array_append_new(r->to->pins,
		json_pack("{s:o, s:s, s:i}", "name", text(pin->name), "file", r->file, "line", (int)pin->line));
}

static void note_cuda(struct reading *r, struct ff_span version)
{
	json_t *step = json_array_get(r->to->steps, step_now(r));
	if (version.n >= 4)
		json_object_set_new(step, "build", json_sprintf("+cu%.2s%.1s", version.p, version.p + 3));
}

static void each_pin(void *arg, const struct ff_pin *pin)
{
	struct reading *r = arg;
	if (r->err)
		return;
	if (pin->what == FF_PIN_PACKAGE)
		package(r, pin->name, pin->value, pin->line);
	else if (pin->what == FF_PIN_STEP && json_array_size(r->to->steps) < PINS_MAX)
		new_step(r);
	else if (pin->what == FF_PIN_OPTION)
		json_array_append_new(
			json_object_get(json_array_get(r->to->steps, step_now(r)), "options"), text(pin->value));
	else if (pin->what == FF_PIN_INDEX && (!pin->name.n || ff_span_eq(pin->name, "torch")))
		note_index(r, pin->value);
	else if (pin->what == FF_PIN_IMAGE && has_room(r))
		r->err = ff_asked_image(r->to, pin->value, r->file, pin->line);
	else if (pin->what == FF_PIN_PYTHON)
		r->err = ff_json_put(r->to->doc, "python.version", text(pin->value));
	else if (pin->what == FF_PIN_FILE)
		note_file(r, pin->value);
	else if (pin->what == FF_PIN_SETTING)
		note_setting(r, pin);
	else if (pin->what == FF_PIN_CUDA)
		note_cuda(r, pin->value);
	else if (pin->what == FF_PIN_ENV)
		note_env(r, pin);
}

static struct ff_error *read_file(struct reading *r, const char *path)
{
	_cleanup_close_ int fd = ff_open_named(path);
	_cleanup_buf_ struct ff_buf bytes = {0};
	enum ff_pins_kind kind;
	if (fd < 0)
		return ff_error_create(FF_EUSAGE, "%s: %s", path, strerror(errno));
	struct ff_error *err = ff_read_all(fd, path, FILE_MAX, &bytes);
	if (err)
		return err;
	struct ff_span whole = {bytes.n ? bytes.p : "", bytes.n};
	if (!ff_pins_kind_of(path, whole, &kind))
		return ff_error_create(FF_EUSAGE,
			"%s: of no kind that is known; requirements.txt, uv.lock, poetry.lock, pylock.toml, "
			"environment.yml, Dockerfile or compose.yaml",
			path);
	if (memchr(whole.p, 0, whole.n))
		return ff_error_create(FF_EFORMAT, "%s: no text: there is a zero byte in it", path);
	r->files++;
	const char *outer = r->file;
	r->file = path;
	if (!outer) {
		err = ff_json_put(r->to->doc, "requirements.kind", json_string(ff_pins_kind_name(kind)));
		bool settings = kind == FF_PINS_DOCKERFILE || kind == FF_PINS_COMPOSE;
		if (!err && settings)
			err = ff_json_put(r->to->doc, "env", json_object());
		r->to->lock = kind == FF_PINS_LOCK;
		if (!err && kind == FF_PINS_LOCK)
			err = ff_json_put(r->to->doc, "complete", json_pack("[s]", "python.packages"));
	}
	if (!err)
		ff_pins_parse(kind, whole, each_pin, r);
	r->file = outer;
	return err;
}

// What is planned stands where the machine's probes would have put it.
static struct ff_error *put_planned(json_t *doc, const json_t *planned)
{
	static const char *const places[][2] = {
		{"nvml.driver", "driver"}, {"nvml.gpus", "gpus"}, {"cuda_driver.driver_init", "cuda.driver_init"}};
	for (size_t i = 0; planned && i < sizeof(places) / sizeof(places[0]); i++) {
		json_t *value = ff_json_at(planned, places[i][0]);
		struct ff_error *err = value ? ff_json_put(doc, places[i][1], json_incref(value)) : NULL;
		if (err)
			return err;
	}
	return NULL;
}

// CMD as a text is run by a shell, which stays where the text holds more than one command.
static json_t *first_of(const json_t *settings)
{
	const char *entry = ff_json_text(settings, "entrypoint"), *cmd = ff_json_text(settings, "cmd");
	const char *said = entry ? entry : cmd;
	if (!said || said[0] == '[')
		return NULL;
	bool stays = strpbrk(said, ";&|") && !strstr(said, "exec ");
	return json_pack("{s:s, s:s, s:b}", "program", "/bin/sh", "kind", "shell", "hands_over", !stays);
}

// What the image will be that a Dockerfile makes, and how a compose file runs one.
static struct ff_error *put_image(json_t *doc, const char *path)
{
	const char *kind = ff_json_text(doc, "requirements.kind");
	if (!kind || !json_object_get(doc, "env"))
		return NULL;
	bool made = strcmp(kind, "Dockerfile") == 0;
	json_t *secrets = json_array();
	struct ff_error *err = ff_image_secrets_of(json_object_get(doc, "env"), NULL, secrets);
	json_t *image = json_pack("{s:s, s:s, s:b, s:o*, s:o}", "name", path, "kind", kind, "configured", made, "first",
		made ? first_of(ff_json_at(doc, "requirements.settings")) : NULL, "secrets", secrets);
	if (err) {
		json_decref(image);
		return err;
	}
	err = ff_json_put(doc, "image", image);
	if (!err && !made && !ff_json_at(doc, "requirements.settings.gpu"))
		err = ff_json_put(doc, "requirements.settings.gpu", json_false());
	const char *place = made ? "system.container.runtime" : "system.container.orchestrator";
	return err ? err : ff_json_put(doc, place, json_string(made ? "docker" : "compose"));
}

struct ff_error *ff_requirements_facts(const char *path, const json_t *planned, json_t **ret)
{
	_cleanup_json_ json_t *doc = json_pack("{s:s, s:{s:{}}, s:{s:s, s:[], s:[]}}", "schema", "firstfix.facts/1",
		"python", "packages", "requirements", "file", path, "pins", "steps");
	_cleanup_json_ json_t *chosen = json_object(), *open = json_object();
	struct ff_asked to = {.doc = doc,
		.pins = ff_json_at(doc, "requirements.pins"),
		.steps = ff_json_at(doc, "requirements.steps"),
		.chosen = chosen,
		.open = open};
	struct reading r = {.to = &to};
	if (!to.pins || !to.steps || !chosen || !open)
		return &ff_enomem;
	new_step(&r);
	struct ff_error *err = read_file(&r, path);
	if (!err)
		err = r.err;
	if (!err)
		err = ff_asked_follow(&to);
	if (!err)
		err = put_image(doc, path);
	if (!err)
		err = put_planned(doc, planned);
	if (!err && r.left_out)
		err = ff_json_put(doc, "requirements.left_out", json_integer((json_int_t)r.left_out));
	if (!err)
		*ret = json_incref(doc);
	return err;
}

// ---- lines of an answer ----

static bool has_word(const char *in, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = in; p && (p = strcasestr(p, word)); p += n) {
		bool begins = p == in || (!strchr("-_.", p[-1]) && !((p[-1] | 0x20) >= 'a' && (p[-1] | 0x20) <= 'z'));
		bool ends = !p[n] || (!strchr("-_", p[n]) && !((p[n] | 0x20) >= 'a' && (p[n] | 0x20) <= 'z'));
		if (begins && ends)
			return true;
	}
	return false;
}

static bool speaks_of(const json_t *diagnosis, const char *name)
{
	size_t i;
	json_t *each;
	if (has_word(ff_json_text(diagnosis, "why"), name))
		return true;
	json_array_foreach (json_object_get(diagnosis, "evidence"), i, each) {
		const char *fact = ff_json_text(each, "fact"), *value = ff_json_text(each, "value");
		if (has_word(fact, name) || has_word(value, name))
			return true;
	}
	return false;
}

// Why torch is not known, when it is not: everything about GPU code and drivers hangs on it.
static json_t *torch_unknown(const json_t *facts)
{
	const json_t *pins = ff_json_at(facts, "requirements.pins"), *open = ff_json_at(facts, "requirements.open");
	size_t i;
	json_t *pin;
	if (ff_json_at(facts, "torch.cuda"))
		return NULL;
	if (json_object_get(open, "torch"))
		return json_string(
			"torch is locked in several versions: an extra or a group decides which is installed");
	if (ff_json_at(facts, "torch.version"))
		return NULL;
	json_array_foreach (pins, i, pin) {
		const char *name = ff_json_text(pin, "name");
		int64_t line = 0;
		if (name && json_object_get(pin, "needs") && ff_json_int(pin, "line", &line) &&
			(strcmp(name, "torch") == 0 || ff_know_torch_asks(name)))
			return json_sprintf("line %lld pins no %s, so that torch is not known before it is installed",
				(long long)line, name);
	}
	return NULL;
}

void ff_requirements_lines(const json_t *facts, json_t *diagnosis)
{
	const json_t *pins = ff_json_at(facts, "requirements.pins");
	json_t *file = ff_json_at(facts, "requirements.file"), *of = json_object_get(diagnosis, "facts_of");
	json_t *unknown = pins ? torch_unknown(facts) : NULL;
	int64_t left_out;
	if (unknown)
		json_object_set_new(of, "because", unknown);
	if (file)
		json_object_set(diagnosis, "file", file);
	if (ff_json_int(facts, "requirements.left_out", &left_out))
		json_object_set_new(of, "because",
			json_sprintf("of its names the first %d are judged, %lld more are not", PINS_MAX,
				(long long)left_out));
	size_t i, k;
	json_t *each, *pin;
	json_array_foreach (pins ? json_object_get(diagnosis, "diagnoses") : NULL, i, each) {
		json_t *lines = json_array();
		json_array_foreach (pins, k, pin) {
			const char *name = ff_json_text(pin, "name");
			if (json_array_size(lines) < LINES_SHOWN && name && speaks_of(each, name))
				json_array_append(lines, pin);
		}
		if (json_array_size(lines))
			json_object_set(each, "lines", lines);
		json_decref(lines);
	}
}
