// Requirements and lock files, line by line.
//
//	torch==2.6.0+cu124 \                         a line goes on behind a backslash
//	    --hash=sha256:...
//	--extra-index-url https://download.pytorch.org/whl/cu124
//	https://x/torch-2.3.1%2Bcu121-cp311-cp311-linux_x86_64.whl
//	[[package]]                                  uv.lock, poetry.lock; [[packages]] in pylock.toml
//	name = "torch"
//	version = "2.6.0+cu124"
//	source = { registry = "https://download.pytorch.org/whl/cu124" }
//	resolution-markers = [
//	    "sys_platform == 'darwin'",              of another platform: passed over
//	]
//
// How the source lies: a lock names a package once for each platform, group or extra, and long texts in it may look
// like tables.
#include "parse/pins.h"

#include "parse/chars.h"
#include "parse/requirement.h"

enum { LINE_MAX_BYTES = 64 << 10 };

static const char *const kind_names[FF_PINS_KINDS] = {[FF_PINS_REQUIREMENTS] = "requirements",
	[FF_PINS_LOCK] = "lock file",
	[FF_PINS_CONDA] = "conda environment",
	[FF_PINS_DOCKERFILE] = "Dockerfile",
	[FF_PINS_COMPOSE] = "compose file"};

const char *ff_pins_kind_name(enum ff_pins_kind kind)
{
	return kind_names[kind];
}

static bool has_line(struct ff_span text, const char *begin)
{
	struct ff_span line;
	while (ff_span_next(&text, '\n', &line)) {
		if (ff_span_starts(line, begin))
			return true;
	}
	return false;
}

bool ff_pins_kind_of(const char *name, struct ff_span text, enum ff_pins_kind *ret)
{
	static const struct {
		const char *begin, *end;
		enum ff_pins_kind kind;
	} names[] = {{"", "uv.lock", FF_PINS_LOCK}, {"", "poetry.lock", FF_PINS_LOCK},
		{"pylock", ".toml", FF_PINS_LOCK}, {"Dockerfile", "", FF_PINS_DOCKERFILE},
		{"Containerfile", "", FF_PINS_DOCKERFILE}, {"", ".Dockerfile", FF_PINS_DOCKERFILE},
		{"", ".dockerfile", FF_PINS_DOCKERFILE}, {"compose", ".yaml", FF_PINS_COMPOSE},
		{"compose", ".yml", FF_PINS_COMPOSE}, {"docker-compose", ".yml", FF_PINS_COMPOSE},
		{"docker-compose", ".yaml", FF_PINS_COMPOSE}, {"", ".txt", FF_PINS_REQUIREMENTS},
		{"", ".in", FF_PINS_REQUIREMENTS}};
	static const struct {
		const char *line;
		enum ff_pins_kind kind;
	} texts[] = {{"[[package", FF_PINS_LOCK}, {"services:", FF_PINS_COMPOSE}, {"dependencies:", FF_PINS_CONDA},
		{"FROM ", FF_PINS_DOCKERFILE}};
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (ff_starts(base, names[i].begin) && ff_ends(base, names[i].end)) {
			*ret = names[i].kind;
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (has_line(text, texts[i].line)) {
			*ret = texts[i].kind;
			return true;
		}
	}
	return false;
}

bool ff_pins_line(struct ff_pins_lines *lines, struct ff_buf *ret, unsigned *ret_line)
{
	struct ff_span line;
	bool more = true, any = false;
	ret->n = 0;
	while (more && ff_span_next(&lines->rest, '\n', &line)) {
		unsigned number = lines->next++;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		struct ff_span trimmed = ff_span_trim(line);
		if (any && ff_span_starts(trimmed, "#"))
			continue;
		if (!any)
			*ret_line = number;
		any = true;
		more = line.n && line.p[line.n - 1] == '\\' && ret->n < LINE_MAX_BYTES;
		ff_buf_span(ret, ff_span_first(line, more ? line.n - 1 : line.n));
		if (more)
			ff_buf_char(ret, ' ');
	}
	return any && !ret->failed;
}

// "torch-2.3.1%2Bcu121-cp311-cp311-linux_x86_64.whl" in a URL or path
static bool wheel(struct ff_span text, unsigned line, ff_pin_fn *each, void *arg)
{
	char version[128];
	size_t n = 0;
	const char *end = memmem(text.p, text.n, ".whl", 4);
	if (!end)
		return false;
	struct ff_span name = {text.p, (size_t)(end - text.p)};
	for (const char *slash; (slash = memchr(name.p, '/', name.n));)
		name = (struct ff_span){slash + 1, (size_t)(end - slash - 1)};
	const char *dash = memchr(name.p, '-', name.n);
	if (!dash)
		return false;
	struct ff_span rest = {dash + 1, (size_t)(end - dash - 1)}, found;
	name.n = (size_t)(dash - name.p);
	if (!ff_span_next(&rest, '-', &found) || found.n + 8 > sizeof(version))
		return false;
	version[n++] = '=';
	version[n++] = '=';
	for (size_t i = 0; i < found.n; i++) {
		bool plus = found.n - i >= 3 && strncasecmp(found.p + i, "%2b", 3) == 0;
		version[n++] = plus ? '+' : found.p[i];
		i += plus ? 2 : 0;
	}
	each(arg, &(struct ff_pin){FF_PIN_PACKAGE, name, {version, n}, line});
	return true;
}

// Of what is for Linux on x86-64: a marker that cannot hold there. What it says of extras counts as open.
static bool elsewhere(struct ff_span marker)
{
	static const struct ff_marker_env here = {.values = {[FF_MARKER_OS_NAME] = "posix",
							  [FF_MARKER_SYS_PLATFORM] = "linux",
							  [FF_MARKER_PLATFORM_MACHINE] = "x86_64",
							  [FF_MARKER_PLATFORM_SYSTEM] = "Linux",
							  [FF_MARKER_PLATFORM_IMPLEMENTATION] = "CPython",
							  [FF_MARKER_IMPLEMENTATION_NAME] = "cpython"}};
	enum ff_satisfies holds;
	_cleanup_error_ struct ff_error *odd = ff_marker_evaluate("", marker, &here, &holds);
	return odd || holds == FF_SATISFIES_NO;
}

void ff_pins_requirement(struct ff_span text, unsigned line, ff_pin_fn *each, void *arg)
{
	struct ff_requirement r;
	const char *hash = memmem(text.p, text.n, " --", 3); // pip's options behind a requirement
	text = ff_span_trim(hash ? ff_span_first(text, (size_t)(hash - text.p)) : text);
	if (!text.n || ff_span_starts(text, "-"))
		return;
	_cleanup_error_ struct ff_error *err = ff_requirement_parse("", text, &r);
	if (err) {
		wheel(text, line, each, arg);
		return;
	}
	if (elsewhere(r.marker))
		return;
	if (r.url.n && wheel(r.url, line, each, arg))
		return;
	each(arg, &(struct ff_pin){FF_PIN_PACKAGE, r.name, r.specifiers, line});
}

// "--index-url URL", "-r FILE", "-i=URL"
static void option(struct ff_span text, unsigned line, ff_pin_fn *each, void *arg)
{
	static const struct {
		const char *name;
		enum ff_pin_what what;
	} options[] = {{"--index-url", FF_PIN_INDEX}, {"--extra-index-url", FF_PIN_INDEX}, {"-i", FF_PIN_INDEX},
		{"--find-links", FF_PIN_INDEX}, {"-f", FF_PIN_INDEX}, {"-r", FF_PIN_FILE},
		{"--requirement", FF_PIN_FILE}};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		size_t n = strlen(options[i].name);
		if (!ff_span_starts(text, options[i].name) || text.n <= n || !strchr(" \t=", text.p[n]))
			continue;
		struct ff_span value = ff_span_trim((struct ff_span){text.p + n + 1, text.n - n - 1});
		each(arg, &(struct ff_pin){options[i].what, {NULL, 0}, value, line});
		return;
	}
}

static void parse_requirements(struct ff_span text, ff_pin_fn *each, void *arg)
{
	_cleanup_buf_ struct ff_buf joined = {0};
	struct ff_pins_lines lines = {text, 1};
	unsigned number;
	while (ff_pins_line(&lines, &joined, &number)) {
		struct ff_span line = ff_span_trim((struct ff_span){joined.p, joined.n});
		for (size_t i = 0; i < line.n; i++) {
			if (line.p[i] == '#' && (i == 0 || ff_is_blank(line.p[i - 1])))
				line.n = i;
		}
		line = ff_span_trim(line);
		if (ff_span_starts(line, "-"))
			option(line, number, each, arg);
		else if (line.n)
			ff_pins_requirement(line, number, each, arg);
	}
}

// key = "value" at the beginning of a line; false for anything else.
static bool toml_text(struct ff_span line, const char *key, struct ff_span *ret)
{
	size_t n = strlen(key);
	if (!ff_span_starts(line, key))
		return false;
	struct ff_span rest = ff_span_trim((struct ff_span){line.p + n, line.n - n});
	if (!rest.n || rest.p[0] != '=')
		return false;
	rest = ff_span_trim((struct ff_span){rest.p + 1, rest.n - 1});
	char quote = rest.n ? rest.p[0] : 0;
	const char *end = quote == '"' || quote == '\'' ? memchr(rest.p + 1, quote, rest.n - 1) : NULL;
	if (!end)
		return false;
	*ret = (struct ff_span){rest.p + 1, (size_t)(end - rest.p - 1)};
	return true;
}

struct locked {
	struct ff_span name, version, index;
	unsigned line;
	unsigned markers, others; // how many, and how many of them are for other platforms
};

static void end_locked(struct locked *l, ff_pin_fn *each, void *arg)
{
	char exact[128];
	int n = snprintf(exact, sizeof(exact), "==%.*s", (int)(l->version.n < 100 ? l->version.n : 100),
		l->version.n ? l->version.p : "");
	if (l->markers && l->markers == l->others)
		l->name.n = 0;
	if (l->name.n && l->version.n && l->version.n < 100)
		each(arg, &(struct ff_pin){FF_PIN_PACKAGE, l->name, {exact, (size_t)n}, l->line});
	if (l->name.n && l->index.n)
		each(arg, &(struct ff_pin){FF_PIN_INDEX, l->name, l->index, l->line});
	*l = (struct locked){0};
}

static bool toggles_long_text(struct ff_span line)
{
	unsigned n = 0;
	for (size_t i = 0; i + 3 <= line.n; i++) {
		if (memcmp(line.p + i, "\"\"\"", 3) == 0 || memcmp(line.p + i, "'''", 3) == 0) {
			n++;
			i += 2;
		}
	}
	return n % 2;
}

static void note_marker(struct locked *l, struct ff_span marker)
{
	l->markers++;
	l->others += elsewhere(marker);
}

// "sys_platform == 'linux'",
static struct ff_span unquoted(struct ff_span s)
{
	size_t comma = s.n && s.p[s.n - 1] == ',';
	return s.n >= 2 + comma ? (struct ff_span){s.p + 1, s.n - 2 - comma} : s;
}

// A line of a package's table.
static void locked_line(struct locked *l, struct ff_span line, unsigned number, bool *in_markers)
{
	struct ff_span value;
	if (*in_markers && (line.p[0] == '"' || line.p[0] == '\''))
		note_marker(l, unquoted(line));
	*in_markers = ff_span_starts(line, "resolution-markers") || (*in_markers && line.p[0] != ']');
	if (toml_text(line, "name", &value)) {
		l->name = value;
		l->line = number;
	} else if (toml_text(line, "version", &value)) {
		l->version = value;
	} else if (toml_text(line, "index", &value) || ff_span_starts(line, "source")) {
		l->index = line;
	} else if (toml_text(line, "marker", &value) || toml_text(line, "markers", &value)) {
		note_marker(l, value);
	}
}

static void parse_lock(struct ff_span text, ff_pin_fn *each, void *arg)
{
	struct locked l = {0};
	struct ff_span line, value;
	bool inside = false, long_text = false, in_markers = false;
	for (unsigned number = 1; ff_span_next(&text, '\n', &line); number++) {
		bool was_long = long_text;
		long_text ^= toggles_long_text(line);
		line = ff_span_trim(line);
		if (was_long || !line.n)
			continue;
		if (line.p[0] == '[') {
			in_markers = false;
			end_locked(&l, each, arg);
			inside = ff_span_eq(line, "[[package]]") || ff_span_eq(line, "[[packages]]");
		} else if (!inside) {
			if (toml_text(line, "requires-python", &value) && ff_span_starts(value, "=="))
				each(arg,
					&(struct ff_pin){FF_PIN_PYTHON, {NULL, 0}, {value.p + 2, value.n - 2}, number});
		} else {
			locked_line(&l, line, number, &in_markers);
		}
	}
	end_locked(&l, each, arg);
}

void ff_pins_parse(enum ff_pins_kind kind, struct ff_span text, ff_pin_fn *each, void *arg)
{
	static void (*const parsers[FF_PINS_KINDS])(struct ff_span, ff_pin_fn *, void *) = {
		[FF_PINS_REQUIREMENTS] = parse_requirements,
		[FF_PINS_LOCK] = parse_lock,
		[FF_PINS_CONDA] = ff_pins_parse_conda,
		[FF_PINS_DOCKERFILE] = ff_pins_parse_dockerfile,
		[FF_PINS_COMPOSE] = ff_pins_parse_compose};
	parsers[kind](text, each, arg);
}
