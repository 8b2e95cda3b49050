// Making and releasing errors. A message that cannot be allocated becomes ff_enomem: an error is never lost.
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_MAX = 4200 }; // a path and an offset

struct ff_error ff_enomem = {.code = FF_ENOMEM, .message = (char *)"out of memory"};

static struct ff_error *wrap(enum ff_code code, int errnum, char *message)
{
	struct ff_error *err = message ? malloc(sizeof(*err)) : NULL;
	if (!err) {
		free(message);
		return &ff_enomem;
	}
	*err = (struct ff_error){.code = code, .errnum = errnum, .message = message};
	return err;
}

__attribute__((format(printf, 1, 0))) static char *vtext(const char *format, va_list ap)
{
	char *text = NULL;
	if (vasprintf(&text, format, ap) < 0)
		return NULL;
	return text;
}

struct ff_error *ff_error_create(enum ff_code code, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	char *text = vtext(format, ap);
	va_end(ap);
	return wrap(code, 0, text);
}

static enum ff_code code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
	case ENODEV:
	case ENXIO:
	case ESRCH:
		return FF_EABSENT;
	case EACCES:
	case EPERM:
		return FF_EDENIED;
	case ENOSYS:
	case EOPNOTSUPP:
		return FF_EUNSUPPORTED;
	case ETIMEDOUT:
		return FF_ETIMEOUT;
	case ENOMEM:
		return FF_ENOMEM;
	default:
		return FF_EOS;
	}
}

// "before: after"; `own` is freed. NULL without memory.
static char *joined(const char *before, const char *after, char *own)
{
	char *text = NULL;
	if (before && after && asprintf(&text, "%s: %s", before, after) < 0)
		text = NULL;
	free(own);
	return text;
}

struct ff_error *ff_error_os(int errnum, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	char *what = vtext(format, ap);
	va_end(ap);
	return wrap(code_of_errno(errnum), errnum, joined(what, strerror(errnum), what));
}

struct ff_error *ff_error_format(const char *file, uint64_t offset, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	char *what = vtext(format, ap);
	va_end(ap);
	char place[PLACE_MAX];
	snprintf(place, sizeof(place), "%s: at 0x%llx", file, (unsigned long long)offset);
	return wrap(FF_EFORMAT, 0, joined(place, what, what));
}

const char *ff_code_name(enum ff_code code)
{
	static const char *const names[] = {
		[FF_EABSENT] = "missing",
		[FF_EDENIED] = "denied",
		[FF_EUNSUPPORTED] = "missing",
		[FF_ETIMEOUT] = "timeout",
		[FF_ECRASH] = "crash",
		[FF_EFORMAT] = "error",
		[FF_ELIMIT] = "error",
		[FF_EUSAGE] = "error",
		[FF_EOS] = "error",
		[FF_ENOMEM] = "error",
	};
	return names[code];
}

void ff_error_destroy(struct ff_error *err)
{
	if (!err || err == &ff_enomem)
		return;
	free(err->message);
	free(err);
}
