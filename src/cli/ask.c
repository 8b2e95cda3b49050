// Addresses of agents, from agent/NAME.url of the state folder: one line, the address, the agent's process, and the
// SHA-256 of its certificate where it speaks TLS.
//
//	http://127.0.0.1:9464 4711
//	https://127.0.0.1:9464 4711 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//
// How it lies: an agent that was killed leaves its file behind, and its number may be another process's by now; who
// asks there then gets no answer, or another's.
#include "cli/ask.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/statedir.h"
#include "base/str.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

// The address in one agent's file, where that agent lives.
static bool read_address(int dir, const char *name, struct ff_ask *ret, struct timespec *ret_when)
{
	char text[FF_AGENT_URL_MAX + FF_TLS_PIN_LEN + 32] = "";
	struct ff_ask found = *ret;
	int pid = 0;
	struct stat st;
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ? -1 : read(fd, text, sizeof(text) - 1);
	found.url[0] = found.pin[0] = '\0';
	if (n <= 0 || sscanf(text, "%319s %d %64s", found.url, &pid, found.pin) < 2 || pid <= 0 ||
		(kill(pid, 0) < 0 && errno == ESRCH))
		return false;
	*ret = found;
	*ret_when = st.st_mtim;
	return true;
}

// The newest agent that lives and runs with this state folder.
static void find(struct ff_ask *ask)
{
	_cleanup_free_ char *state = NULL, *folder = NULL;
	_cleanup_error_ struct ff_error *err = ff_statedir_path(ask->dir, &state);
	if (err || asprintf(&folder, "%s/agent", state) < 0)
		return;
	_cleanup_closedir_ DIR *d = opendir(folder);
	struct timespec best = {0}, when;
	for (const struct dirent *e; d && (e = readdir(d));) {
		struct ff_ask one = *ask;
		if (!ff_ends(e->d_name, ".url") || !read_address(dirfd(d), e->d_name, &one, &when))
			continue;
		if (ask->url[0] &&
			(when.tv_sec < best.tv_sec || (when.tv_sec == best.tv_sec && when.tv_nsec < best.tv_nsec)))
			continue;
		best = when;
		*ask = one;
	}
}

static void give(const char *name, const char *value)
{
	if (value && *value)
		setenv(name, value, 1);
}

struct ff_parsed ff_ask_parse(const struct ff_usage *usage, int argc, char **argv, struct ff_ask *ask)
{
	struct ff_parsed parsed = ff_options_parse(usage, argc, argv);
	if (parsed.leave)
		return parsed;
	const char *url = parsed.n_operands ? parsed.operands[0] : NULL;
	size_t n = url ? strlen(url) : 0;
	while (n && url[n - 1] == '/')
		n--;
	if (n >= sizeof(ask->url)) {
		parsed.leave = true;
		parsed.exit_code = ff_usage_error(usage->command, "the address is too long");
	} else if (url) {
		snprintf(ask->url, sizeof(ask->url), "%.*s", (int)n, url);
	} else {
		find(ask);
	}
	free(parsed.operands);
	parsed.operands = NULL;
	give("FIRSTFIX_TLS_CA", ask->ca);
	give("FIRSTFIX_CLIENT_CERT", ask->certificate);
	give("FIRSTFIX_CLIENT_KEY", ask->key);
	unsetenv("FIRSTFIX_TLS_PIN");
	give("FIRSTFIX_TLS_PIN", ask->pin);
	return parsed;
}
