// The bearer token that clients must show.
//
//	--token-file /run/secrets/firstfix
//	FIRSTFIX_TOKEN=c2VjcmV0
//
// How the world lies: a file of a secret ends with a newline as often as not, or is a FIFO that nobody writes to.
#include "agent/token.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ff_error *ff_token_read(const char *path, char ret[FF_TOKEN_MAX])
{
	const char *given = getenv("FIRSTFIX_TOKEN");
	if (path) {
		_cleanup_buf_ struct ff_buf text = {0};
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			return ff_error_os(errno, "%s", path);
		struct ff_error *err = ff_read_all(fd, path, FF_TOKEN_MAX - 1, &text);
		if (err)
			return err;
		struct ff_span token = ff_span_trim((struct ff_span){text.p, text.n});
		snprintf(ret, FF_TOKEN_MAX, "%.*s", (int)token.n, token.n ? token.p : "");
		if (!ret[0])
			return ff_error_create(FF_EUSAGE, "%s: the token is empty", path);
	} else if (given && *given) {
		if (strlen(given) >= FF_TOKEN_MAX)
			return ff_error_create(FF_EUSAGE, "FIRSTFIX_TOKEN is longer than %d bytes", FF_TOKEN_MAX - 1);
		snprintf(ret, FF_TOKEN_MAX, "%s", given);
	}
	unsetenv("FIRSTFIX_TOKEN");
	return NULL;
}
