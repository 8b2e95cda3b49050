// One object a line, without a JSON library: the launcher and the supervisor have none.
//
//	{"schema": "firstfix.event/1", "timestamp": "2026-11-23T03:14:03.123Z", "event.name": "firstfix.notice", "process.pid": 7, "body": "..."}
#include "base/logline.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

bool ff_logline_wanted(void)
{
	const char *mode = getenv("FIRSTFIX_LOG");
	struct ff_span word = ff_span_trim(ff_span_of(mode));
	return word.n == strlen("json") && strncasecmp(word.p, "json", word.n) == 0;
}

static void add_character(struct ff_buf *line, uint32_t c)
{
	if (c == '"' || c == '\\')
		ff_buf_printf(line, "\\%c", (int)c);
	else if (c == '\n')
		ff_buf_str(line, "\\n");
	else if (c >= 0x20 && c < 0x7f)
		ff_buf_char(line, (char)c);
	else if (c < 0x10000)
		ff_buf_printf(line, "\\u%04x", (unsigned)c);
	else
		ff_buf_printf(line, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (c >> 10)), (unsigned)(0xdc00 + (c & 0x3ff)));
}

static void add_string(struct ff_buf *line, struct ff_span text)
{
	ff_buf_char(line, '"');
	for (size_t i = 0; i < text.n;) {
		uint32_t c = 0xfffd;
		size_t n = ff_utf8_decode(text.p + i, text.n - i, &c);
		add_character(line, c);
		i += n ? n : 1;
	}
	ff_buf_char(line, '"');
}

void ff_logline_begin(struct ff_buf *line, const char *event)
{
	char now[FF_TIME_LEN];
	ff_clock_rfc3339(now);
	ff_buf_printf(line,
		"{\"schema\": \"firstfix.event/1\", \"timestamp\": \"%s\", \"event.name\": \"%s\", \"process.pid\": %d",
		now, event, (int)getpid());
}

void ff_logline_text(struct ff_buf *line, const char *key, struct ff_span text)
{
	if (!text.p)
		return;
	ff_buf_printf(line, ", \"%s\": ", key);
	add_string(line, text);
}

// A newline inside of a JSON string is always escaped, so each that stands there is layout, with the indentation behind
// it.
void ff_logline_document(struct ff_buf *line, const char *key, const char *json)
{
	ff_buf_printf(line, ", \"%s\": ", key);
	while (*json) {
		size_t n = strcspn(json, "\n");
		ff_buf_add(line, json, n);
		json += n;
		json += strspn(json, "\n\t ");
	}
}

void ff_logline_end(struct ff_buf *line)
{
	ff_buf_str(line, "}\n");
}
