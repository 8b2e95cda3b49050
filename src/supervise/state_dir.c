// The state folder as the supervisor uses it.
//
// A folder that cannot be used must not keep a worker from starting: it is said once, tails then lie in memory and the
// incident goes to stderr:
//
//	firstfix: cannot write to /var/lib/firstfix: Read-only file system; incidents are only printed (FIRSTFIX_DIR names another folder)
#include "supervise/state_dir.h"

#include "base/safedir.h"
#include "base/statedir.h"
#include "supervise/say.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OLD_S = 7 * 24 * 3600, MOST_ENTRIES = 10000 };

static const char *const names[N_DIRS] = {
#define X(name) [DIR_##name] = #name,
	STATE_FOLDERS
#undef X
};

static int folder(int root, const char *name)
{
	if (mkdirat(root, name, 0700) && errno != EEXIST)
		return -errno;
	int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int error = fd < 0 ? -errno : 0;
	struct stat st;
	if (!error && (fstat(fd, &st) || ff_safedir_doubt(&st)))
		error = -EPERM; // somebody else can put files there
	if (!error && faccessat(root, name, W_OK | X_OK, AT_EACCESS))
		error = -errno;
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

static void unusable(struct state_dir *d, const char *what, const char *why)
{
	say("%s%s%s; incidents are only printed (FIRSTFIX_DIR names another folder)", what, *why ? ": " : "", why);
	d->path[0] = '\0';
}

void state_dir_open(struct state_dir *d)
{
	*d = (struct state_dir){0};
	memset(d->fd, -1, sizeof(d->fd));
	char *path;
	struct ff_error *error = ff_statedir_make(NULL, NULL, &path);
	if (error) {
		unusable(d, error->message, "");
		ff_error_destroy(error);
		return;
	}
	int n = snprintf(d->path, sizeof(d->path), "%s", path);
	int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	free(path);
	if (root < 0 || n >= (int)sizeof(d->path)) {
		unusable(d, "the state folder", strerror(root < 0 ? errno : ENAMETOOLONG));
		return;
	}
	for (int i = 0; i < N_DIRS && d->path[0]; i++) {
		d->fd[i] = folder(root, names[i]);
		if (d->fd[i] >= 0)
			continue;
		char full[512];
		snprintf(full, sizeof(full), "%s/%s", d->path, names[i]);
		unusable(d, full, strerror(-d->fd[i]));
		d->fd[i] = -1;
	}
	close(root);
}

bool state_dir_file(const struct state_dir *d, enum state_folder folder, const char *name, size_t n, char *ret)
{
	if (!d->path[0] || d->fd[folder] < 0)
		return false;
	int length = snprintf(ret, n, "%s/%s/%s", d->path, names[folder], name);
	return length > 0 && (size_t)length < n;
}

static void prune(int folder)
{
	int fd = folder < 0 ? -1 : dup(folder);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	time_t now = time(NULL);
	if (!dir)
		return;
	rewinddir(dir);
	struct dirent *e;
	for (int i = 0; i < MOST_ENTRIES && (e = readdir(dir)); i++) {
		struct stat st;
		if (!fstatat(folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) &&
			now - st.st_mtime > OLD_S)
			unlinkat(folder, e->d_name, 0);
	}
	closedir(dir);
}

void state_dir_prune(const struct state_dir *d)
{
	static const enum state_folder pruned[] = {DIR_tails, DIR_deaths, DIR_reports};
	for (size_t i = 0; i < sizeof(pruned) / sizeof(pruned[0]); i++)
		prune(d->fd[pruned[i]]);
}
