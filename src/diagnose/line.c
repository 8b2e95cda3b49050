// Takes a line of a log apart: colours and control characters, carriage returns, JSON wrappers (docker's json-file,
// structured logs, journald -o json) and the prefixes of prefix.c. A prefix can stand before, inside and behind a
// wrapper, so the steps repeat a bounded number of times.
//
//	2026-01-02T03:04:05Z stdout F \e[36m(EngineCore_DP0 pid=164)\e[0m ERROR 01-02 03:04:05 [core.py:1] KeyError: 'x'
//	-> source "EngineCore_DP0 pid=164", level error, text "KeyError: 'x'"
#include "diagnose/line.h"

#include "base/json.h"
#include "diagnose/prefix.h"

#include <ctype.h>

enum { NESTING_MAX = 3, PIECES_MAX = 512 };

struct ff_liner {
	struct ff_prefixes *prefixes;
	char clean[NESTING_MAX + 1][FF_LINE_MAX]; // one a level of wrapping
};

struct reading {
	struct ff_liner *liner;
	uint64_t number;
	ff_line_fn *fn;
	void *context;
	unsigned pieces;
	struct ff_prefix carried; // what the wrapper around said
};

struct ff_error *ff_liner_create(struct ff_liner **ret)
{
	struct ff_liner *liner = calloc(1, sizeof(*liner));
	if (!liner)
		return &ff_enomem;
	struct ff_error *err = ff_prefixes_create(&liner->prefixes);
	if (err) {
		free(liner);
		return err;
	}
	*ret = liner;
	return NULL;
}

void ff_liner_destroy(struct ff_liner *liner)
{
	if (!liner)
		return;
	ff_prefixes_destroy(liner->prefixes);
	free(liner);
}

size_t ff_escape_length(const char *p, size_t n)
{
	size_t i = 2;
	if (n < 2)
		return n;
	if (p[1] == '[') { // CSI: parameters, then one final byte
		while (i < n && !(p[i] >= 0x40 && p[i] <= 0x7e))
			i++;
		return i < n ? i + 1 : n;
	}
	if (p[1] == ']' || p[1] == 'P' || p[1] == '_' || p[1] == '^') { // OSC and the like: up to BEL or ESC backslash
		while (i < n && p[i] != '\a' && p[i] != 0x1b)
			i++;
		return i < n && p[i] == 0x1b && i + 1 < n ? i + 2 : i < n ? i + 1 : n;
	}
	return 2;
}

// Colours and control characters out (C1 in its UTF-8 form too); a NUL becomes a space. Returns the new length.
static size_t clean(struct ff_span raw, char *to, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < raw.n && n < max;) {
		unsigned char c = (unsigned char)raw.p[i];
		if (c == 0x1b) {
			i += ff_escape_length(raw.p + i, raw.n - i);
			continue;
		}
		bool c1 = c == 0xc2 && i + 1 < raw.n && ((unsigned char)raw.p[i + 1] & 0xe0) == 0x80;
		if (c >= 0x20 ? c != 0x7f && !c1 : c == '\t')
			to[n++] = (char)c;
		else if (c == 0)
			to[n++] = ' ';
		i += c1 ? 2 : 1;
	}
	return n;
}

static void read_raw(struct reading *r, struct ff_span raw, unsigned depth);

// The texts of a structured line: the message first, then the exception that goes with it.
static const char *const message_keys[] = {"log", "message", "msg", "MESSAGE", "event", "text", "short_message"};
static const char *const exception_keys[] = {"exc_info", "exception", "stack_trace", "stacktrace", "traceback", "error",
	"stack", "full_message", "exc_text"};
static const char *const level_keys[] = {"level", "levelname", "severity", "lvl", "log.level", "PRIORITY"};

static const json_t *first_of(const json_t *object, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(object, keys[i]);
		if (json_is_string(value) || json_is_object(value))
			return value;
	}
	return NULL;
}

static void read_text(struct reading *r, const json_t *text, unsigned depth)
{
	if (json_is_object(text)) // {"exception": {"stacktrace": "..."}}
		text = first_of(text, exception_keys, sizeof(exception_keys) / sizeof(*exception_keys));
	if (!json_is_string(text))
		return;
	struct ff_span rest = {json_string_value(text), json_string_length(text)}, line;
	if (rest.n && rest.p[rest.n - 1] == '\n')
		rest.n--;
	while (r->pieces < PIECES_MAX && ff_span_next(&rest, '\n', &line))
		read_raw(r, line, depth);
}

static bool read_json(struct reading *r, struct ff_span text, unsigned depth)
{
	text = ff_span_trim(text);
	if (depth >= NESTING_MAX || text.n < 8 || text.p[0] != '{' || text.p[text.n - 1] != '}')
		return false;
	_cleanup_json_ json_t *doc = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);
	const json_t *from = doc;
	const json_t *message = first_of(doc, message_keys, sizeof(message_keys) / sizeof(*message_keys));
	if (!message && (from = json_object_get(doc, "fields")))
		message = first_of(from, message_keys, sizeof(message_keys) / sizeof(*message_keys));
	const json_t *exception = first_of(doc, exception_keys, sizeof(exception_keys) / sizeof(*exception_keys));
	if (!json_is_string(message) && !exception)
		return false;
	const json_t *level = first_of(doc, level_keys, sizeof(level_keys) / sizeof(*level_keys));
	enum ff_level said = ff_level_of(ff_span_of(json_string_value(level)));
	struct ff_prefix before = r->carried;
	if (said != FF_LEVEL_NONE)
		r->carried.level = said;
	read_text(r, message, depth + 1);
	read_text(r, exception, depth + 1);
	r->carried = before;
	return true;
}

// rich draws tracebacks in a box; what is in the box is the text.
static struct ff_span unbox(struct ff_span text)
{
	static const char bar[] = "\xe2\x94\x82"; // │
	if (!ff_span_starts(text, bar))
		return text;
	text.p += 3;
	text.n -= 3;
	while (text.n && isspace((unsigned char)text.p[text.n - 1]))
		text.n--;
	if (ff_span_ends(text, bar))
		text.n -= 3;
	while (text.n && isspace((unsigned char)text.p[text.n - 1]))
		text.n--;
	if (text.n && text.p[0] == ' ') {
		text.p++;
		text.n--;
	}
	return text;
}

static void read_piece(struct reading *r, struct ff_span text, unsigned depth)
{
	r->pieces++;
	if (read_json(r, text, depth))
		return;
	struct ff_prefix prefix = r->carried;
	struct ff_span rest = ff_prefixes_strip(r->liner->prefixes, text, &prefix);
	if (rest.n && rest.p != text.p && *rest.p == '{') {
		struct ff_prefix before = r->carried;
		r->carried = prefix;
		bool done = read_json(r, rest, depth);
		r->carried = before;
		if (done)
			return;
	}
	struct ff_line line = {
		.number = r->number,
		.text = unbox(rest),
		.whole = text,
		.source = {prefix.source, prefix.source_n},
		.level = prefix.level,
	};
	r->fn(&line, r->context);
}

static void read_raw(struct reading *r, struct ff_span raw, unsigned depth)
{
	struct ff_span piece;
	if (!raw.n)
		raw.p = "";
	while (raw.n && raw.p[raw.n - 1] == '\r')
		raw.n--;
	while (r->pieces < PIECES_MAX && ff_span_next(&raw, '\r', &piece)) {
		char *to = r->liner->clean[depth];
		read_piece(r, (struct ff_span){to, clean(piece, to, FF_LINE_MAX)}, depth);
	}
}

void ff_liner_read(struct ff_liner *liner, struct ff_span raw, uint64_t number, ff_line_fn *fn, void *context)
{
	struct reading r = {.liner = liner, .number = number, .fn = fn, .context = context};
	read_raw(&r, raw, 0);
}

enum ff_level ff_level_of(struct ff_span word)
{
	static const struct {
		const char *word;
		enum ff_level level;
	} levels[] = {
		{"D", FF_LEVEL_DEBUG},
		{"DEBUG", FF_LEVEL_DEBUG},
		{"TRACE", FF_LEVEL_DEBUG},
		{"7", FF_LEVEL_DEBUG},
		{"I", FF_LEVEL_INFO},
		{"INFO", FF_LEVEL_INFO},
		{"NOTICE", FF_LEVEL_INFO},
		{"6", FF_LEVEL_INFO},
		{"5", FF_LEVEL_INFO},
		{"W", FF_LEVEL_WARNING},
		{"WARN", FF_LEVEL_WARNING},
		{"WARNING", FF_LEVEL_WARNING},
		{"4", FF_LEVEL_WARNING},
		{"E", FF_LEVEL_ERROR},
		{"ERR", FF_LEVEL_ERROR},
		{"ERROR", FF_LEVEL_ERROR},
		{"3", FF_LEVEL_ERROR},
		{"EXCEPTION", FF_LEVEL_ERROR},
		{"F", FF_LEVEL_FATAL},
		{"C", FF_LEVEL_FATAL},
		{"FATAL", FF_LEVEL_FATAL},
		{"CRIT", FF_LEVEL_FATAL},
		{"CRITICAL", FF_LEVEL_FATAL},
		{"2", FF_LEVEL_FATAL},
		{"1", FF_LEVEL_FATAL},
		{"0", FF_LEVEL_FATAL},
		{"PANIC", FF_LEVEL_FATAL},
	};
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		if (word.n == strlen(levels[i].word) && strncasecmp(word.p, levels[i].word, word.n) == 0)
			return levels[i].level;
	}
	return FF_LEVEL_NONE;
}
