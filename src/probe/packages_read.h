// Installed Python distributions, read from the metadata beside them.
#pragma once

#include "parse/requirement.h"
#include "probe/probe.h"

/** One distribution found in one folder of sys.path. Texts are owned. */
struct ff_dist {
	char *name;		   /**< normalised (PEP 503) */
	char *version;		   /**< NULL when the metadata does not say */
	char *location;		   /**< the folder its modules lie in */
	char *python;		   /**< Requires-Python, or NULL */
	char *requires;		   /**< the requirements that hold here, one a line; NULL for none */
	char *source_url, *commit; /**< direct_url.json; NULL when installed from an index */
	bool editable;
	unsigned folder; /**< index of the folder on sys.path */
};

struct ff_dists {
	struct ff_dist *items;
	size_t n, cap;
	bool incomplete; /**< something could not be read or was too much: the list is no proof of absence */
};

/** Read every distribution of one folder. What is broken becomes a miss that names the file. */
void ff_dists_read(struct ff_probe_ctx *ctx, const char *folder, unsigned index, const struct ff_marker_env *env,
	struct ff_dists *ret);

/** Sort by name; of one name the one that is imported stands first: earliest folder, then highest version. */
void ff_dists_sort(struct ff_dists *dists);

/** The distribution of that name that is imported, NULL when there is none; the list must be sorted. */
const struct ff_dist *ff_dists_find(const struct ff_dists *dists, const char *name);

void ff_dists_deinit(struct ff_dists *dists);

#define _cleanup_dists_ __attribute__((__cleanup__(ff_dists_deinit)))
