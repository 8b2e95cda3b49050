// Finding firstfix-tool and firstfix-supervise: a relocated prefix, a wheel and a build tree all work without settings.
#include "cli/sibling.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

bool ff_sibling_self(char *ret, size_t n)
{
	ssize_t length = readlink("/proc/self/exe", ret, n - 1);
	if (length > 0) {
		ret[length] = 0;
		return true;
	}
	// A root without /proc: the path by which the kernel was asked, its links resolved.
	char path[PATH_MAX];
	const char *asked = (const char *)getauxval(AT_EXECFN);
	return asked && realpath(asked, path) && (size_t)snprintf(ret, n, "%s", path) < n;
}

bool ff_sibling_find(const char *name, const char *installed, char *ret, size_t n)
{
	static const char *const places[] = {"", "../libexec/firstfix/", "../supervise/", "../agent/", "../serve/"};
	char self[PATH_MAX];
	const char *slash = ff_sibling_self(self, sizeof(self)) ? strrchr(self, '/') : NULL;
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		int length = snprintf(ret, n, "%.*s/%s%s", (int)(slash - self), self, places[i], name);
		if (length > 0 && (size_t)length < n && access(ret, X_OK) == 0)
			return true;
	}
	snprintf(ret, n, "%s", installed);
	return access(ret, X_OK) == 0;
}
