// A host whose files are those of an image: answers out of its tree.
//
// How the source lies: of a packed image not every byte is kept; what was not is said to be unknown, never to be empty.
#include "base/io.h"
#include "host/internal.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>

static struct ff_error *find(struct ff_host *host, const char *path, bool follow, ff_tree_place *ret)
{
	ff_tree_place at = ff_tree_find(ff_image_tree(host->image), path, follow, NULL);
	if (at < 0)
		return ff_error_os((int)-at, "%s", path);
	*ret = at;
	return NULL;
}

struct ff_error *ff_view_stat(struct ff_host *host, const char *path, struct stat *ret)
{
	ff_tree_place at = 0;
	struct ff_error *err = find(host, path, true, &at);
	if (err)
		return err;
	const struct ff_tree_entry *e = ff_tree_at(ff_image_tree(host->image), at);
	*ret = (struct stat){.st_mode = e->mode,
		.st_uid = e->uid,
		.st_gid = e->gid,
		.st_size = (off_t)e->size,
		.st_blocks = (blkcnt_t)(e->size / 512),
		.st_nlink = 1,
		.st_ino = (ino_t)at + 1};
	return NULL;
}

// `whole`: holes where nobody looked would be taken for what the file says.
struct ff_error *ff_view_bytes(struct ff_host *host, const char *path, bool whole, struct ff_span *ret)
{
	ff_tree_place at = 0;
	struct ff_error *err = find(host, path, true, &at);
	if (err)
		return err;
	const struct ff_tree_entry *e = ff_tree_at(ff_image_tree(host->image), at);
	if (S_ISDIR(e->mode))
		return ff_error_os(EISDIR, "%s", path);
	if (!S_ISREG(e->mode))
		return ff_error_create(FF_EUNSUPPORTED, "%s: not a regular file", path);
	if ((whole && e->bytes.held == FF_TREE_PARTS) || !ff_image_bytes(host->image, e, ret))
		return ff_error_create(FF_EUNSUPPORTED, "%s: not kept of the packed image", path);
	return NULL;
}

// For who reads it piece by piece: a copy.
struct ff_error *ff_view_open(struct ff_host *host, const char *path, int *ret_fd)
{
	struct ff_span bytes = {0};
	struct ff_error *err = ff_view_bytes(host, path, true, &bytes);
	if (err)
		return err;
	_cleanup_close_ int fd = memfd_create("firstfix-image", MFD_CLOEXEC);
	if (fd < 0)
		return ff_error_os(errno, "memfd");
	err = ff_write_all(fd, path, bytes.p, bytes.n);
	if (!err && lseek(fd, 0, SEEK_SET) < 0)
		err = ff_error_os(errno, "memfd");
	if (!err)
		*ret_fd = ff_take_fd(&fd);
	return err;
}

struct ff_error *ff_view_link(struct ff_host *host, const char *path, const char **ret)
{
	ff_tree_place at = 0;
	struct ff_error *err = find(host, path, false, &at);
	if (err)
		return err;
	*ret = ff_tree_at(ff_image_tree(host->image), at)->link;
	return *ret ? NULL : ff_error_os(EINVAL, "%s", path);
}

struct ff_error *ff_view_realpath(struct ff_host *host, const char *path, char **ret)
{
	char resolved[PATH_MAX];
	ff_tree_place at = ff_tree_find(ff_image_tree(host->image), path, true, resolved);
	if (at < 0)
		return ff_error_os((int)-at, "%s", path);
	char *copy = strdup(resolved);
	if (!copy)
		return &ff_enomem;
	*ret = copy;
	return NULL;
}

struct ff_error *ff_view_list(struct ff_host *host, const char *path, size_t max, struct ff_names *ret)
{
	const struct ff_tree *tree = ff_image_tree(host->image);
	ff_tree_place folder = 0, at = 0;
	const char *name;
	size_t n = 0;
	struct ff_error *err = find(host, path, true, &folder);
	if (err)
		return err;
	if (!S_ISDIR(ff_tree_at(tree, folder)->mode))
		return ff_error_os(ENOTDIR, "%s", path);
	while ((at = ff_tree_next(tree, folder, at, &name)))
		n++;
	if (n > max)
		return ff_error_create(FF_ELIMIT, "%s: more than %zu entries", path, max);
	_cleanup_names_ struct ff_names names = {.names = calloc(n + 1, sizeof(char *))};
	while (names.names && (at = ff_tree_next(tree, folder, at, &name)) && (names.names[names.n] = strdup(name)))
		names.n++;
	if (names.n < n || !names.names)
		return &ff_enomem;
	*ret = names;
	names = (struct ff_names){0};
	return NULL;
}

// By the bits alone, as the kernel reads them: the owner's, else the group's, else all others'.
struct ff_error *ff_view_writable(struct ff_host *host, const char *path, bool *ret)
{
	struct stat st;
	int64_t uid, gid;
	const json_t *live = ff_image_live(host->image);
	if (!ff_json_int(live, "image.uid", &uid) || !ff_json_int(live, "image.gid", &gid))
		return ff_error_create(FF_EABSENT, "%s: who the image runs as is not known", path);
	struct ff_error *err = ff_view_stat(host, path, &st);
	if (err)
		return err;
	mode_t bit = (uid_t)uid == st.st_uid ? S_IWUSR : (gid_t)gid == st.st_gid ? S_IWGRP : S_IWOTH;
	*ret = uid == 0 || st.st_mode & bit;
	return NULL;
}
