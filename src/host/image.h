// The image of a container before it runs: an archive of `docker save`, `podman save` or OCI's layout, the tar of a
// file system, OCI's layout as a folder, or what docker or podman know by a name. Its layers are laid one over the
// other in memory (host/tree.h); nothing is unpacked to a disk, and nothing is run.
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "host/tree.h"

struct ff_image;

/** Open it: `what` is a path, or the name of an image here. FF_EUSAGE, FF_EFORMAT or FF_ELIMIT say what is wrong where,
    and what to do. */
struct ff_error *ff_image_open(const char *what, struct ff_image **ret);
/** The same of an archive in memory, which must outlive it. */
struct ff_error *ff_image_of_memory(const char *name, const void *p, size_t n, struct ff_image **ret);
void ff_image_destroy(struct ff_image *image);

/** Are the files that it is read from what they were when it was opened? FF_EFORMAT where not. */
struct ff_error *ff_image_unchanged(const struct ff_image *image);

static inline void ff_cleanup_image(struct ff_image **image)
{
	ff_image_destroy(*image);
}

#define _cleanup_image_ __attribute__((__cleanup__(ff_cleanup_image)))

/** The folder of an image that is one already: then there is nothing else below. NULL: there is a tree. */
const char *ff_image_folder(const struct ff_image *image);
const struct ff_tree *ff_image_tree(const struct ff_image *image);

/** What a captured machine's .firstfix/live.json would say of it, borrowed: env, uname and
    "image": {"name", "kind", "layers", "size", "user", "uid", "gid", "entrypoint", "cmd", "working_dir", ...}. */
json_t *ff_image_live(const struct ff_image *image);

/** The bytes of a file of the tree; false where they were not kept. */
bool ff_image_bytes(const struct ff_image *image, const struct ff_tree_entry *entry, struct ff_span *ret);

/** Files that usually hold secrets, in any layer. Index from 0; false past the last. `ret_gone`: a later layer takes it
    away, and it is still in the image. */
bool ff_image_suspect(const struct ff_image *image, size_t index, const char **ret_path, const char **ret_layer,
	bool *ret_gone, struct ff_span *ret_bytes);
