// Facts of a file that says what will be installed: what a machine would show once it is, as far as names, versions and
// the tables tell. The lines are kept, so that an answer names the one to change.
//
//	torch==2.3.1            -> {"python": {"packages": {"torch": {"version": "2.3.1"}}}, "torch": {"cuda": "12.1", "archs": [...]},
//	transformers==4.57.0        "requirements": {"file": "requirements.txt", "kind": "requirements",
//	                                             "pins": [{"name": "torch", "version": "2.3.1", "line": 1}]}}
//
// How the source lies: a release without "+cu121" is the build that the registry has, unless an index says otherwise;
// what is not pinned is not known; two pins may exclude each other, which only an installer would say.
#include "api/api.h"

#include "base/io.h"
#include "know/atlas_ask.h"
#include "know/torch_wheel.h"
#include "parse/pins.h"
#include "parse/requirement.h"

#include <fcntl.h>
#include <stdio.h>

enum { FILE_MAX = 16 << 20, PINS_MAX = 4000, FILES_MAX = 8, DEPTH_MAX = 3, LINES_SHOWN = 4 };

struct reading {
	json_t *doc, *pins;
	const char *file;
	char build[24];		// "+cu121" of an index, or ""
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
	bool room = json_array_size(r->pins) < PINS_MAX;
	r->left_out += !room;
	return room;
}

static void package(struct reading *r, struct ff_span name, struct ff_span specifiers, unsigned line)
{
	_cleanup_free_ char *key = normal(name);
	json_t *packages = ff_json_at(r->doc, "python.packages");
	struct ff_span version = exact(specifiers);
	if (!key || !*key || !has_room(r))
		return;
	json_t *pin = json_pack("{s:s, s:s, s:i}", "name", key, "file", r->file, "line", (int)line);
	json_object_set_new(pin, version.n ? "version" : "needs", text(version.n ? version : specifiers));
	json_array_append_new(r->pins, pin);
	if (version.n && (!json_object_get(packages, key) || memchr(version.p, '+', version.n)))
		json_object_set_new(packages, key, json_pack("{s:o}", "version", text(version)));
}

// ".../whl/cu124" -> "+cu124"
static void note_index(struct reading *r, struct ff_span url)
{
	const char *whl = url.n ? memmem(url.p, url.n, "/whl/", 5) : NULL;
	size_t left = whl ? url.n - (size_t)(whl + 5 - url.p) : 0, n = 0;
	while (n < left && n < 16 && strchr("abcdefghijklmnopqrstuvwxyz0123456789.", whl[5 + n]))
		n++;
	if (n && whl && (ff_starts(whl + 5, "cu") || ff_starts(whl + 5, "cpu") || ff_starts(whl + 5, "rocm")))
		snprintf(r->build, sizeof(r->build), "+%.*s", (int)n, whl + 5);
}

// Images whose tag says what is in them: "pytorch/pytorch:2.3.1-cuda12.1-cudnn8-runtime".
static void note_image(struct reading *r, struct ff_span image, unsigned line)
{
	static const struct {
		const char *name, *package, *path;
	} known[] = {{"vllm/vllm-openai:v", "vllm", NULL}, {"lmsysorg/sglang:v", "sglang", NULL},
		{"pytorch/pytorch:", "torch", NULL}, {"nvidia/cuda:", NULL, "cuda.toolkit.version"},
		{"python:", NULL, "python.version"}};
	const char *base = image.p;
	size_t n = image.n;
	if (n > 10 && memcmp(base, "docker.io/", 10) == 0)
		base += 10, n -= 10;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t at = strlen(known[i].name), end = at;
		if (n <= at || memcmp(base, known[i].name, at) != 0)
			continue;
		while (end < n && (base[end] == '.' || (base[end] >= '0' && base[end] <= '9')))
			end++;
		struct ff_span version = {base + at, end - at};
		const char *cuda = memmem(base, n, "-cuda", 5);
		if (!version.n)
			return;
		if (known[i].path) {
			r->err = ff_json_put(r->doc, known[i].path, text(version));
			bool runtime = memmem(base, n, "-runtime", 8) || memmem(base, n, "-base", 5);
			if (!r->err && runtime && known[i].path[0] == 'c')
				r->err = ff_json_put(r->doc, "system.programs.nvcc", json_false());
			return;
		}
		char specifiers[64];
		int length = snprintf(
			specifiers, sizeof(specifiers), "==%.*s", (int)(version.n < 30 ? version.n : 30), version.p);
		unsigned major = 0, minor = 0;
		if (cuda && sscanf(cuda, "-cuda%u.%u", &major, &minor) == 2)
			snprintf(r->build, sizeof(r->build), "+cu%u%u", major % 100, minor % 10);
		package(r, ff_span_of(known[i].package), (struct ff_span){specifiers, (size_t)length}, line);
	}
}

static void note_setting(struct reading *r, const struct ff_pin *pin)
{
	_cleanup_free_ char *name = ff_span_dup(pin->name);
	_cleanup_buf_ struct ff_buf path = {0};
	ff_buf_printf(&path, "requirements.settings.%s", name ? name : "");
	if (name && !path.failed)
		r->err = ff_json_put(r->doc, path.p, text(pin->value));
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
	memcpy(r->build, inner.build, sizeof(r->build));
	r->err = err ? err : inner.err;
}

static void each_pin(void *arg, const struct ff_pin *pin)
{
	struct reading *r = arg;
	if (r->err)
		return;
	if (pin->what == FF_PIN_PACKAGE)
		package(r, pin->name, pin->value, pin->line);
	else if (pin->what == FF_PIN_INDEX && (!pin->name.n || ff_span_eq(pin->name, "torch")))
		note_index(r, pin->value);
	else if (pin->what == FF_PIN_IMAGE)
		note_image(r, pin->value, pin->line);
	else if (pin->what == FF_PIN_PYTHON)
		r->err = ff_json_put(r->doc, "python.version", text(pin->value));
	else if (pin->what == FF_PIN_FILE)
		note_file(r, pin->value);
	else if (pin->what == FF_PIN_SETTING)
		note_setting(r, pin);
	else if (pin->what == FF_PIN_CUDA && pin->value.n >= 4)
		snprintf(r->build, sizeof(r->build), "+cu%.2s%.1s", pin->value.p, pin->value.p + 3);
	else if (pin->what == FF_PIN_ENV && has_room(r)) {
		_cleanup_free_ char *name = ff_span_dup(pin->name);
		if (!name)
			return;
		json_object_set_new(json_object_get(r->doc, "env"), name, text(pin->value));
		json_array_append_new(r->pins,
			json_pack("{s:o, s:s, s:i}", "name", text(pin->name), "file", r->file, "line", (int)pin->line));
	}
}

static struct ff_error *read_file(struct reading *r, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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
		err = ff_json_put(r->doc, "requirements.kind", json_string(ff_pins_kind_name(kind)));
		bool settings = kind == FF_PINS_DOCKERFILE || kind == FF_PINS_COMPOSE;
		if (!err && settings)
			err = ff_json_put(r->doc, "env", json_object());
		if (!err && kind == FF_PINS_LOCK)
			err = ff_json_put(r->doc, "complete", json_pack("[s]", "python.packages"));
	}
	if (!err)
		ff_pins_parse(kind, whole, each_pin, r);
	r->file = outer;
	return err;
}

// What the wheel of that torch carries.
static struct ff_error *put_torch(struct reading *r)
{
	json_t *entry = json_object_get(ff_json_at(r->doc, "python.packages"), "torch"), *torch = NULL;
	const char *version = ff_json_text(entry, "version");
	char whole[96];
	if (!version)
		return NULL;
	struct ff_span tag;
	if (!r->build[0] && !strchr(version, '+') && ff_know_torch_registry(version, &tag))
		snprintf(r->build, sizeof(r->build), "+%.*s", (int)tag.n, tag.p);
	snprintf(whole, sizeof(whole), "%.60s%s", version, strchr(version, '+') ? "" : r->build);
	struct ff_error *err = ff_know_torch_wheel(whole, &torch);
	if (err)
		return err;
	if (!torch && !(torch = json_pack("{s:s}", "version", whole)))
		return &ff_enomem;
	json_object_set_new(entry, "version", json_string(ff_json_text(torch, "version")));
	return ff_json_put(r->doc, "torch", torch);
}

static const char *version_of(const json_t *packages, const char *name)
{
	return ff_json_text(json_object_get(packages, name), "version");
}

static struct ff_span public_part(const char *version)
{
	return (struct ff_span){version, strcspn(version, "+")};
}

// What a release asks of others that are pinned too. Of a minor release the atlas has the last patch: another patch
// asks for the same ranges, but may pin other releases.
static void conflicts_of(const json_t *packages, const char *name, const char *version, json_t *ret)
{
	const struct ff_atlas *a = ff_atlas();
	struct ff_atlas_package p;
	struct ff_atlas_require need;
	bool same;
	if (!a || !ff_atlas_package(a, name, &p))
		return;
	int at = ff_atlas_position(a, &p, version, &same);
	bool listed = at >= 0 &&
		ff_version_compare_spans(public_part(version), ff_span_of(ff_atlas_string(a, p.releases[at]))) == 0;
	for (size_t i = 0; same && ff_atlas_require_at(a, &p, i, &need); i++) {
		const char *found = ff_atlas_in(need.set, at) ? version_of(packages, need.name) : NULL;
		if (found && (listed || !strstr(need.specifiers, "==")) &&
			ff_version_satisfies(found, need.specifiers) == FF_SATISFIES_NO)
			json_array_append_new(ret,
				json_pack("{s:s, s:o, s:s}", "package", name, "requires",
					json_sprintf("%s%s", need.name, need.specifiers), "found", found));
	}
}

static struct ff_error *put_conflicts(struct reading *r)
{
	const json_t *packages = ff_json_at(r->doc, "python.packages");
	json_t *conflicts = json_array(), *entry;
	const char *name;
	json_object_foreach ((json_t *)packages, name, entry)
		conflicts_of(packages, name, ff_json_text(entry, "version"), conflicts);
	return ff_json_put(r->doc, "python.conflicts", conflicts);
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
static struct ff_error *put_image(struct reading *r, const char *path)
{
	const char *kind = ff_json_text(r->doc, "requirements.kind");
	if (!kind || !json_object_get(r->doc, "env"))
		return NULL;
	bool made = strcmp(kind, "Dockerfile") == 0;
	json_t *secrets = json_array();
	struct ff_error *err = ff_image_secrets_of(json_object_get(r->doc, "env"), NULL, secrets);
	json_t *image = json_pack("{s:s, s:s, s:b, s:o*, s:o}", "name", path, "kind", kind, "configured", made, "first",
		made ? first_of(ff_json_at(r->doc, "requirements.settings")) : NULL, "secrets", secrets);
	if (err) {
		json_decref(image);
		return err;
	}
	err = ff_json_put(r->doc, "image", image);
	if (!err && !made && !ff_json_at(r->doc, "requirements.settings.gpu"))
		err = ff_json_put(r->doc, "requirements.settings.gpu", json_false());
	const char *place = made ? "system.container.runtime" : "system.container.orchestrator";
	return err ? err : ff_json_put(r->doc, place, json_string(made ? "docker" : "compose"));
}

struct ff_error *ff_requirements_facts(const char *path, const json_t *planned, json_t **ret)
{
	_cleanup_json_ json_t *doc = json_pack("{s:s, s:{s:{}}, s:{s:s, s:[]}}", "schema", "firstfix.facts/1", "python",
		"packages", "requirements", "file", path, "pins");
	struct reading r = {.doc = doc, .pins = ff_json_at(doc, "requirements.pins")};
	if (!r.pins)
		return &ff_enomem;
	struct ff_error *err = read_file(&r, path);
	if (!err)
		err = r.err;
	if (!err)
		err = put_torch(&r);
	if (!err)
		err = put_conflicts(&r);
	if (!err)
		err = put_image(&r, path);
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

void ff_requirements_lines(const json_t *facts, json_t *diagnosis)
{
	const json_t *pins = ff_json_at(facts, "requirements.pins");
	json_t *file = ff_json_at(facts, "requirements.file"), *of = json_object_get(diagnosis, "facts_of");
	int64_t left_out;
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
