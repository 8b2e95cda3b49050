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

enum { OLD_S = 7 * 24 * 3600, MOST_ENTRIES = 10000, MOST_FILES = 1024, SHARE = 4 };

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

struct old_file {
	time_t at;
	off_t bytes;
	int folder; // descriptor
	char name[96];
};

// The newest so many are remembered; what is older than all of them goes at once.
static struct old_file files[MOST_FILES];

static bool is_in_use(int folder, const char *name)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool held = fd >= 0 && !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	return held;
}

static void drop(const struct old_file *f)
{
	if (!is_in_use(f->folder, f->name))
		unlinkat(f->folder, f->name, 0);
}

// Into the place of the oldest when there is no room.
static size_t keep(size_t n, const struct old_file *file)
{
	if (n < MOST_FILES) {
		files[n] = *file;
		return n + 1;
	}
	size_t oldest = 0;
	for (size_t i = 1; i < n; i++)
		if (files[i].at < files[oldest].at)
			oldest = i;
	bool newer = file->at > files[oldest].at;
	drop(newer ? &files[oldest] : file);
	if (newer)
		files[oldest] = *file;
	return n;
}

static size_t list(int folder, size_t n)
{
	int fd = folder < 0 ? -1 : dup(folder);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	time_t now = time(NULL);
	if (!dir)
		return n;
	rewinddir(dir);
	struct dirent *e;
	for (int i = 0; i < MOST_ENTRIES && (e = readdir(dir)); i++) {
		struct old_file f = {.folder = folder};
		struct stat st;
		if (strlen(e->d_name) >= sizeof(f.name) || fstatat(folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
			!S_ISREG(st.st_mode))
			continue;
		strcpy(f.name, e->d_name);
		f.at = st.st_mtime;
		f.bytes = (off_t)st.st_blocks * 512;
		if (now - st.st_mtime > OLD_S)
			drop(&f);
		else
			n = keep(n, &f);
	}
	closedir(dir);
	return n;
}

static int newest_first(const void *a, const void *b)
{
	const struct old_file *x = a, *y = b;
	return (x->at < y->at) - (x->at > y->at);
}

void state_dir_prune(const struct state_dir *d)
{
	struct {
		enum state_folder folder;
		unsigned most; // files
	} pruned[] = {{DIR_tails, 256}, {DIR_deaths, 256}, {DIR_reports, 32}, {DIR_tally, 256}, {DIR_open, 256},
		{DIR_agent, 64}};
	enum { N = sizeof(pruned) / sizeof(pruned[0]) };
	uint64_t bytes = 0, most = ff_statedir_max_bytes() / SHARE;
	size_t n = 0;
	for (size_t i = 0; i < N; i++)
		n = list(d->fd[pruned[i].folder], n);
	qsort(files, n, sizeof(files[0]), newest_first);
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < N - 1 && d->fd[pruned[k].folder] != files[i].folder)
			k++;
		bytes += (uint64_t)files[i].bytes;
		if (bytes > most || !pruned[k].most)
			drop(&files[i]);
		else
			pruned[k].most--;
	}
}
