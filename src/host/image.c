// Opens an image: where its bytes come from. An archive that is not packed is mapped: only what is asked for is read of
// it, so ten gigabytes take as long as their headers. What is packed or comes through a pipe goes by once.
//
// How the source lies: a name may be that of a file, of a folder and of an image; docker may be there and not run.
#include "host/command.h"
#include "host/image_private.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { BLOCK = 1 << 20, SAVE_MS = 3600000 };

static void unmap(struct ff_image_map *map, bool has_file)
{
	if (!map->p || map->borrowed)
		return;
	munmap(map->p, map->n);
	if (has_file)
		close(map->fd);
}

void ff_image_destroy(struct ff_image *image)
{
	if (!image)
		return;
	ff_image_members_deinit(image);
	for (size_t i = 0; i < image->suspects_n; i++) {
		free(image->suspects[i].path);
		free(image->suspects[i].layer);
	}
	for (uint32_t i = 0; i < image->maps_n; i++)
		unmap(&image->maps[i], i > 0);
	if (image->u.spool >= 0)
		close(image->u.spool);
	if (image->layout_fd >= 0)
		close(image->layout_fd);
	ff_tree_destroy(image->tree);
	json_decref(image->live);
	free(image->folder);
	free(image->name);
	free(image);
}

const char *ff_image_folder(const struct ff_image *image)
{
	return image->folder;
}

const struct ff_tree *ff_image_tree(const struct ff_image *image)
{
	return image->tree;
}

json_t *ff_image_live(const struct ff_image *image)
{
	return image->live;
}

bool ff_image_bytes(const struct ff_image *image, const struct ff_tree_entry *entry, struct ff_span *ret)
{
	const struct ff_tree_bytes *bytes = &entry->bytes;
	if (bytes->held == FF_TREE_NOTHING)
		return false;
	if (entry->size == 0) {
		*ret = (struct ff_span){"", 0};
		return true;
	}
	const struct ff_image_map *map = &image->maps[bytes->map];
	if (!map->p || bytes->at > map->n || entry->size > map->n - bytes->at)
		return false;
	*ret = (struct ff_span){(const char *)map->p + bytes->at, (size_t)entry->size};
	return true;
}

bool ff_image_suspect(const struct ff_image *image, size_t index, const char **ret_path, const char **ret_layer,
	bool *ret_gone, struct ff_span *ret_bytes)
{
	if (index >= image->suspects_n)
		return false;
	const struct ff_image_suspect *s = &image->suspects[index];
	*ret_path = s->path;
	*ret_layer = s->layer;
	*ret_gone = ff_tree_find(image->tree, s->path, false, NULL) < 0;
	if (!ff_image_bytes(image, &s->entry, ret_bytes))
		*ret_bytes = (struct ff_span){NULL, 0};
	return true;
}

// A file that is still being written, or fetched again, is read in part from the old and in part from the new; what
// reads behind the end of one that was cut short gets SIGBUS (cli/interrupt.h).
struct ff_error *ff_image_unchanged(const struct ff_image *image)
{
	for (uint32_t i = 1; i < image->maps_n; i++) {
		const struct ff_image_map *map = &image->maps[i];
		struct stat now;
		if (map->borrowed || fstat(map->fd, &now) < 0)
			continue;
		if (now.st_size != map->was.st_size || now.st_mtim.tv_sec != map->was.st_mtim.tv_sec ||
			now.st_mtim.tv_nsec != map->was.st_mtim.tv_nsec)
			return ff_error_create(
				FF_EFORMAT, "%s: changed while it was read: ask again once it is whole", image->name);
	}
	return NULL;
}

struct ff_error *ff_image_map_file(struct ff_image *image, int folder, const char *path, struct ff_image_map **ret)
{
	_cleanup_close_ int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return ff_error_os(errno, "%s: %s", image->name, path);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || image->maps_n == FF_IMAGE_MAPS)
		return ff_error_create(FF_EFORMAT, "%s%s%s: no regular file, or empty",
			strcmp(path, image->name) == 0 ? "" : image->name, strcmp(path, image->name) == 0 ? "" : ": ",
			path);
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return ff_error_os(errno, "%s: mmap", path);
	struct ff_image_map *map = &image->maps[image->maps_n++];
	*map = (struct ff_image_map){.p = p, .n = (size_t)st.st_size, .fd = fd, .was = st};
	fd = -1;
	*ret = map;
	return NULL;
}

// ---- where it comes from ----

static struct ff_error *create(const char *name, struct ff_image **ret)
{
	struct ff_image *image = calloc(1, sizeof(*image));
	if (!image)
		return &ff_enomem;
	*image = (struct ff_image){.u = {.spool = -1}, .layout_fd = -1, .maps_n = 1};
	image->name = strdup(name);
	image->u.name = image->name;
	struct ff_error *err = image->name ? ff_archive(&image->u.lib) : &ff_enomem;
	if (err)
		ff_image_destroy(image);
	else
		*ret = image;
	return err;
}

struct ff_error *ff_image_of_memory(const char *name, const void *p, size_t n, struct ff_image **ret)
{
	_cleanup_image_ struct ff_image *image = NULL;
	struct ff_error *err = create(name, &image);
	if (err)
		return err;
	image->maps[image->maps_n++] = (struct ff_image_map){.p = (uint8_t *)p, .n = n, .borrowed = true};
	err = ff_image_read(image, &(struct ff_layer_from){.p = p, .n = n, .map = 1});
	if (!err)
		*ret = ff_take(&image);
	return err;
}

static struct ff_error *of_file(struct ff_image *image, const char *path)
{
	struct ff_image_map *map = NULL;
	struct ff_error *err = ff_image_map_file(image, AT_FDCWD, path, &map);
	return err || !map ? err : ff_image_read(image, &(struct ff_layer_from){.p = map->p, .n = map->n, .map = 1});
}

static bool has_system(int folder)
{
	static const char *const any[] = {"usr", "etc", "bin", "lib", "opt"};
	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
		if (faccessat(folder, any[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return false;
}

static struct ff_error *of_folder(struct ff_image *image, const char *path)
{
	struct ff_layer none = {0};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ff_error_os(errno, "%s", path);
	if (faccessat(fd, "index.json", F_OK, 0) == 0 && faccessat(fd, "blobs", F_OK, 0) == 0) {
		image->layout_fd = ff_take_fd(&fd);
		return ff_image_lay(image, &none);
	}
	if (!has_system(fd))
		return ff_error_create(FF_EUSAGE,
			"%s: no root folder of an image: neither usr, etc, bin, lib nor opt is in it (a Dockerfile is "
			"read by "
			"'firstfix check --requirements')",
			path);
	image->folder = strdup(path);
	image->live = json_pack("{s:{s:s, s:s, s:b}}", "image", "name", image->name, "kind", "folder", "configured", 0);
	return image->folder && image->live ? NULL : &ff_enomem;
}

struct pipe {
	int fd;
	uint8_t *block;
};

static la_ssize_t read_pipe(struct archive *a, void *arg, const void **ret)
{
	struct pipe *p = arg;
	ssize_t n;
	(void)a;
	*ret = p->block;
	while ((n = read(p->fd, p->block, BLOCK)) < 0 && errno == EINTR)
		;
	return n;
}

static bool is_reference(const char *what)
{
	return isalnum((unsigned char)what[0]) && strlen(what) < 512 &&
		strspn(what, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./:@_-") == strlen(what);
}

static struct ff_error *save(struct ff_image *image, const char *program, const char *what)
{
	_cleanup_free_ uint8_t *block = malloc(BLOCK);
	struct ff_command_stream stream;
	struct ff_command_result r;
	char *argv[] = {(char *)program, "save", (char *)what, NULL};
	struct ff_error *err = block ? ff_command_stream_open(argv, SAVE_MS, false, &stream) : &ff_enomem;
	if (err)
		return err;
	struct pipe from = {stream.fd, block};
	err = ff_image_read(image, &(struct ff_layer_from){.read = read_pipe, .arg = &from});
	ff_command_stream_close(&stream, &r);
	struct ff_span said = ff_span_last_line((struct ff_span){r.output.p, r.output.n});
	if (err && r.exit_code > 0) { // it said nothing that could be an image, and why
		ff_error_destroy(err);
		err = ff_error_create(FF_EUSAGE, "%s save %.200s: %.*s; 'pull' it first, or name a file or folder",
			program, what, (int)(said.n < 240 ? said.n : 240), said.n ? said.p : "no answer");
	}
	ff_buf_deinit(&r.output);
	return err;
}

static struct ff_error *of_reference(struct ff_image *image, const char *what)
{
	static const char *const programs[] = {"docker", "podman", "nerdctl"};
	struct ff_error *err = NULL;
	if (!is_reference(what))
		return ff_error_create(FF_EUSAGE, "--image %.200s: no such file or folder", what);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		_cleanup_free_ char *program = ff_command_find(programs[i]);
		if (!program)
			continue;
		ff_error_destroy(err);
		err = save(image, program, what);
		if (!err || !ff_starts(err->message, program))
			return err;
	}
	return err ? err
		   : ff_error_create(FF_EUSAGE,
			     "--image %.200s: no such file or folder, and neither docker nor podman is here to ask for "
			     "an image of that name; where it is: docker save %.200s -o image.tar",
			     what, what);
}

struct ff_error *ff_image_open(const char *what, struct ff_image **ret)
{
	_cleanup_image_ struct ff_image *image = NULL;
	struct stat st;
	struct ff_error *err = create(what, &image);
	if (err)
		return err;
	if (stat(what, &st) < 0)
		err = errno == ENOENT || errno == ENOTDIR ? of_reference(image, what) : ff_error_os(errno, "%s", what);
	else if (S_ISDIR(st.st_mode))
		err = of_folder(image, what);
	else
		err = of_file(image, what);
	if (!err)
		*ret = ff_take(&image);
	return err;
}
