// What the files of an image share. For src/host/image*.c only.
#pragma once

#include "host/image.h"
#include "host/image_layer.h"

#include <sys/stat.h>

enum { FF_IMAGE_MAPS = 520, FF_IMAGE_SUSPECTS = 64, FF_IMAGE_DOCUMENT_MAX = 8 << 20 };

/** What lies in an archive of layers: bytes in memory, or read already. */
struct ff_image_member {
	char *name, *alias;
	const uint8_t *p;
	size_t n;
	uint32_t map;
	uint64_t map_at;
	char *own; /**< p, where it is ours */
	struct ff_layer layer;
	bool is_layer;
};

struct ff_image_map {
	uint8_t *p;
	size_t n;
	bool borrowed;
	int fd;		 /**< of a mapped file; none where `borrowed`, and of the spool */
	struct stat was; /**< that file when it was mapped */
};

struct ff_image {
	char *name, *folder;
	struct ff_unpack u;
	struct ff_tree *tree;
	json_t *live;
	struct ff_image_map maps[FF_IMAGE_MAPS]; /**< 0 is the spool */
	uint32_t maps_n;
	struct ff_image_member *members;
	size_t members_n;
	struct ff_image_suspect {
		char *path, *layer;
		struct ff_tree_entry entry;
	} suspects[FF_IMAGE_SUSPECTS];
	size_t suspects_n;
	int layout_fd; /**< OCI's layout as a folder, -1 for none */
};

void ff_image_members_deinit(struct ff_image *image);

/** Map a file, read-only, for as long as the image lives. */
struct ff_error *ff_image_map_file(struct ff_image *image, int folder, const char *path, struct ff_image_map **ret);

/** Read the archive that the layers, or the files, lie in, and lay them. */
struct ff_error *ff_image_read(struct ff_image *image, struct ff_layer_from *from);

/** Lay the layers that were found; `flat` is what stood in the archive besides. */
struct ff_error *ff_image_lay(struct ff_image *image, const struct ff_layer *flat);

/** Put what is known of the whole into `live`, and what the runtime would add: HOME, PATH, the working folder. */
struct ff_error *ff_image_describe(
	struct ff_image *image, const char *kind, const char *tag, size_t layers, uint64_t size, size_t others);
