// Addresses of agents, from agent/NAME.url of the state folder: one line, the address and the agent's process.
//
//	http://127.0.0.1:9464 4711
//
// How it lies: an agent that was killed leaves its file behind, and its number may be another process's by now; who
// asks there then gets no answer, or another's.
#include "cli/agent_url.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/statedir.h"
#include "base/str.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

// The address in one agent's file, where that agent lives.
static bool read_address(int dir, const char *name, char ret[FF_AGENT_URL_MAX], struct timespec *ret_when)
{
	char text[FF_AGENT_URL_MAX + 32] = "", url[FF_AGENT_URL_MAX] = "";
	int pid = 0;
	struct stat st;
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0 || sscanf(text, "%319s %d", url, &pid) != 2 || pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH))
		return false;
	memcpy(ret, url, sizeof(url));
	*ret_when = st.st_mtim;
	return true;
}

bool ff_agent_url(const char *dir, char ret[FF_AGENT_URL_MAX])
{
	_cleanup_free_ char *state = NULL, *folder = NULL;
	_cleanup_error_ struct ff_error *err = ff_statedir_path(dir, &state);
	if (err || asprintf(&folder, "%s/agent", state) < 0)
		return false;
	_cleanup_closedir_ DIR *d = opendir(folder);
	struct timespec best = {0}, when;
	bool found = false;
	for (const struct dirent *e; d && (e = readdir(d));) {
		char url[FF_AGENT_URL_MAX];
		if (!ff_ends(e->d_name, ".url") || !read_address(dirfd(d), e->d_name, url, &when))
			continue;
		if (found && (when.tv_sec < best.tv_sec || (when.tv_sec == best.tv_sec && when.tv_nsec < best.tv_nsec)))
			continue;
		found = true;
		best = when;
		memcpy(ret, url, sizeof(url));
	}
	return found;
}
