// Events for programs and persons, one a line.
//
//	2026-11-23 03:14:03.123  4711  firstfix.phase.end  firstfix.phase=request firstfix.outcome=ok firstfix.duration_ms=31.5
#include "emit/event.h"

#include "base/clean.h"

// These stand in front of the line, or are the same in every event.
static bool is_in_front(const char *key)
{
	static const char *const front[] = {"schema", "timestamp", "event.name", "process.pid", "thread.id"};
	for (size_t i = 0; i < sizeof(front) / sizeof(front[0]); i++)
		if (strcmp(key, front[i]) == 0)
			return true;
	return false;
}

static bool needs_quotes(const char *text)
{
	return !*text || strpbrk(text, " \t\n\"=");
}

static void put_value(struct ff_buf *out, const json_t *value, bool utf8)
{
	if (json_is_string(value)) {
		const char *text = json_string_value(value);
		bool quotes = needs_quotes(text);
		if (quotes)
			ff_buf_char(out, '"');
		ff_clean(out, ff_span_of(text), utf8);
		if (quotes)
			ff_buf_char(out, '"');
		return;
	}
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
	out->failed |= !text;
	ff_buf_str(out, text ? text : "");
	free(text);
}

static const char *text_of(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));
	return text ? text : "";
}

static void put_line(struct ff_buf *out, json_t *event, bool utf8)
{
	const char *time = text_of(event, "timestamp"), *key;
	json_t *value;
	if (strlen(time) >= 23)
		ff_buf_printf(out, "%.10s %.12s", time, time + 11);
	ff_buf_printf(out, "  %-7lld  ", (long long)json_integer_value(json_object_get(event, "process.pid")));
	ff_clean(out, ff_span_of(text_of(event, "event.name")), utf8);
	ff_buf_char(out, ' ');
	json_object_foreach (event, key, value) {
		if (is_in_front(key))
			continue;
		ff_buf_char(out, ' ');
		ff_clean(out, ff_span_of(key), utf8);
		ff_buf_char(out, '=');
		put_value(out, value, utf8);
	}
}

struct ff_error *ff_emit_event(
	const struct ff_shareable *event, enum ff_format format, const struct ff_style *style, char **ret)
{
	json_t *doc = (json_t *)ff_shareable_document(event); // json_object_foreach wants it so; nothing is changed
	if (format == FF_JSON) {
		char *text = json_dumps(doc, JSON_COMPACT | JSON_ENSURE_ASCII);
		if (!text)
			return &ff_enomem;
		*ret = text;
		return NULL;
	}
	_cleanup_buf_ struct ff_buf out = {0};
	put_line(&out, doc, style && style->utf8);
	return ff_buf_finish(&out, ret);
}
