// One layer of an image, or the archive that the layers lie in: what stands in a tar.
#pragma once

#include "base/str.h"
#include "host/archive.h"
#include "host/tree.h"

/** What reading archives has cost so far, over all layers, and where kept bytes go. */
struct ff_unpack {
	const struct ff_archive *lib;
	const char *name;    /**< of the image, for messages */
	int spool;	     /**< a file without a name, -1 until something is kept */
	uint64_t spool_end;  /**< places given away */
	uint64_t spool_used; /**< bytes written */
	uint64_t left_out;   /**< files whose bytes had no room there */
	uint64_t entries, unpacked;
};

/** A tar, perhaps packed: bytes in memory, or a reader that gives them. */
struct ff_layer_from {
	const char *name; /**< of the layer, for messages; "" for the archive itself */
	const uint8_t *p; /**< NULL: from `read` */
	size_t n;
	uint32_t map; /**< the number of the mapping, and where in it p lies */
	uint64_t map_at;
	archive_read_callback *read;
	void *arg;
	/** Asked for each regular file of it: true when it was taken in another way. May be NULL */
	bool (*taken)(void *arg, const char *path, uint64_t size, struct archive *a, struct ff_error **ret_err);
	/** Likewise for a link from one member to another; may be NULL */
	bool (*alias)(void *arg, const char *path, const char *target);
	void *taken_arg;
};

struct ff_layer_entry {
	size_t path, link; /**< in `text`; 0 for no link */
	bool hard;
	struct ff_tree_entry entry; /**< its `link` is not set yet */
};

struct ff_layer {
	struct ff_buf text;
	struct ff_layer_entry *entries;
	size_t n, cap;
	uint64_t unpacked;
};

void ff_layer_deinit(struct ff_layer *layer);

#define _cleanup_layer_ FF_CLEANUP(ff_layer_deinit)

/** Read it. Errors name the image, the layer, the entry and what to do. */
struct ff_error *ff_layer_read(struct ff_unpack *u, const struct ff_layer_from *from, struct ff_layer *ret);

/** Put it over what is in the tree: first what it takes away (.wh.NAME, .wh..wh..opq), then what it brings. */
struct ff_error *ff_layer_apply(
	struct ff_unpack *u, const struct ff_layer *layer, const char *name, struct ff_tree *tree);
