// Where the files of a model lie: a folder, one file, or the hub. Reading is the same for all.
#pragma once

#include "host/host.h"

struct ff_model_source {
	struct ff_error *(*list)(struct ff_model_source *s, struct ff_names *ret); /**< names, sorted */
	/** Bytes of a file, fewer at its end; *ret_size is the size of the file, 0 where it is not known. */
	struct ff_error *(*read)(struct ff_model_source *s, const char *name, uint64_t from, size_t n,
		struct ff_buf *ret, uint64_t *ret_size);
	void (*close)(struct ff_model_source *s);
	char *place;	  /**< for people: the folder or file, the address */
	const char *from; /**< "folder", "file", "cache", "hub" */
	char *only;	  /**< the one file that is meant, or what its name holds ("Q4_K_M"); NULL for all */
};

/** A folder, a file, or what the hub's cache of this machine has of OWNER/NAME. FF_EABSENT: nothing of these. */
struct ff_error *ff_model_local(struct ff_host *host, const char *what, struct ff_model_source **ret);

/** OWNER/NAME, OWNER/NAME:Q4_K_M or an address of it; nothing is asked before the first list or read. The token of
    this machine's user goes to the hub alone. */
struct ff_error *ff_model_hub(struct ff_host *host, const char *what, struct ff_model_source **ret);

void ff_model_source_close(struct ff_model_source *s);

static inline void ff_cleanup_model_source(struct ff_model_source **s)
{
	ff_model_source_close(*s);
}

#define _cleanup_model_source_ __attribute__((__cleanup__(ff_cleanup_model_source)))
