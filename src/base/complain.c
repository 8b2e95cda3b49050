// One line, one write: lines of several processes do not mix.
#include "base/complain.h"

#include "base/clean.h"
#include "base/io.h"

#include <stdarg.h>
#include <stdio.h>

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
	ff_clean(&line, (struct ff_span){text, (size_t)n}, true);
	ff_buf_char(&line, '\n');
	free(text);
	if (!line.failed)
		ff_error_destroy(ff_write_all(STDERR_FILENO, "standard error", line.p, line.n));
}
