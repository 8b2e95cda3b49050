// What the headers of a model's files say, wherever they lie.
#pragma once

#include "know/model_memory.h"
#include "model/source.h"

struct ff_model_files {
	struct ff_model model;
	char *place;	     /**< for people: where it was read */
	const char *from;    /**< "folder", "file", "cache", "hub" */
	size_t n;	     /**< files of weights */
	bool sizes_alone;    /**< torch's own files have no header to read: parameters follow from their size */
	uint64_t bytes_read; /**< of all files */
};

/** Read config.json and the header of every file of weights. `what`: a folder, a file, OWNER/NAME in the hub's cache
    or, unless `offline`, on the hub. An error names the file and what to do. */
struct ff_error *ff_model_read(struct ff_host *host, const char *what, bool offline, struct ff_model_files *ret);

void ff_model_files_deinit(struct ff_model_files *files);

#define _cleanup_model_files_ __attribute__((__cleanup__(ff_model_files_deinit)))
