// The control groups that the worker lies in, from its own up to the highest that can be seen, in version 1 and 2.
#pragma once

#include "probe/probe.h"

enum { FF_CGROUP_PATH = 1024 };

/** One folder of a hierarchy. */
struct ff_cgroup_dir {
	char path[FF_CGROUP_PATH]; /**< absolute, as the worker sees it */
	size_t top;		   /**< length of the part that is the mount point */
	bool unified;		   /**< version 2 */
};

/** The worker's own folder for a controller ("memory", "cpu"): the version 1 hierarchy where there is one, else the
    unified one. False when none is mounted or /proc does not say. */
bool ff_cgroup_leaf(struct ff_probe_ctx *ctx, const char *controller, struct ff_cgroup_dir *ret);

/** The folder above; false at the mount point. */
bool ff_cgroup_up(struct ff_cgroup_dir *dir);

/** A small file in it, terminated, freed by the caller; NULL when it cannot be read (silent: not every group has each
    file). */
char *ff_cgroup_file(struct ff_probe_ctx *ctx, const struct ff_cgroup_dir *dir, const char *name);

/** The number in such a file; false when it cannot be read or says that there is no limit. */
bool ff_cgroup_number(struct ff_probe_ctx *ctx, const struct ff_cgroup_dir *dir, const char *name, uint64_t *ret);
