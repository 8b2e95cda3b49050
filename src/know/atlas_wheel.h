// For which Pythons, C libraries and machines the wheels of a release are.
#pragma once

#include "base/json.h"
#include "know/atlas.h"

/** The machine that a release is to run on; NULL for what is not known. */
struct ff_atlas_host {
	const char *python, *glibc, *arch; /**< "3.12.4", "2.31", "x86_64" */
};

/** From the facts python.version, system.libc and system.arch; borrows them. */
struct ff_atlas_host ff_atlas_host_of(const json_t *facts);

/** Can this machine have the release as it stands in the index? What is not known counts as yes. Else *ret_what says
    what it asks for, "Python", "glibc" or "" (it has no wheel for the machine), and *ret_need the bounds. NULL for
    what the caller does not want. */
bool ff_atlas_wheel_fits(const struct ff_atlas *a, const struct ff_atlas_package *p, int release,
	const struct ff_atlas_host *host, const char **ret_what, const char **ret_need);

/** The newest and the oldest release within `need` (NULL: any) that this machine can have; -1 for none. False when the
    atlas does not know the package or has no release within the bounds. *ret_newest is the newest within the bounds
    whether it fits or not. */
struct ff_atlas_wheels {
	int newest_fit, oldest_fit, newest;
	struct ff_atlas_package package;
};
bool ff_atlas_wheels_within(const struct ff_atlas *a, const char *package, const char *need,
	const struct ff_atlas_host *host, struct ff_atlas_wheels *ret);
