// One line, one write: lines of several processes do not mix.
#include "base/complain.h"

#include "base/clean.h"
#include "base/io.h"
#include "base/logline.h"

#include <stdarg.h>
#include <stdio.h>

static bool as_objects;

void ff_complain_as_asked(void)
{
	as_objects = ff_logline_wanted();
}

static void lay_out(struct ff_buf *line, struct ff_span text)
{
	if (as_objects) {
		static const char ours[] = "firstfix: ";
		size_t skip = ff_span_starts(text, ours) ? sizeof(ours) - 1 : 0;
		ff_logline_begin(line, "firstfix.notice");
		ff_logline_text(line, "body", (struct ff_span){text.p + skip, text.n - skip});
		ff_logline_end(line);
	} else {
		ff_clean(line, text, true);
		ff_buf_char(line, '\n');
	}
}

void ff_complain(const char *format, ...)
{
	_cleanup_buf_ struct ff_buf line = {0};
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		return;
	lay_out(&line, (struct ff_span){text, (size_t)n});
	free(text);
	if (!line.failed)
		ff_error_destroy(ff_write_all(STDERR_FILENO, "standard error", line.p, line.n));
}
