// Many loggers write an object a line, and no two agree on the keys: a table of them. The traceback often stands beside
// the message, as text or (structlog's dict_tracebacks) taken apart; then it is written as Python would have.
//
//	{"log":"KeyError: 'x'\n","stream":"stderr","time":"2026-01-02T03:04:05Z"}
//	time=2026-01-02T03:04:05Z level=ERROR source=server.go:1 msg="llama runner \"a\" terminated" error="exit status 2"
//	2026-01-02T03:04:05Z,worker-0,"KeyError: ""x"""
//	worker failed: 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nKeyError: 1\n'
//	        "textPayload": "KeyError: 'x'",
#include "log/unwrap.h"

#include "base/json.h"

#include <ctype.h>

enum { DEPTH_MAX = 4, DOCKER_PART = 16384, ESCAPED_LINES_MIN = 3 };

// In order of trust; those that are objects hold one of the others.
static const char *const message_keys[] = {"log", "message", "msg", "MESSAGE", "event", "text", "short_message",
	"textPayload", "line", "@message", "stringValue", "body", "Body", "fields", "jsonPayload", "attributes",
	"content", "record", NULL};
static const char *const exception_keys[] = {"exc_info", "exception", "exc_text", "stack_trace", "stacktrace",
	"traceback", "error_traceback", "error.stack_trace", "exception.stacktrace", "error.stack", "stack",
	"full_message", "stringValue", "error", "err", "error_message", "fields", "jsonPayload", "attributes", NULL};
static const char *const level_keys[] = {
	"level", "levelname", "severity", "lvl", "log.level", "severityText", "status", NULL};

// Of bunyan and pino.
static enum ff_level level_of_number(json_int_t n)
{
	static const enum ff_level levels[] = {
		FF_LEVEL_DEBUG, FF_LEVEL_DEBUG, FF_LEVEL_INFO, FF_LEVEL_WARNING, FF_LEVEL_ERROR, FF_LEVEL_FATAL};
	return n >= 10 && n <= 60 ? levels[n / 10 - 1] : FF_LEVEL_NONE;
}

static enum ff_level level_in(const json_t *doc)
{
	for (size_t i = 0; level_keys[i]; i++) {
		const json_t *value = json_object_get(doc, level_keys[i]);
		enum ff_level level = json_is_integer(value) ? level_of_number(json_integer_value(value))
							     : ff_level_of(ff_span_of(json_string_value(value)));
		if (level != FF_LEVEL_NONE)
			return level;
	}
	return FF_LEVEL_NONE;
}

// journald writes text with control characters as an array of its bytes.
static bool put_bytes(const json_t *array, struct ff_buf *out)
{
	const json_t *item;
	size_t i;
	json_array_foreach (array, i, item) {
		if (!json_is_integer(item) || json_integer_value(item) < 0 || json_integer_value(item) > 255)
			return false;
		ff_buf_char(out, (char)json_integer_value(item));
	}
	return json_array_size(array) > 0;
}

// One of structlog's stacks, as Python prints it.
static void put_stack(const json_t *stack, struct ff_buf *out)
{
	const json_t *frame;
	size_t i;
	const char *value = ff_json_text(stack, "exc_value");
	ff_buf_str(out, "Traceback (most recent call last):\n");
	json_array_foreach (json_object_get(stack, "frames"), i, frame) {
		const char *file = ff_json_text(frame, "filename"), *func = ff_json_text(frame, "name");
		int64_t line = 0;
		ff_json_int(frame, "lineno", &line);
		ff_buf_printf(out, "  File \"%s\", line %d, in %s\n", file ? file : "?", (int)line, func ? func : "?");
	}
	ff_buf_printf(out, "%s: %s", ff_json_text(stack, "exc_type"), value ? value : "");
}

// The first stack was raised last.
static bool put_stacks(const json_t *stacks, struct ff_buf *out)
{
	size_t n = json_array_size(stacks);
	if (!ff_json_text(json_array_get(stacks, 0), "exc_type"))
		return false;
	for (size_t i = n; i-- > 0;) {
		const json_t *stack = json_array_get(stacks, i);
		if (!ff_json_text(stack, "exc_type"))
			continue;
		put_stack(stack, out);
		if (i > 0)
			ff_buf_str(out,
				json_is_true(json_object_get(stack, "is_cause"))
					? "\n\nThe above exception was the direct cause of the following exception:\n\n"
					: "\n\nDuring handling of the above exception, another exception "
					  "occurred:\n\n");
	}
	return true;
}

static bool put_first(const json_t *object, const char *const *keys, unsigned depth, struct ff_buf *out);

// OpenTelemetry: [{"key": "exception.stacktrace", "value": {"stringValue": "..."}}]
static bool put_attributes(const json_t *list, const char *const *keys, unsigned depth, struct ff_buf *out)
{
	const json_t *item;
	size_t i;
	_cleanup_json_ json_t *object = json_object();
	json_array_foreach (list, i, item) {
		const char *key = ff_json_text(item, "key");
		if (key)
			json_object_set(object, key, json_object_get(item, "value"));
	}
	return put_first(object, keys, depth, out);
}

static bool put_value(const json_t *value, const char *const *keys, unsigned depth, struct ff_buf *out)
{
	if (json_is_string(value)) {
		ff_buf_add(out, json_string_value(value), json_string_length(value));
		return true;
	}
	if (depth >= DEPTH_MAX)
		return false;
	if (json_is_object(value))
		return put_first(value, keys, depth + 1, out);
	size_t before = out->n;
	if (put_bytes(value, out) || put_stacks(value, out))
		return true;
	out->n = before;
	return put_attributes(value, keys, depth + 1, out);
}

static bool put_first(const json_t *object, const char *const *keys, unsigned depth, struct ff_buf *out)
{
	for (size_t i = 0; keys[i]; i++) {
		const json_t *value = json_object_get(object, keys[i]);
		if (value && put_value(value, keys, depth, out))
			return true;
	}
	return false;
}

// The message, then the exception that goes with it, unless the message holds it already.
// A turn of a conversation or an entry of a data set: its text is no message of this log.
static bool is_sample(const json_t *doc)
{
	static const char *const keys[] = {
		"role", "prompt", "messages", "instruction", "question", "completion", "label"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (json_object_get(doc, keys[i]) && level_in(doc) == FF_LEVEL_NONE)
			return true;
	return false;
}

static bool unwrap_object(const json_t *doc, struct ff_unwrapped *ret)
{
	if (is_sample(doc))
		return false;
	struct ff_buf *out = &ret->text;
	bool message = put_first(doc, message_keys, 0, out);
	const json_t *log = json_object_get(doc, "log");
	bool docker = json_is_string(log) && json_object_get(doc, "stream") && json_object_get(doc, "time");
	ret->part = docker && json_string_length(log) >= DOCKER_PART && out->n && out->p[out->n - 1] != '\n';
	if (message && out->n && out->p[out->n - 1] == '\n')
		out->p[--out->n] = 0;
	_cleanup_buf_ struct ff_buf exception = {0};
	bool more = put_first(doc, exception_keys, 0, &exception) && exception.n;
	if (more && !(out->n && memmem(out->p, out->n, exception.p, exception.n))) {
		if (message)
			ff_buf_char(out, '\n');
		ff_buf_add(out, exception.p, exception.n);
	}
	ret->level = level_in(doc);
	return message || more;
}

static bool unwrap_json(struct ff_span text, struct ff_unwrapped *ret)
{
	if (text.n < 8 || text.p[0] != '{' || text.p[text.n - 1] != '}')
		return false;
	_cleanup_json_ json_t *doc = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);
	return doc && unwrap_object(doc, ret);
}

static bool known(struct ff_span key, const char *const *keys)
{
	for (size_t i = 0; keys[i]; i++) {
		if (ff_span_eq(key, keys[i]))
			return true;
	}
	return false;
}

// A line of an object that was printed over many: gcloud, aws, journalctl -o json-pretty.
static bool unwrap_member(struct ff_span text, enum ff_pretty *pretty, struct ff_unwrapped *ret)
{
	if (text.n && text.p[text.n - 1] == ',')
		text = ff_span_trim((struct ff_span){text.p, text.n - 1});
	if (*pretty == FF_PRETTY_OBJECT && text.n <= 2 && text.n && strchr("{}[]", text.p[0]))
		return true;
	const char *quote = text.n > 2 && text.p[0] == '"' ? memchr(text.p + 1, '"', text.n - 1) : NULL;
	struct ff_span key = {text.p + 1, quote ? (size_t)(quote - text.p) - 1 : 0};
	struct ff_span value =
		quote ? ff_span_trim((struct ff_span){quote + 1, text.n - key.n - 2}) : (struct ff_span){0};
	if (!key.n || !value.n || value.p[0] != ':') {
		*pretty = FF_PRETTY_NONE;
		return false;
	}
	if (!known(key, message_keys) && !known(key, exception_keys))
		return *pretty == FF_PRETTY_OBJECT;
	value = ff_span_trim((struct ff_span){value.p + 1, value.n - 1});
	_cleanup_json_ json_t *doc =
		json_loadb(value.p ? value.p : "", value.n, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (!json_is_string(doc))
		return *pretty == FF_PRETTY_OBJECT;
	*pretty = FF_PRETTY_OBJECT;
	ff_buf_add(&ret->text, json_string_value(doc), json_string_length(doc));
	return true;
}

// A line of an entry of journalctl -o verbose, or of -o export, which has no margin. Its message is said; further
// lines of it stand below its beginning, and nobody says the other fields, the line with time and cursor that begins
// an entry, or the empty one that ends it.
static bool unwrap_field(struct ff_span line, enum ff_pretty *pretty, struct ff_unwrapped *ret)
{
	static const char margin[] = "    ", message[] = "MESSAGE=";
	static const char below[] = "            "; // where the message began
	bool entry = *pretty == FF_PRETTY_ENTRY || *pretty == FF_PRETTY_MESSAGE;
	size_t key = ff_span_starts(line, margin) ? strlen(margin) : 0, begin = key;
	size_t lead = begin + strlen(message);
	struct ff_span own = {line.p + begin, line.n - begin};
	if (ff_span_starts(own, message) || (*pretty == FF_PRETTY_MESSAGE && ff_span_starts(line, below))) {
		*pretty = FF_PRETTY_MESSAGE;
		ff_buf_add(&ret->text, line.p + lead, line.n - lead);
		return true;
	}
	if (!entry)
		return false;
	while (key < line.n &&
		(isupper((unsigned char)line.p[key]) || isdigit((unsigned char)line.p[key]) || line.p[key] == '_'))
		key++;
	bool field = key > begin && key < line.n && line.p[key] == '=';
	bool cursor = line.n && line.p[line.n - 1] == ']' && memmem(line.p, line.n, " [s=", 4);
	*pretty = field || cursor || !line.n ? FF_PRETTY_ENTRY : FF_PRETTY_NONE;
	return field || cursor;
}

// Up to the end of a quotation when it is one. Returns how much was taken.
static size_t unescape(struct ff_span text, bool quoted, struct ff_buf *out)
{
	static const char from[] = "ntr\"'\\", to[] = "\n\t\r\"'\\";
	for (size_t i = 0; i < text.n; i++) {
		const char *at = text.p[i] == '\\' && i + 1 < text.n ? strchr(from, text.p[i + 1]) : NULL;
		if (quoted && text.p[i] == '"')
			return i + 1;
		ff_buf_char(out, at && *at ? to[at - from] : text.p[i]);
		i += at && *at;
	}
	return text.n;
}

static bool unwrap_logfmt(struct ff_span text, struct ff_unwrapped *ret)
{
	static const char *const first[] = {"time=", "ts=", "t=", "level=", "msg=\"", "source="};
	bool fits = false;
	for (size_t i = 0; strchr("tlms", text.p[0]) && i < sizeof(first) / sizeof(*first); i++)
		fits |= ff_span_starts(text, first[i]);
	const char *message = fits ? memmem(text.p, text.n, "msg=\"", 5) : NULL;
	if (!message)
		return false;
	const char *level = memmem(text.p, (size_t)(message - text.p), "level=", 6);
	struct ff_span rest = {level ? level + 6 : "", level ? (size_t)(message - level) - 6 : 0}, word;
	if (ff_span_next(&rest, ' ', &word))
		ret->level = ff_level_of(word);
	rest = (struct ff_span){message + 5, text.n - (size_t)(message - text.p) - 5};
	size_t taken = unescape(rest, true, &ret->text);
	// Other keys behind it belong to what is said (gpu_type=gfx803).
	ff_buf_add(&ret->text, rest.p + taken, rest.n - taken);
	return taken == rest.n || memchr(rest.p, '\\', taken);
}

// A line of a table exported by a log service: its last column is what was said.
static bool unwrap_csv(struct ff_span text, struct ff_unwrapped *ret)
{
	const char *from = text.p[text.n - 1] == '"' ? memmem(text.p, text.n, ",\"", 2) : NULL;
	if (!from || from + 3 > text.p + text.n)
		return false;
	for (const char *p = text.p; p < from; p++) {
		if (*p == '"' || *p == ' ' || *p == '(')
			return false;
	}
	for (const char *p = from + 2; p + 1 < text.p + text.n; p++) {
		ff_buf_char(&ret->text, *p);
		p += p[0] == '"' && p[1] == '"';
	}
	return true;
}

// The text at `at` stands in the value of a field that holds what a model or its user said: "content": "You get: ...
static bool somebody_said(struct ff_span text, const char *at)
{
	static const char *const fields[] = {"content", "text", "completion", "prompt", "output_text", "generated_text",
		"response_text", "answer", "question", "instruction", NULL};
	for (const char *p = at; p > text.p + 1; p--) {
		if ((*p != '"' && *p != '\'') || p[-1] == '\\')
			continue;
		const char *sign = p - 1;
		while (sign > text.p && (*sign == ' ' || *sign == 'b' || *sign == 'f' || *sign == 'r'))
			sign--;
		if (*sign != ':' && *sign != '=')
			continue;
		const char *end = sign, *from;
		while (end > text.p && strchr(" \\\"'", end[-1]))
			end--;
		for (from = end; from > text.p && (isalnum((unsigned char)from[-1]) || from[-1] == '_');)
			from--;
		return known((struct ff_span){from, (size_t)(end - from)}, fields);
	}
	return false;
}

// A traceback, or several lines, in one.
static bool unwrap_escaped(struct ff_span text, struct ff_unwrapped *ret)
{
	static const char end[] = "(most recent call last):\\n";
	size_t escapes = 0;
	const char *at = memchr(text.p, '\\', text.n), *stop = text.p + text.n;
	if (!at)
		return false;
	while (escapes < ESCAPED_LINES_MIN && (at = memmem(at, (size_t)(stop - at), "\\n", 2))) {
		escapes++;
		at += 2;
	}
	if (escapes < ESCAPED_LINES_MIN && !memmem(text.p, text.n, end, sizeof(end) - 1))
		return false;
	at = memmem(text.p, text.n, "\\n", 2);
	if (!at || somebody_said(text, at))
		return false;
	char quote = text.p[text.n - 1];
	const char *open = quote == '"' || quote == '\'' ? memchr(text.p, quote, text.n - 1) : NULL;
	if (open) { // before it stands who quotes
		ff_buf_printf(&ret->text, "%.*s\n", (int)(open - text.p), text.p);
		text = (struct ff_span){open + 1, (size_t)(text.p + text.n - open) - 2};
	}
	unescape(text, false, &ret->text);
	ret->text.n -= ret->text.n && ret->text.p[ret->text.n - 1] == '\n';
	return true;
}

bool ff_unwrap(struct ff_span line, enum ff_pretty *pretty, struct ff_unwrapped *ret)
{
	static bool (*const wrappers[])(struct ff_span, struct ff_unwrapped *) = {
		unwrap_json, unwrap_logfmt, unwrap_csv, unwrap_escaped};
	struct ff_span text = ff_span_trim(line);
	bool source = ff_span_starts(line, "    "); // of a program: may hold "\n", and means it
	ret->text.failed = false;
	ret->part = false;
	ret->text.n = 0;
	ret->level = FF_LEVEL_NONE;
	if (unwrap_field(line, pretty, ret))
		return !ret->text.failed;
	bool found = false;
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(*wrappers) - source && !found && text.n; i++) {
		ret->text.n = 0;
		found = wrappers[i](text, ret);
	}
	ret->text.n = found ? ret->text.n : 0;
	return (found || (text.n && unwrap_member(text, pretty, ret))) && !ret->text.failed;
}
