// Dockerfiles, compose files and conda's environments: what they install, upon what, with which settings.
//
//	FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
//	ARG TORCH=2.6.0
//	RUN apt-get update && pip install --index-url https://download.pytorch.org/whl/cu124 "torch==${TORCH}" vllm
//	ENV HF_HOME=/models NVIDIA_VISIBLE_DEVICES=all
//
// YAML is read by its lines and their indentation: what these files hold in practice, never all that YAML is.
//
// How the source lies: variables stand for versions, lines go on behind a backslash with comments between, one RUN
// holds many commands, and a build argument has another value than its default.
#include "parse/chars.h"
#include "parse/pins.h"

enum { VARIABLES_MAX = 64, WORD_MAX_BYTES = 2048 };

struct variables {
	struct {
		char name[64], value[128];
	} of[VARIABLES_MAX];
	size_t n;
};

static struct ff_span value_of(const struct variables *v, struct ff_span name)
{
	for (size_t i = v->n; i-- > 0;) {
		if (ff_span_eq(name, v->of[i].name))
			return ff_span_of(v->of[i].value);
	}
	return (struct ff_span){NULL, 0};
}

static void remember(struct variables *v, struct ff_span name, struct ff_span value)
{
	if (v->n == VARIABLES_MAX || name.n >= sizeof(v->of[0].name) || value.n >= sizeof(v->of[0].value))
		return;
	memcpy(v->of[v->n].name, name.p, name.n);
	v->of[v->n].name[name.n] = 0;
	memcpy(v->of[v->n].value, value.n ? value.p : "", value.n);
	v->of[v->n++].value[value.n] = 0;
}

static bool is_name(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// $NAME, ${NAME}, ${NAME:-other}; false when one is not known.
static bool expand(const struct variables *v, struct ff_span text, struct ff_buf *ret)
{
	bool known = true;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '$') {
			ff_buf_char(ret, text.p[i]);
			continue;
		}
		bool braces = i + 1 < text.n && text.p[i + 1] == '{';
		size_t begin = i + 1 + braces, end = begin;
		while (end < text.n && is_name(text.p[end]))
			end++;
		struct ff_span value = value_of(v, (struct ff_span){text.p + begin, end - begin});
		const char *close = braces ? memchr(text.p + end, '}', text.n - end) : NULL;
		if (!value.n && close && close - (text.p + end) > 2 && memcmp(text.p + end, ":-", 2) == 0)
			value = (struct ff_span){text.p + end + 2, (size_t)(close - (text.p + end) - 2)};
		known &= value.n > 0;
		ff_buf_span(ret, value);
		i = close ? (size_t)(close - text.p) : end - 1;
	}
	return known;
}

// The next word of a shell's command line, quotes taken off; `ret_end` when a command ends before it.
static bool shell_word(struct ff_span *rest, struct ff_buf *ret, bool *ret_end)
{
	size_t i = 0;
	char quote = 0;
	ret->n = 0;
	*ret_end = false;
	for (; i < rest->n && (ff_is_blank(rest->p[i]) || strchr(";&|()\n", rest->p[i])); i++)
		*ret_end |= !ff_is_blank(rest->p[i]) || rest->p[i] == '\n';
	for (; i < rest->n && ret->n < WORD_MAX_BYTES; i++) {
		char c = rest->p[i];
		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? 0 : c;
			continue;
		}
		if (!quote && (ff_is_blank(c) || strchr(";&|()\n", c)))
			break;
		ff_buf_char(ret, c);
	}
	*rest = (struct ff_span){rest->p + i, rest->n - i};
	return ret->n || i;
}

// Options of pip that take a word of their own.
static const struct {
	const char *name;
	enum ff_pin_what what; // FF_PIN_SETTING: nobody asks for it
} with_value[] = {{"-i", FF_PIN_INDEX}, {"--index-url", FF_PIN_INDEX}, {"--extra-index-url", FF_PIN_INDEX},
	{"--index", FF_PIN_INDEX}, {"-f", FF_PIN_INDEX}, {"--find-links", FF_PIN_INDEX}, {"-r", FF_PIN_FILE},
	{"--requirement", FF_PIN_FILE}, {"-c", FF_PIN_SETTING}, {"-t", FF_PIN_SETTING}, {"--target", FF_PIN_SETTING},
	{"--python", FF_PIN_SETTING}, {"-p", FF_PIN_SETTING}, {"--prefix", FF_PIN_SETTING}, {"-e", FF_PIN_SETTING},
	{"--timeout", FF_PIN_SETTING}, {"--retries", FF_PIN_SETTING}, {"--trusted-host", FF_PIN_SETTING},
	{"--platform", FF_PIN_SETTING}, {"--torch-backend", FF_PIN_SETTING}};

struct command {
	enum { FF_WAIT, FF_PIP, FF_INSTALL } at;
	int option; // whose value the next word is, -1 for none
};

static void install_word(
	struct command *c, const struct variables *v, struct ff_span word, unsigned line, ff_pin_fn *each, void *arg)
{
	_cleanup_buf_ struct ff_buf text = {0};
	bool known = expand(v, word, &text);
	struct ff_span value = {text.p, text.n};
	if (c->option >= 0) {
		enum ff_pin_what what = with_value[c->option].what;
		c->option = -1;
		if (known && what != FF_PIN_SETTING)
			each(arg, &(struct ff_pin){what, {NULL, 0}, value, line});
		return;
	}
	for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++) {
		size_t n = strlen(with_value[i].name);
		if (ff_span_eq(value, with_value[i].name))
			c->option = (int)i;
		else if (known && with_value[i].what != FF_PIN_SETTING && ff_span_starts(value, with_value[i].name) &&
			value.n > n && value.p[n] == '=')
			each(arg,
				&(struct ff_pin){
					with_value[i].what, {NULL, 0}, {value.p + n + 1, value.n - n - 1}, line});
	}
	if (known && ff_span_starts(value, "--no-"))
		each(arg, &(struct ff_pin){FF_PIN_OPTION, {NULL, 0}, value, line});
	if (known && value.n && value.p[0] != '-' && value.p[0] != '.' && value.p[0] != '/')
		ff_pins_requirement(value, line, each, arg);
}

static void run(const struct variables *v, struct ff_span text, unsigned line, ff_pin_fn *each, void *arg)
{
	_cleanup_buf_ struct ff_buf word = {0};
	struct command c = {.option = -1};
	bool end;
	while (text.n && shell_word(&text, &word, &end)) {
		struct ff_span w = {word.p, word.n};
		if (end)
			c = (struct command){.option = -1};
		if (!w.n)
			continue;
		if (c.at == FF_INSTALL)
			install_word(&c, v, w, line, each, arg);
		else if (c.at == FF_PIP && ff_span_eq(w, "install")) {
			c.at = FF_INSTALL;
			each(arg, &(struct ff_pin){FF_PIN_STEP, {NULL, 0}, {NULL, 0}, line});
		} else if (ff_span_eq(w, "pip") || ff_span_eq(w, "pip3") || ff_span_ends(w, "/pip") ||
			ff_span_ends(w, "/pip3"))
			c.at = FF_PIP;
	}
}

// "A=1 B='x y'" or "A one value"
static void env(struct variables *v, struct ff_span text, bool argument, unsigned line, ff_pin_fn *each, void *arg)
{
	_cleanup_buf_ struct ff_buf word = {0}, plain = {0};
	bool end;
	const char *equals = memchr(text.p, '=', text.n), *blank = memchr(text.p, ' ', text.n);
	if (blank && (!equals || blank < equals)) {
		struct ff_span name = {text.p, (size_t)(blank - text.p)};
		struct ff_span value = ff_span_trim((struct ff_span){blank, text.n - name.n});
		if (expand(v, value, &plain))
			each(arg, &(struct ff_pin){FF_PIN_ENV, name, {plain.p, plain.n}, line});
		return;
	}
	while (text.n && shell_word(&text, &word, &end)) {
		const char *sign = word.n ? memchr(word.p, '=', word.n) : NULL;
		plain.n = 0;
		if (!sign || !expand(v, (struct ff_span){sign + 1, word.n - (size_t)(sign + 1 - word.p)}, &plain))
			continue;
		struct ff_span name = {word.p, (size_t)(sign - word.p)}, value = {plain.p, plain.n};
		remember(v, name, value);
		if (!argument)
			each(arg, &(struct ff_pin){FF_PIN_ENV, name, value, line});
	}
}

static void from(const struct variables *v, struct ff_span text, unsigned line, ff_pin_fn *each, void *arg)
{
	_cleanup_buf_ struct ff_buf word = {0}, plain = {0};
	bool end;
	while (text.n && shell_word(&text, &word, &end)) {
		struct ff_span w = {word.p, word.n};
		if (!w.n || ff_span_starts(w, "--"))
			continue;
		if (expand(v, w, &plain))
			each(arg, &(struct ff_pin){FF_PIN_IMAGE, {NULL, 0}, {plain.p, plain.n}, line});
		return;
	}
}

void ff_pins_parse_dockerfile(struct ff_span text, ff_pin_fn *each, void *arg)
{
	_cleanup_buf_ struct ff_buf joined = {0};
	struct ff_pins_lines lines = {text, 1};
	struct variables v = {.n = 0};
	unsigned line;
	while (ff_pins_line(&lines, &joined, &line)) {
		struct ff_span rest = ff_span_trim((struct ff_span){joined.p, joined.n});
		size_t n = 0;
		while (n < rest.n && !ff_is_blank(rest.p[n]))
			n++;
		struct ff_span word = ff_span_first(rest, n);
		rest = ff_span_trim((struct ff_span){rest.p + n, rest.n - n});
		if (!rest.n)
			continue;
		if (word.n == 4 && strncasecmp(word.p, "FROM", 4) == 0)
			from(&v, rest, line, each, arg);
		else if (word.n == 3 && strncasecmp(word.p, "RUN", 3) == 0)
			run(&v, rest, line, each, arg);
		else if (word.n == 3 && (strncasecmp(word.p, "ENV", 3) == 0 || strncasecmp(word.p, "ARG", 3) == 0))
			env(&v, rest, (word.p[0] | 0x20) == 'a', line, each, arg);
		else if (word.n == 4 && strncasecmp(word.p, "USER", 4) == 0)
			each(arg, &(struct ff_pin){FF_PIN_SETTING, FF_SPAN("user"), rest, line});
		else if (word.n == 3 && strncasecmp(word.p, "CMD", 3) == 0)
			each(arg, &(struct ff_pin){FF_PIN_SETTING, FF_SPAN("cmd"), rest, line});
		else if (word.n == 10 && strncasecmp(word.p, "ENTRYPOINT", 10) == 0)
			each(arg, &(struct ff_pin){FF_PIN_SETTING, FF_SPAN("entrypoint"), rest, line});
	}
}

// ---- YAML by its lines ----

struct yaml_line {
	size_t indent;
	bool item; // "- "
	struct ff_span key, value;
	unsigned number;
};

static struct ff_span unquoted(struct ff_span s)
{
	s = ff_span_trim(s);
	bool quoted = s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0];
	return quoted ? (struct ff_span){s.p + 1, s.n - 2} : s;
}

static bool yaml_next(struct ff_pins_lines *lines, struct yaml_line *ret)
{
	struct ff_span line;
	while (ff_span_next(&lines->rest, '\n', &line)) {
		unsigned number = lines->next++;
		size_t indent = 0;
		while (indent < line.n && line.p[indent] == ' ')
			indent++;
		struct ff_span rest = ff_span_trim((struct ff_span){line.p + indent, line.n - indent});
		for (size_t i = 0; i < rest.n; i++) {
			if (rest.p[i] == '#' && (i == 0 || ff_is_blank(rest.p[i - 1])))
				rest.n = i;
		}
		rest = ff_span_trim(rest);
		if (!rest.n || ff_span_starts(rest, "---"))
			continue;
		*ret = (struct yaml_line){.indent = indent, .number = number};
		ret->item = ff_span_starts(rest, "- ");
		if (ret->item)
			rest = ff_span_trim((struct ff_span){rest.p + 2, rest.n - 2});
		size_t colon = 0;
		while (colon < rest.n && !(rest.p[colon] == ':' && (colon + 1 == rest.n || rest.p[colon + 1] == ' ')))
			colon++;
		if (colon < rest.n) {
			ret->key = unquoted(ff_span_first(rest, colon));
			ret->value = unquoted((struct ff_span){rest.p + colon + 1, rest.n - colon - 1});
		} else {
			ret->value = unquoted(rest);
		}
		return true;
	}
	return false;
}

// "pytorch-cuda=12.1", "conda-forge::python=3.11.*", "numpy>=1.26"
static void conda_item(struct ff_span text, unsigned line, ff_pin_fn *each, void *arg)
{
	char exact[128];
	const char *colons = memmem(text.p, text.n, "::", 2);
	if (colons)
		text = (struct ff_span){colons + 2, text.n - (size_t)(colons + 2 - text.p)};
	size_t n = 0;
	while (n < text.n && !strchr("=<>!~ ", text.p[n]))
		n++;
	struct ff_span name = ff_span_first(text, n), rest = {text.p + n, text.n - n}, version;
	if (!name.n)
		return;
	if (!ff_span_starts(rest, "=")) {
		each(arg, &(struct ff_pin){FF_PIN_PACKAGE, name, ff_span_trim(rest), line});
		return;
	}
	while (rest.n && rest.p[0] == '=')
		rest = (struct ff_span){rest.p + 1, rest.n - 1};
	if (!ff_span_next(&rest, '=', &version) || !version.n || version.n > 100)
		return;
	if (ff_span_eq(name, "python"))
		each(arg, &(struct ff_pin){FF_PIN_PYTHON, {NULL, 0}, version, line});
	if (ff_span_eq(name, "pytorch-cuda") || ff_span_eq(name, "cuda-version"))
		each(arg, &(struct ff_pin){FF_PIN_CUDA, {NULL, 0}, version, line});
	size_t length = (size_t)snprintf(exact, sizeof(exact), "==%.*s", (int)version.n, version.p);
	if (ff_span_eq(name, "pytorch"))
		name = FF_SPAN("torch");
	each(arg, &(struct ff_pin){FF_PIN_PACKAGE, name, {exact, length}, line});
}

void ff_pins_parse_conda(struct ff_span text, ff_pin_fn *each, void *arg)
{
	struct ff_pins_lines lines = {text, 1};
	struct yaml_line y;
	size_t pip = SIZE_MAX;
	bool dependencies = false;
	while (yaml_next(&lines, &y)) {
		if (y.indent == 0 && !y.item)
			dependencies = ff_span_eq(y.key, "dependencies");
		if (!dependencies || !y.item)
			continue;
		if (pip != SIZE_MAX && y.indent <= pip)
			pip = SIZE_MAX;
		if (ff_span_eq(y.key, "pip"))
			pip = y.indent;
		else if (pip != SIZE_MAX && y.value.n && y.value.p[0] != '-' && !y.key.n)
			ff_pins_requirement(y.value, y.number, each, arg);
		else if (pip == SIZE_MAX && y.value.n && !y.key.n)
			conda_item(y.value, y.number, each, arg);
	}
}

void ff_pins_parse_compose(struct ff_span text, ff_pin_fn *each, void *arg)
{
	struct ff_pins_lines lines = {text, 1};
	struct yaml_line y;
	size_t environment = SIZE_MAX;
	while (yaml_next(&lines, &y)) {
		if (environment != SIZE_MAX && y.indent <= environment && !(y.item && y.indent == environment))
			environment = SIZE_MAX;
		if (environment != SIZE_MAX) {
			const char *equals = y.item && y.value.n ? memchr(y.value.p, '=', y.value.n) : NULL;
			if (equals) {
				struct ff_span name = {y.value.p, (size_t)(equals - y.value.p)};
				struct ff_span value = {equals + 1, y.value.n - name.n - 1};
				each(arg, &(struct ff_pin){FF_PIN_ENV, name, value, y.number});
			} else if (!y.item && y.key.n) {
				each(arg, &(struct ff_pin){FF_PIN_ENV, y.key, y.value, y.number});
			}
			continue;
		}
		bool gpu = (ff_span_eq(y.key, "driver") && ff_span_eq(y.value, "nvidia")) ||
			(ff_span_eq(y.key, "runtime") && ff_span_eq(y.value, "nvidia")) ||
			(ff_span_eq(y.key, "gpus") && y.value.n) ||
			(ff_span_eq(y.key, "capabilities") && memmem(y.value.p, y.value.n, "gpu", 3)) ||
			(y.item && ff_span_starts(y.value, "nvidia.com/gpu"));
		if (ff_span_eq(y.key, "environment"))
			environment = y.indent;
		else if (gpu)
			each(arg, &(struct ff_pin){FF_PIN_SETTING, FF_SPAN("gpu"), y.value, y.number});
		else if (ff_span_eq(y.key, "image") && y.value.n)
			each(arg, &(struct ff_pin){FF_PIN_IMAGE, {NULL, 0}, y.value, y.number});
		else if (ff_span_eq(y.key, "shm_size") || ff_span_eq(y.key, "user"))
			each(arg, &(struct ff_pin){FF_PIN_SETTING, y.key, y.value, y.number});
	}
}
