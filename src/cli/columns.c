// The width of a terminal, asked anew each time: people change it.
#include "cli/columns.h"

#include "base/wrap.h"

#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_MIN = 40, COLUMNS_MAX = 120 };

int ff_columns(FILE *to)
{
	struct winsize size;
	if (!isatty(fileno(to)) || ioctl(fileno(to), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 0;
	return size.ws_col < COLUMNS_MIN ? COLUMNS_MIN : size.ws_col > COLUMNS_MAX ? COLUMNS_MAX : size.ws_col;
}

void ff_print_wrapped(FILE *to, const char *text, size_t indent, int at)
{
	_cleanup_buf_ struct ff_buf out = {0};
	const struct ff_wrap how = {.columns = indent == SIZE_MAX ? 0 : (size_t)ff_columns(to), .indent = indent};
	ff_wrap(&how, ff_span_of(text), at < 0 ? 0 : (size_t)at, &out);
	fprintf(to, "%s\n", out.failed || !out.p ? text : out.p);
}
