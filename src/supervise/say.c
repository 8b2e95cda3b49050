// Messages on our stderr, with the rule that a terminal which takes nothing must not hold us up.
#include "supervise/say.h"

#include "base/clean.h"
#include "base/logline.h"
#include "supervise/out.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int raw_lines;
static struct ff_buf block; // with FIRSTFIX_LOG=json: the text of a block that is not complete
static bool in_block;

void say_raw(int raw)
{
	raw_lines = raw;
}

static void put(const char *line, size_t n)
{
	static struct out err = {.fd = -1};
	if (err.fd < 0)
		out_init(&err, STDERR_FILENO);
	struct iovec iov = {(char *)line, n};
	for (int tries = 0; iov.iov_len && tries < 4 && err.way != OUT_CLOSED; tries++) {
		ssize_t done = out_write(&err, &iov, 1);
		if (done > 0) {
			iov.iov_base = (char *)iov.iov_base + done;
			iov.iov_len -= (size_t)done;
		} else if (done == -EAGAIN) {
			struct pollfd p = {.fd = err.fd, .events = POLLOUT};
			poll(&p, 1, 25);
		} else {
			return;
		}
	}
}

static void put_object(const char *event, struct ff_span body)
{
	_cleanup_buf_ struct ff_buf line = {0};
	ff_logline_begin(&line, event);
	ff_logline_text(&line, "body", body);
	ff_logline_end(&line);
	if (line.failed)
		return;
	put(line.p, line.n - 1);
	put(raw_lines ? "\r\n" : "\n", raw_lines ? 2 : 1);
}

// The text of a message holds paths, arguments and names that others chose.
static __attribute__((format(printf, 2, 0))) void vsay(const char *prefix, const char *format, va_list args)
{
	char text[2048];
	_cleanup_buf_ struct ff_buf line = {0};
	int n = vsnprintf(text, sizeof(text), format, args);
	if (n < 0)
		return;
	struct ff_span said = {text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1};
	if (ff_logline_wanted() && !in_block) {
		put_object("firstfix.notice", said);
		return;
	}
	ff_buf_str(&line, prefix);
	ff_clean(&line, said, true);
	if (in_block) {
		ff_buf_printf(&block, "%.*s\n", (int)line.n, line.p ?: "");
		return;
	}
	ff_buf_str(&line, raw_lines ? "\r\n" : "\n");
	if (!line.failed)
		put(line.p, line.n);
}

void say_begin(void)
{
	in_block = ff_logline_wanted();
}

void say_end(const char *event)
{
	if (in_block)
		put_object(event, (struct ff_span){block.p ?: "", block.n});
	in_block = false;
	ff_buf_deinit(&block);
}

void say_bytes(const char *text, size_t n)
{
	if (in_block) {
		ff_buf_add(&block, text, n);
		return;
	}
	while (n) {
		const char *end = raw_lines ? memchr(text, '\n', n) : NULL;
		size_t length = end ? (size_t)(end - text) : n;
		if (length)
			put(text, length);
		if (end)
			put("\r\n", 2);
		n -= length + (end ? 1 : 0);
		text += length + (end ? 1 : 0);
	}
}

void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsay("firstfix: ", format, args);
	va_end(args);
}

void say_plain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsay("", format, args);
	va_end(args);
}
