// Walks a path from the root, one folder at a time, with descriptors and O_NOFOLLOW. Links on the way must be root's or
// ours. The folders on the way may be anybody's (a volume of a pod has mode 0777): who can rename in them can put
// another folder in place of ours, and then finds that its owner and each file's owner is looked at, and that he cannot
// guess the names of files.
//
//	/srv/state -> /data/state: the link is root's; /data/state belongs to uid 1000: refused for root
#include "base/safedir.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdlib.h>

enum { LINKS_MAX = 40, PARTS_MAX = 256 };

struct walk {
	int fd;		    // of the folder reached
	struct ff_buf path; // its path, without links; empty for the root
	char *rest;	    // what is still to be walked, heap
	unsigned links;
};

static void cleanup_walk(struct walk *w)
{
	ff_cleanup_close(&w->fd);
	ff_buf_deinit(&w->path);
	free(w->rest);
}

// In a user namespace the owners outside of it all look like one user, whom nobody inside can become.
static bool is_outside(uid_t uid)
{
	unsigned long long first, outer, count;
	_cleanup_fclose_ FILE *f = fopen("/proc/self/uid_map", "re");
	if (!f)
		return false;
	while (fscanf(f, "%llu %llu %llu", &first, &outer, &count) == 3)
		if (uid >= first && uid - first < count)
			return false;
	return true;
}

static bool is_trusted(uid_t uid)
{
	return uid == geteuid() || uid == 0 || is_outside(uid);
}

// A group may stand for one user (Debian's private groups) and is how volumes are shared, so it matters to root only.
const char *ff_safedir_doubt(const struct stat *st)
{
	if (!is_trusted(st->st_uid))
		return "belongs to another user";
	if (st->st_mode & S_IWOTH)
		return "is writable by everybody";
	if ((st->st_mode & S_IWGRP) && geteuid() == 0 && st->st_gid != 0)
		return "is writable by a group";
	return NULL;
}

static struct ff_error *refuse(const char *path, const char *doubt, const struct stat *st)
{
	return ff_error_create(FF_EDENIED,
		"%s %s (uid %u, gid %u, mode %04o; we are uid %u); a new folder inside it will do", path, doubt,
		st->st_uid, st->st_gid, st->st_mode & 07777, geteuid());
}

static struct ff_error *from_root(struct walk *w)
{
	ff_cleanup_close(&w->fd);
	ff_buf_deinit(&w->path);
	w->path = (struct ff_buf){0};
	w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w->fd < 0 ? ff_error_os(errno, "/") : NULL;
}

static struct ff_error *follow(struct walk *w, int link, const struct stat *st, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
	if (!is_trusted(st->st_uid))
		return refuse(name, "is a link that belongs to another user", st);
	if (n <= 0 || ++w->links > LINKS_MAX)
		return ff_error_os(n <= 0 ? errno : ELOOP, "%s", name);
	target[n] = '\0';
	char *rest = NULL;
	if (asprintf(&rest, "%s/%s", target, w->rest) < 0)
		return &ff_enomem;
	free(w->rest);
	w->rest = rest;
	return target[0] == '/' ? from_root(w) : NULL;
}

static struct ff_error *go_up(struct walk *w)
{
	int fd = openat(w->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ff_error_os(errno, "%s/..", w->path.p);
	close(w->fd);
	w->fd = fd;
	while (w->path.n && w->path.p[--w->path.n] != '/')
		;
	if (w->path.p)
		w->path.p[w->path.n] = '\0';
	return NULL;
}

static struct ff_error *enter(struct walk *w, const char *name)
{
	_cleanup_free_ char *full = NULL;
	struct stat st;
	if (asprintf(&full, "%s/%s", w->path.n ? w->path.p : "", name) < 0)
		return &ff_enomem;
	int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = openat(w->fd, name, flags);
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(w->fd, name, 0700) < 0 && errno != EEXIST)
			return ff_error_os(errno, "cannot make the folder %s", full);
		fd = openat(w->fd, name, flags);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return ff_error_os(errno, "%s", full);
	if (S_ISLNK(st.st_mode))
		return follow(w, fd, &st, full);
	if (!S_ISDIR(st.st_mode))
		return ff_error_os(ENOTDIR, "%s", full);
	close(w->fd);
	w->fd = ff_take_fd(&fd);
	ff_buf_printf(&w->path, "/%s", name);
	return w->path.failed ? &ff_enomem : NULL;
}

static struct ff_error *step(struct walk *w)
{
	char name[NAME_MAX + 1];
	const char *from = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(from, "/");
	if (n > NAME_MAX)
		return ff_error_os(ENAMETOOLONG, "%s", from);
	memcpy(name, from, n);
	name[n] = '\0';
	memmove(w->rest, from + n, strlen(from + n) + 1);
	if (!n || strcmp(name, ".") == 0)
		return NULL;
	return strcmp(name, "..") == 0 ? go_up(w) : enter(w, name);
}

struct ff_error *ff_safedir_open(const char *path, char **ret_path)
{
	FF_CLEANUP(cleanup_walk) struct walk w = {.fd = -1, .rest = strdup(path)};
	struct stat st;
	struct ff_error *err = w.rest ? from_root(&w) : &ff_enomem;
	for (int i = 0; !err && w.rest[0]; i++)
		err = i < PARTS_MAX ? step(&w) : ff_error_os(ENAMETOOLONG, "%s", path);
	if (err)
		return err;
	const char *reached = w.path.n ? w.path.p : "/";
	if (fstat(w.fd, &st) < 0)
		return ff_error_os(errno, "%s", reached);
	const char *doubt = ff_safedir_doubt(&st);
	if (doubt)
		return refuse(reached, doubt, &st);
	if (faccessat(AT_FDCWD, reached, W_OK | X_OK, AT_EACCESS) < 0)
		return ff_error_os(errno, "cannot write to %s", reached);
	*ret_path = strdup(reached);
	return *ret_path ? NULL : &ff_enomem;
}

// Such a name is a link that only the kernel makes; what it leads to is looked at all the same.
static bool is_descriptor(const char *path)
{
	const char *slash = strrchr(path, '/');
	return ff_starts(path, "/proc/") && slash && slash - path > 3 && strncmp(slash - 3, "/fd", 3) == 0;
}

struct ff_error *ff_safe_file_open(const char *path, int *ret)
{
	struct stat st;
	int follow_flag = is_descriptor(path) ? 0 : O_NOFOLLOW;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | follow_flag);
	if (fd < 0 || fstat(fd, &st) < 0)
		return ff_error_os(errno, "%s", path);
	bool in_memory = st.st_nlink == 0;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink > 1 || (!in_memory && (st.st_mode & 022)))
		return ff_error_create(FF_EDENIED, "%s is not a file that only we can have written (uid %u, mode %04o)",
			path, st.st_uid, st.st_mode & 07777);
	*ret = ff_take_fd(&fd);
	return NULL;
}
