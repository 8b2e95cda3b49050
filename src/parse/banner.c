// Finds version texts in a library's bytes. glibc's banner is what running libc.so.6 prints; it tells 2.36 from 2.35
// even where the newest symbol version is older than the library, and names the distribution's build.
//
//	GNU C Library (Debian GLIBC 2.36-9+deb12u13) stable release version 2.36.
#include "parse/banner.h"

#include <ctype.h>

static bool find(struct ff_span *at, const char *text)
{
	const char *p = at->n ? memmem(at->p, at->n, text, strlen(text)) : NULL;
	if (!p)
		return false;
	p += strlen(text);
	*at = (struct ff_span){p, at->n - (size_t)(p - at->p)};
	return true;
}

static struct ff_span number_at(struct ff_span s)
{
	size_t n = 0;
	while (n < s.n && n < 32 && (isdigit((unsigned char)s.p[n]) || s.p[n] == '.'))
		n++;
	while (n && s.p[n - 1] == '.')
		n--;
	return (struct ff_span){s.p, n};
}

bool ff_glibc_banner(struct ff_span library, struct ff_span *ret_version, struct ff_span *ret_build)
{
	while (find(&library, "GNU C Library (")) {
		struct ff_span line = {library.p, library.n < 256 ? library.n : 256};
		const char *close = memchr(line.p, ')', line.n);
		if (!close)
			continue;
		struct ff_span build = {line.p, (size_t)(close - line.p)};
		if (!find(&line, "release version "))
			continue;
		struct ff_span version = number_at(line);
		if (!version.n)
			continue;
		*ret_version = version;
		*ret_build = build;
		return true;
	}
	return false;
}
