// A tree of files in memory: what the layers of an image leave, one over the other. Nothing of it is on a disk but the
// contents, which lie where they were found; a path is resolved here, so none can lead out.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

enum ff_tree_held {
	FF_TREE_NOTHING, /**< only name, size and rights are known */
	FF_TREE_PARTS,	 /**< the parts that headers lie in; the rest reads as zeros */
	FF_TREE_WHOLE,
};

/** Where a file's bytes lie: `at` in a mapping that the owner of the tree knows by this number. */
struct ff_tree_bytes {
	uint32_t map;
	enum ff_tree_held held;
	uint64_t at;
};

struct ff_tree_entry {
	mode_t mode; /**< with the type */
	uid_t uid;
	gid_t gid;
	uint64_t size;
	struct ff_tree_bytes bytes;
	const char *link; /**< what a symbolic link says, else NULL */
};

struct ff_tree;

struct ff_error *ff_tree_create(struct ff_tree **ret);
void ff_tree_destroy(struct ff_tree *tree);

static inline void ff_cleanup_tree(struct ff_tree **tree)
{
	ff_tree_destroy(*tree);
}

#define _cleanup_tree_ __attribute__((__cleanup__(ff_cleanup_tree)))

/** A place in the tree: 0 is the root. Negative: -errno. */
typedef int64_t ff_tree_place;

/** Put an entry at a path ("usr/lib/x"), with the folders on the way to it; links on the way are followed inside the
    tree. A folder over a folder keeps what is in it, anything else takes the place of what was there. -errno. */
int ff_tree_put(struct ff_tree *tree, const char *path, const struct ff_tree_entry *entry);

/** Take away what is at the path, or only what is in it. What is not there is away already. */
void ff_tree_remove(struct ff_tree *tree, const char *path, bool contents_only);

/** Resolve a path; with `follow` also a link at its end. `ret_path` may be NULL, else it gets PATH_MAX bytes at most:
    the path without links. */
ff_tree_place ff_tree_find(const struct ff_tree *tree, const char *path, bool follow, char *ret_path);

/** What is at a place, borrowed until the tree changes. */
const struct ff_tree_entry *ff_tree_at(const struct ff_tree *tree, ff_tree_place place);

/** Walk through a folder: the first entry for `after` 0, then the one after; 0 at the end. */
ff_tree_place ff_tree_next(
	const struct ff_tree *tree, ff_tree_place folder, ff_tree_place after, const char **ret_name);

/** How many places were ever taken: the tree's size in memory follows from it. */
size_t ff_tree_count(const struct ff_tree *tree);
