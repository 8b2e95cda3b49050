// openat2(RESOLVE_IN_ROOT), and the walk that stands in for it where a seccomp filter or an old kernel says
// ENOSYS/EPERM.
//
// The walk keeps the resolved path as text and opens every component O_NOFOLLOW from the root, so a link planted
// between two steps cannot lead out: it fails with ELOOP and is read as a link again.
#include "host/resolve.h"

#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { LINKS_MAX = 40 };

static int openat2_in_root(int root_fd, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT};
	return (int)syscall(__NR_openat2, root_fd, path, &how, sizeof(how));
}

int ff_open_in_root(int root_fd, const char *path, int flags)
{
	int fd = openat2_in_root(root_fd, path, flags);
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL))
		return fd;
	fd = ff_resolve_in_root(root_fd, path, flags, NULL);
	if (fd < 0)
		errno = -fd;
	return fd < 0 ? -1 : fd;
}

// "done" is the resolved prefix ("" is the root); "todo" what remains. Both are paths without a trailing slash.
struct walk {
	char done[PATH_MAX], todo[PATH_MAX];
	unsigned links;
};

static int walk_prepend(struct walk *w, const char *target, const char *rest)
{
	char joined[PATH_MAX];
	int n = snprintf(joined, sizeof(joined), "%s/%s", target, rest);
	if (n < 0 || (size_t)n >= sizeof(joined))
		return -ENAMETOOLONG;
	memcpy(w->todo, joined, (size_t)n + 1);
	if (target[0] == '/')
		w->done[0] = 0;
	return 0;
}

static int open_done(int root_fd, const char *done, int flags)
{
	int fd = root_fd < 0 ? open(done[0] ? done : "/", flags | O_NOFOLLOW)
			     : openat(root_fd, done[0] ? done + 1 : ".", flags | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int walk_step(int root_fd, struct walk *w, const char *name, size_t n, const char *rest, bool follow)
{
	size_t at = strlen(w->done);
	if (n == 2 && memcmp(name, "..", 2) == 0) {
		char *slash = strrchr(w->done, '/');
		if (slash)
			*slash = 0;
		return 0;
	}
	if (at + 1 + n >= sizeof(w->done))
		return -ENAMETOOLONG;
	w->done[at] = '/';
	memcpy(w->done + at + 1, name, n);
	w->done[at + 1 + n] = 0;
	if (!follow)
		return 0;
	char target[PATH_MAX];
	ssize_t len = root_fd < 0 ? readlink(w->done, target, sizeof(target) - 1)
				  : readlinkat(root_fd, w->done + 1, target, sizeof(target) - 1);
	if (len < 0)
		return errno == EINVAL ? 0 : -errno;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	target[len] = 0;
	w->done[at] = 0;
	return walk_prepend(w, target, rest);
}

int ff_resolve_in_root(int root_fd, const char *path, int flags, char **ret_path)
{
	struct walk w = {0};
	if (strlen(path) >= sizeof(w.todo))
		return -ENAMETOOLONG;
	strcpy(w.todo, path);
	for (;;) {
		char rest[PATH_MAX];
		const char *name = w.todo + strspn(w.todo, "/");
		size_t n = strcspn(name, "/");
		if (!n)
			break;
		strcpy(rest, name + n);
		if (n == 1 && name[0] == '.') {
			strcpy(w.todo, rest);
			continue;
		}
		char component[NAME_MAX + 1];
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(component, name, n);
		strcpy(w.todo, rest);
		bool last = !rest[strspn(rest, "/")];
		int err = walk_step(root_fd, &w, component, n, rest, !last || !(flags & O_NOFOLLOW));
		if (err)
			return err;
	}
	int fd = open_done(root_fd, w.done, flags);
	if (fd >= 0 && ret_path && !(*ret_path = strdup(w.done[0] ? w.done : "/"))) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}
