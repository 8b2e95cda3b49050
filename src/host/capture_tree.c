// Makes a captured machine's tree. Links in it are copies of the machine's and may point anywhere, so nothing here ever
// follows one: every component is opened O_NOFOLLOW, from the captured root on. A path that meets a link where a folder
// should be (the machine changed meanwhile) is an error, not a way out.
#include "host/capture_tree.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

// Open the folder that a path lies in, making what is missing; *ret_name is the last component.
static struct ff_error *open_parent(int dir_fd, const char *path, int *ret_fd, const char **ret_name)
{
	_cleanup_close_ int at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	if (at < 0)
		return ff_error_os(errno, "%s", path);
	for (;;) {
		path += strspn(path, "/");
		size_t n = strcspn(path, "/");
		char name[NAME_MAX + 1];
		if (!path[n] || !path[n + strspn(path + n, "/")])
			break;
		if (n > NAME_MAX)
			return ff_error_os(ENAMETOOLONG, "%s", path);
		memcpy(name, path, n);
		name[n] = 0;
		if (strcmp(name, "..") == 0 || (mkdirat(at, name, 0755) < 0 && errno != EEXIST))
			return ff_error_os(errno, "%s", path);
		int next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return ff_error_os(errno, "%s", path);
		close(at);
		at = next;
		path += n;
	}
	*ret_fd = ff_take_fd(&at);
	*ret_name = path;
	return NULL;
}

struct ff_error *ff_tree_dir(int dir_fd, const char *path)
{
	_cleanup_close_ int at = -1;
	const char *name = "";
	struct ff_error *err = open_parent(dir_fd, path, &at, &name);
	if (!err && *name && mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		err = ff_error_os(errno, "%s", path);
	return err;
}

struct ff_error *ff_tree_link(int dir_fd, const char *path, const char *target)
{
	_cleanup_close_ int at = -1;
	const char *name = "";
	struct ff_error *err = open_parent(dir_fd, path, &at, &name);
	if (!err && symlinkat(target, at, name) < 0 && errno != EEXIST)
		err = ff_error_os(errno, "%s", path);
	return err;
}

struct ff_error *ff_tree_file(int dir_fd, const char *path, int *ret_fd, bool *ret_made)
{
	_cleanup_close_ int at = -1;
	const char *name = "";
	struct ff_error *err = open_parent(dir_fd, path, &at, &name);
	if (err)
		return err;
	const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(at, name, flags | O_CREAT | O_EXCL, 0644);
	bool made = fd >= 0;
	if (!made && errno == EEXIST)
		fd = openat(at, name, flags);
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	*ret_fd = fd;
	*ret_made = made;
	return NULL;
}
