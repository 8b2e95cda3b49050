// Reads next-start.env of the state folder (src/cli/fix_record.c writes it).
//
//	BNB_CUDA_VERSION=121
//	LD_PRELOAD              (a name alone: taken out of the environment)
//
// Part of the launcher, so nothing but base may be linked to it.
#include "cli/next_start.h"

#include "base/complain.h"
#include "base/io.h"
#include "base/statedir.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { NEXT_START_MAX = 64 << 10 };

// Opened, ours and writable by nobody else; -1 otherwise.
static int open_own(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022))
		return fd;
	ff_complain("firstfix run: %s is not used: it is not a file that only this user can write", path);
	close(fd);
	return -1;
}

static void apply_line(char *line)
{
	char *eq = strchr(line, '=');
	if (!*line || eq == line)
		return;
	if (eq)
		*eq = 0;
	if (eq ? setenv(line, eq + 1, 1) : unsetenv(line))
		return;
	ff_complain("firstfix run: %s %s, as 'firstfix fix --apply' left it", eq ? "setting" : "without", line);
}

void ff_next_start_apply(void)
{
	_cleanup_free_ char *folder = NULL, *path = NULL;
	_cleanup_buf_ struct ff_buf text = {0};
	_cleanup_error_ struct ff_error *err = ff_statedir_path(NULL, &folder);
	if (err || asprintf(&path, "%s/next-start.env", folder) < 0)
		return;
	_cleanup_close_ int fd = open_own(path);
	if (fd < 0)
		return;
	err = ff_read_all(fd, path, NEXT_START_MAX, &text);
	for (char *line = text.p, *end; !err && line && *line; line = end + 1) {
		end = strchrnul(line, '\n');
		bool last = !*end;
		*end = 0;
		apply_line(line);
		if (last)
			break;
	}
}
